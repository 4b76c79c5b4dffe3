"""The report as a user asks for it: of a real run, and of one that is damaged."""

import shutil
from pathlib import Path

import pytest
from commands import leasebench, suite_text


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("report")
    (place / "tiny.toml").write_text(suite_text("mine_open mine_monotonic", scenario="paused", duration_s=0.5))
    ran = leasebench("run", "tiny.toml", "--seed", 1, "--out", "r", cwd=place)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return place


@pytest.fixture
def place(original, tmp_path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "p"))


def test_a_report_is_one_file_and_the_command_ends_with_the_advice(place):
    made = leasebench("report", "r", cwd=place)
    assert made.returncode == 0, made.stderr
    first, *said = made.stdout.splitlines()
    assert first == "r/report.html"
    assert said[0].startswith("Advice: mine_monotonic is the only guard")
    text = (place / "r/report.html").read_text()
    assert text.lstrip().startswith("<!doctype html>")
    assert "mine_open" in text
    assert sorted(path.name for path in (place / "r").iterdir() if "part" in path.name) == []


def test_it_goes_where_it_is_asked(place):
    assert leasebench("report", "r", "--out", "page.html", cwd=place).returncode == 0
    assert (place / "page.html").stat().st_size > 500_000
    assert not (place / "r/report.html").exists()


def test_of_a_damaged_run_what_can_be_read_is_read(place):
    journal = next((place / "r").glob("trials/*mine_open*/journal.parquet"))
    journal.write_bytes(journal.read_bytes()[:100])
    made = leasebench("report", "r", cwd=place)
    assert made.returncode == 2
    (line,) = made.stderr.splitlines()
    assert line.startswith(f"leasebench: {journal.relative_to(place)}: ")
    assert "mine_monotonic" in (place / "r/report.html").read_text()


@pytest.mark.parametrize("name", ["nothing", "p"])
def test_what_is_no_run_is_named_in_one_line(place, name):
    (place / "p").mkdir()
    made = leasebench("report", name, cwd=place)
    assert made.returncode == 2
    told = {
        "p": "p: not a run directory: it has no suite.toml",
        "nothing": "unknown run 'nothing': there is none in runs; a run is named by its path, its name in runs, or its "
        "suite's name",
    }
    assert made.stderr == f"leasebench: {told[name]}\n"
