"""Two runs with one seed have in common what the seed decides; what was changed in one of them is told."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commands import leasebench, read, suite_text

from leasebench.results.compare.repeats import DUE, FAULTS, TRIALS, repeated
from leasebench.results.record.faults import FAULTS as FAULT_ROWS
from leasebench.results.record.faults import read_faults
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.record.journal import RowKind
from leasebench.results.run import load

PAUSES = """
[[scenario.calm.faults]]
kind = "pause"
enactors = [0, 1]
per_s = 10.0
ms = 30
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> tuple[Path, Path]:
    """Two runs of one suite with one seed; not to be written into."""
    place = tmp_path_factory.mktemp("repeats")
    (place / "tiny.toml").write_text(suite_text(duration_s=0.6) + PAUSES)
    for name in ("a", "b"):
        ended = leasebench("run", "tiny.toml", "--seed", 11, "--out", name, cwd=place)
        assert (place / name / "summary.json").exists(), ended.stderr
    return place / "a", place / "b"


@pytest.fixture
def spoilt(runs, tmp_path) -> Path:
    """A copy of the second run without its checksums, that a test may change."""
    return Path(shutil.copytree(runs[1], tmp_path / "b", ignore=shutil.ignore_patterns("SHA256SUMS")))


def trial(run: Path) -> Path:
    return min((run / "trials").iterdir())


def found(run: Path, other: Path) -> dict[str, tuple[int, int]]:
    return {one.what: (one.compared, one.different) for one in repeated(load(run), load(other))}


def test_what_the_seed_decides_is_equal_in_two_runs(runs):
    counts = found(*runs)
    assert counts[TRIALS] == (2, 0)
    for what in (DUE, FAULTS):
        compared, different = counts[what]
        assert compared >= 2, what
        assert different == 0, what


def test_a_trial_of_another_seed_is_told(runs, spoilt):
    path = trial(spoilt) / "trial.json"
    path.write_text(json.dumps(read(path) | {"seed": 1}))
    assert found(runs[0], spoilt)[TRIALS] == (2, 1)


def test_a_plan_that_was_due_a_microsecond_later_is_told(runs, spoilt):
    path = trial(spoilt) / "journal.parquet"
    table = pq.read_table(path)
    rows = table.to_pandas()
    published = rows.index[(rows["kind"] == RowKind.PUBLISH) & (rows["due_ns"] > 0)]
    rows.loc[published[0], "due_ns"] += 1_000
    pq.write_table(pa.Table.from_pandas(rows, schema=table.schema, preserve_index=False), path)
    assert found(runs[0], spoilt)[DUE][1] == 1
    told = leasebench("repeats", runs[0], spoilt, cwd=spoilt)
    assert told.returncode == 1
    assert trial(spoilt).name in told.stderr
    assert leasebench("repeats", *runs, cwd=spoilt).returncode == 0


def test_a_fault_that_was_to_last_longer_is_told(runs, spoilt):
    folder = trial(spoilt)
    first, *others = sorted(read_faults(folder), key=lambda row: row.start_ns)
    longer = first.model_copy(update={"asked_ms": first.asked_ms + 1})
    (folder / "faults.json").write_bytes(FAULT_ROWS.dump_json((longer, *others), by_alias=True))
    assert found(runs[0], spoilt)[FAULTS][1] == 1


def test_a_file_that_is_damaged_is_named(runs, tmp_path):
    damaged = Path(shutil.copytree(runs[1], tmp_path / "b"))
    path = trial(damaged) / "faults.json"
    path.write_bytes(path.read_bytes() + b" ")
    told = leasebench("repeats", runs[0], damaged, cwd=tmp_path)
    assert told.returncode == 2
    assert str(path) in told.stderr


def test_runs_of_two_seeds_or_suites_are_not_held_against_each_other(runs, spoilt):
    path = spoilt / "manifest.json"
    path.write_text(json.dumps(read(path) | {"seed": 12}))
    with pytest.raises(BadRunDirectory, match="--seed 11"):
        repeated(load(runs[0]), load(spoilt))
    shutil.copy(runs[1] / "manifest.json", path)
    suite = spoilt / "suite.toml"
    suite.write_text(suite.read_text().replace("settle_s = 0.3", "settle_s = 0.4"))
    with pytest.raises(BadRunDirectory, match="suite"):
        repeated(load(runs[0]), load(spoilt))
