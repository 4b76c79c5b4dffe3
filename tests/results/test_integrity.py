"""A run directory proves itself: whatever changed in it after it was closed is told, with the file's name."""

import random
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from short_run import make_short_run

from leasebench.bench.closing import close_run, close_trial, cover, reopen_run
from leasebench.results.evidence.parquet import parquet_file
from leasebench.results.reading.integrity import examine
from leasebench.results.record.checksums import as_lines, of_lines
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.record.names import CHECKSUMS_FILE
from leasebench.results.run import load

FLIPS = 500


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Path:
    """A run of two trials."""
    return make_short_run(tmp_path_factory.mktemp("recorded") / "r")


@pytest.fixture
def run(recorded, tmp_path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(recorded, tmp_path / "r"))


def flip(path: Path, rng: random.Random) -> bytes:
    """Turn one bit of a file over. Returns what it held."""
    held = path.read_bytes()
    data, bit = bytearray(held), rng.randrange(len(held) * 8)
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)
    return held


def test_a_run_that_nobody_touched_is_covered_whole(recorded):
    found = examine(recorded)
    assert (found.damaged, found.uncovered) == ((), ())
    files = [path for path in recorded.rglob("*") if path.is_file() and path != recorded / CHECKSUMS_FILE]
    assert found.covered == len(files)
    assert load(recorded).problems == []


def test_coreutils_reads_it_too(recorded):
    for folder in (recorded, *recorded.glob("trials/*")):
        subprocess.run(["sha256sum", "--check", "--strict", "--quiet", CHECKSUMS_FILE], cwd=folder, check=True)


def test_no_flip_of_a_single_bit_in_any_file_is_accepted(run):
    rng = random.Random(1)
    files = sorted(path for path in run.rglob("*") if path.is_file())
    for _ in range(FLIPS):
        path = rng.choice(files)
        held = flip(path, rng)
        told = examine(run).damaged
        assert told, path
        if path.name != CHECKSUMS_FILE:  # of a flip in that itself the file is named that seems to be another
            assert any(str(path) in line for line in told)
        path.write_bytes(held)
    assert examine(run).damaged == ()


HEADER_BYTES = 64
"""A page's checksum covers what stands behind its header, which has some 20 bytes: a flip there is told by SHA256SUMS
only."""


def in_pages(path: Path) -> list[int]:
    """The bytes of a table that are in a page, behind its header."""
    held = parquet_file(path).metadata
    chunks = [
        held.row_group(group).column(at) for group in range(held.num_row_groups) for at in range(held.num_columns)
    ]
    starts = {start for one in chunks for start in (one.dictionary_page_offset, one.data_page_offset) if start}
    ends = sorted({*starts, max(one.data_page_offset + one.total_compressed_size for one in chunks)})
    pages = [(low, high) for low, high in pairwise(ends) if low in starts]
    size = path.stat().st_size - int.from_bytes(path.read_bytes()[-8:-4], "little") - 8
    return [at for low, high in pages for at in range(low + HEADER_BYTES, min(high, size))]


@pytest.mark.parametrize("name", ["history.parquet", "journal.parquet"])
def test_a_flip_in_the_pages_of_a_table_never_gives_other_rows(run, name):
    rng = random.Random(2)
    path = next(run.glob(f"trials/*/{name}"))
    held = path.read_bytes()
    rows = parquet_file(path).read()
    covered = in_pages(path)
    told = 0
    for _ in range(150):
        data, bit = bytearray(held), rng.choice(covered) * 8 + rng.randrange(8)
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(data)
        try:
            assert parquet_file(path).read().equals(rows)
        except (OSError, pa.ArrowException):
            told += 1
    assert told > 100


def test_a_file_or_a_trial_that_is_gone_is_told(run):
    first, second = sorted(run.glob("trials/*"))
    (first / "history.parquet").unlink()
    shutil.rmtree(second)
    told = examine(run).damaged
    assert [any(name in line for line in told) for name in (f"{first.name}/history.parquet", second.name)] == [True] * 2


def test_what_is_made_of_a_run_later_is_no_damage(run):
    (run / "report.html").write_text("a page")
    assert examine(run).damaged == ()


def test_what_was_never_closed_is_uncovered_and_no_damage(run):
    reopen_run(run)
    trial = next(run.glob("trials/*"))
    (trial / CHECKSUMS_FILE).unlink()
    found = examine(run)
    assert found.damaged == ()
    assert [str(run) in line or str(trial) in line for line in found.uncovered] == [True, True]


def test_a_run_is_closed_anew_after_it_went_on(run):
    reopen_run(run)
    (run / "summary.json").write_text("{}")
    trial = next(run.glob("trials/*"))
    (trial / "note.txt").write_text("more")
    close_trial(trial)
    close_run(run)
    assert examine(run).damaged == ()
    (trial / "note.txt").write_text("less")
    (told,) = examine(run).damaged
    assert "note.txt" in told


def test_one_more_file_is_covered_without_a_look_at_the_others(run):
    (run / "manifest.json").write_text("damaged")
    (run / "explored.json").write_text("{}")
    cover(run, "explored.json")
    (told,) = examine(run).damaged
    assert "manifest.json" in told
    (run / "explored.json").write_text("[]")
    assert len(examine(run).damaged) == 2


ZEROS = "0" * 64
LETTERS = st.characters(codec="utf-8", exclude_characters="\0\n/")
NAMES = st.text(LETTERS, min_size=1).filter(lambda name: name not in (".", ".."))
DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64)


@given(st.dictionaries(NAMES, DIGESTS))
def test_what_is_written_is_read_back(checksums):
    assert of_lines(as_lines(checksums), Path("SHA256SUMS")) == checksums


@pytest.mark.parametrize(
    "line",
    ["", "abc  x", f"{ZEROS} x", f"{ZEROS}  ", f"{ZEROS}  /etc/passwd", f"{ZEROS}  a/../../b", f"{'G' * 64}  a"],
)
def test_a_line_that_is_none_is_refused_with_its_number(line):
    with pytest.raises(BadRunDirectory, match="line 2 "):
        of_lines("\n".join([ZEROS + "  fine", line, ""]), Path("SHA256SUMS"))
