"""Damaged runs, suites and traces through every command: an exit code that is documented, a line, and nothing worse."""

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from campaign import Found, wrong_with
from forked import Captured
from material import COMMAND

RUNS, SUITES, TRACES = 10, 40, 25
"""Cases a test. `python tests/fuzz/campaign.py --minutes 60` goes on from other seeds."""


@pytest.fixture
def found(campaign):
    campaign.found = Found()
    return campaign.found


@pytest.mark.parametrize("part", range(6))
def test_a_damaged_run_is_refused_in_a_line_or_answered_by_what_it_holds(part, campaign, found):
    for number in range(RUNS):
        campaign.runs(100_000 + part * RUNS + number)
    assert found.wrong == []
    assert found.codes[2] > 2, "damage is told"


@pytest.mark.parametrize("part", range(2))
def test_a_damaged_suite_is_refused_in_a_line(part, campaign, found):
    for number in range(SUITES):
        campaign.suites(100_000 + part * SUITES + number)
    assert found.wrong == []
    assert found.codes[2] > SUITES // 4


def test_a_damaged_trace_is_refused_in_a_line(campaign, found):
    for number in range(TRACES):
        campaign.traces(100_000 + number)
    assert found.wrong == []
    assert found.codes[2] > TRACES // 4


def test_every_reader_answers_a_run_that_is_sound(campaign, material, tmp_path):
    """The control: what is refused above is refused for its damage."""
    from campaign import READERS

    shutil.copytree(material / "run", tmp_path / "r")
    shutil.copytree(material / "run", tmp_path.parent / "run", dirs_exist_ok=True)
    for words in READERS:
        ended = campaign._commands(*words, cwd=tmp_path)
        assert list(wrong_with(ended)) == [], words
        fine = (0, 1, 3, 4) if words[:2] != ("run", "--resume") else (2,)  # it is complete
        assert ended.code in fine, (words, ended.err)


def test_what_is_wrong_with_an_answer_is_found():
    """The control of the judge."""

    def judged(code=0, err="", out="", rss=1, hung=False):
        return len(list(wrong_with(Captured(code, 0.0, 0.0, rss, hung, (), out, err))))

    assert judged() == judged(2, "leasebench: x: is missing\n") == 0
    assert judged(code=7) == judged(hung=True) == judged(code=2) == judged(rss=2_000_000_000) == 1
    assert judged(err="Traceback (most recent call last)\n") == judged(err="x" * 501) == judged(out="\x1b[31m") == 1


def told(*words: object, cwd: Path) -> str:
    """The one line of a real process that refuses."""
    ended = subprocess.run(
        [str(COMMAND), *map(str, words)], cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 2, (words, ended.returncode, ended.stderr)
    (line,) = ended.stderr.splitlines()
    assert len(line) <= 500
    return line


def huge(path: Path) -> None:
    path.touch()
    os.truncate(path, 1_200_000_000)


REPLACED = {
    "a pipe": os.mkfifo,
    "a directory": os.mkdir,
    "a link to nowhere": lambda path: path.symlink_to("nowhere"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a huge file": huge,
    "nothing in it": lambda path: path.touch(),
    "a binary": lambda path: path.write_bytes(bytes(range(256)) * 40),
    "deep JSON": lambda path: path.write_text("[" * 200_000),
}
FILES = ("faults.json", "trial.json", "history.parquet", "journal.parquet")


@pytest.mark.parametrize("what", REPLACED)
def test_whatever_stands_in_the_place_of_a_file_is_told_with_its_name(what, material, tmp_path):
    from leasebench.results.record.file import BadRunDirectory
    from leasebench.results.summary.derivation import summarise

    run = Path(shutil.copytree(material / "run", tmp_path / "r"))
    trial = min(run.glob("trials/*-paused"))
    for name in FILES:
        kept = (trial / name).read_bytes()
        (trial / name).unlink()
        REPLACED[what](trial / name)
        with pytest.raises(BadRunDirectory, match=name) as error:
            summarise(run)
        assert "\n" not in str(error.value)
        remove(trial / name)
        (trial / name).write_bytes(kept)
    assert summarise(run).cells


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink()


@pytest.mark.parametrize("name", ["suite.toml", "trials/{}/latency.hlog", "SHA256SUMS"])
def test_a_pipe_is_not_waited_for(name, material, tmp_path):
    run = Path(shutil.copytree(material / "run", tmp_path / "r"))
    path = run / name.format(min(run.glob("trials/*-paused")).name)
    path.unlink()
    os.mkfifo(path)
    assert path.name in told("table", "r", cwd=tmp_path)


def test_a_line_is_never_longer_than_500_characters_and_keeps_both_ends(tmp_path):
    (tmp_path / "x.toml").write_text(f'guards = ["{"g" * 100_000}"]\nscenarios = ["steady"]\n')
    line = told("run", "x.toml", cwd=tmp_path)
    assert line.startswith("leasebench: x.toml:1: guards.0: unknown guard 'ggg")
    assert "characters]" in line


@pytest.mark.parametrize("base", ["[]", "[1]", "{a = 1}", "3"])
def test_a_base_that_is_no_name_is_told_at_its_line(base, tmp_path):
    (tmp_path / "x.toml").write_text(f'guards = ["monotonic"]\nscenarios = ["a"]\n[scenario.a]\nlike = {base}\n')
    assert "x.toml:4: scenario.a.like: " in told("run", "x.toml", cwd=tmp_path)


@pytest.mark.parametrize("name", ["cell", "start_ns"])
def test_a_table_with_a_column_twice_with_nulls_or_impossible_times_is_no_journal(name, material, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    from leasebench.results.evidence.journal_table import read_journal
    from leasebench.results.record.file import BadRunDirectory

    table = pq.read_table(next(material.glob("run/trials/*/journal.parquet")))
    at = table.column_names.index(name)
    nulls = pa.nulls(len(table), table.schema.field(at).type)
    odd = pa.array([1 << 62] * len(table), pa.int64()) if name == "start_ns" else pa.array([0] * len(table), pa.int64())
    path = tmp_path / "journal.parquet"
    for changed in (
        table.append_column(name, table.column(at)),
        table.set_column(at, name, nulls),
        table.set_column(at, name, odd),
        table.remove_column(at),
    ):
        pq.write_table(changed, path)
        with pytest.raises(BadRunDirectory, match=r"journal\.parquet: "):
            read_journal(path)


def test_a_socket_is_no_file(tmp_path, monkeypatch):
    from leasebench.results.record.file import BadRunDirectory, must_be_file

    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("s")
    with pytest.raises(BadRunDirectory, match="no file"):
        must_be_file(Path("s"))


def test_a_file_without_permission_is_told(tmp_path):
    """In a process that is nobody: root may read all."""
    program = """
import os, sys
from pathlib import Path
from leasebench.results.record.file import BadRunDirectory, read_text
path = Path(sys.argv[1])
if os.getuid() == 0:
    os.setuid(65534)
try:
    read_text(path)
except BadRunDirectory as error:
    print(error)
"""
    path = tmp_path / "x.json"
    path.write_text("{}")
    path.chmod(0)
    ended = subprocess.run(
        [str(COMMAND.with_name("python")), "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == f"{path}: cannot be read: Permission denied"
