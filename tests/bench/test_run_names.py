"""Every command that takes a run takes it by path, by its name under `runs/`, or by its suite's name."""

from contextlib import chdir
from pathlib import Path

import pytest
from commands import leasebench, suite_text

import leasebench as package
from leasebench.results.record.file import BadRunDirectory

NAMES = {"a path": "runs/tiny-2", "a name under runs": "tiny-2", "a suite": "tiny"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("place")
    (place / "tiny.toml").write_text(suite_text(duration_s=0.5))
    for number in (1, 2):
        ran = leasebench("run", "tiny.toml", "--seed", number, "--out", f"runs/tiny-{number}", cwd=place)
        assert ran.returncode == 0, ran.stdout + ran.stderr
    return place


COMMANDS = {
    "check": (["check", "{}"], "runs/tiny-2: every figure"),
    "compare": (["compare", "{}"], "tiny: 2 guards"),
    "compare two": (["compare", "tiny-1", "{}", "--format", "json"], '"after": "runs/tiny-2"'),
    "a baseline": (["compare", "tiny-1", "--baseline", "{}", "--format", "json"], '"before": "runs/tiny-2"'),
    "plot": (["plot", "{}", "--chart", "verdict_heatmap", "--format", "svg"], "runs/tiny-2/plots/verdict_heatmap.svg"),
    "report": (["report", "{}"], "runs/tiny-2/report.html"),
    "explain": (["explain", "{}", "--violation", "1"], "leasebench explain runs/tiny-2 --violation 2"),
    "export": (["export", "{}", "--table", "cells"], "runs/tiny-2/export/cells.csv"),
}


@pytest.mark.parametrize(
    ("command", "named"),
    [*((command, "a name under runs") for command in COMMANDS), ("check", "a path"), ("check", "a suite")],
)
def test_a_run_is_named_by(command, named, place):
    words, told = COMMANDS[command]
    ended = leasebench(*(word.format(NAMES[named]) for word in words), cwd=place)
    assert ended.returncode not in (2, 5), ended.stderr
    assert told in ended.stdout.replace("\n", ""), ended.stdout


@pytest.mark.parametrize("named", NAMES)
def test_python_names_a_run_the_same_way(named, place):
    with chdir(place):
        assert package.load(NAMES[named]).path == Path("runs/tiny-2")
        assert package.load(Path(NAMES[named])).path == Path("runs/tiny-2")


def test_explored_findings_go_into_a_run_that_is_named_the_same_way(tmp_path):
    ran = leasebench("run", "steady", "--guard", "monotonic", "--duration", 0.3, "--seed", 1, cwd=tmp_path)
    assert ran.returncode in (0, 4), ran.stderr
    explored = leasebench("explore", "--into", "steady", "--plans", 2, cwd=tmp_path)
    assert explored.returncode == 0, explored.stderr
    assert len(list(tmp_path.glob("runs/steady-*/explored.json"))) == 1


def test_a_path_that_exists_wins_over_a_suite_and_over_a_name_under_runs(place):
    for name in ("tiny", "tiny-2"):
        (place / name).mkdir()
        try:
            ended = leasebench("check", name, cwd=place)
        finally:
            (place / name).rmdir()
        assert ended.returncode == 2
        assert ended.stderr.startswith(f"leasebench: {name}: not a run directory")
        assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_a_name_that_means_no_run_is_2_with_the_nearest(command, place):
    words, _ = COMMANDS[command]
    ended = leasebench(*(word.format("tiny-9") for word in words), cwd=place)
    assert ended.returncode == 2
    assert ended.stderr.startswith("leasebench: unknown run 'tiny-9'")
    assert "tiny-2" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_path_that_is_not_there_is_told_as_a_path(place):
    with pytest.raises(BadRunDirectory, match=r"^elsewhere/q1: not a run directory.* suite\.toml$"):
        package.load("elsewhere/q1")
