"""What a user reads on terminals of several widths: names and intervals whole, no line longer than the terminal."""

import re
import shlex
import sys
from pathlib import Path

import pytest
from commands import LAST_WRITER, MONOTONIC, PAUSED, leasebench, on_terminal

sys.path.insert(0, str(Path(__file__).parent.parent / "results"))

from compared import GUARDS, write_run

OPEN = "whoever_writes_last_wins_without_a_check"
SAFE = "only_a_newer_version_may_ever_be_written"
SCENARIO = "two_of_three_are_stopped_before_a_commit"
WIDTHS = (80, 100, 120, 200)
LONG_S = 60
INTERVAL = re.compile(r"\d\.\d\d \[\d\.\d\d, \d\.\d\d\]|\d, below \d\.\d\d")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two runs of guards and a scenario with names of forty letters: a real one in `q`, written ones in `a` and `b`."""
    assert {len(OPEN), len(SAFE), len(SCENARIO)} == {40}
    here = tmp_path_factory.mktemp("wide")
    own = (LAST_WRITER + MONOTONIC + PAUSED).replace("mine_open", OPEN).replace("mine_monotonic", SAFE)
    head = f'about = "tiny"\nguards = ["{OPEN}", "{SAFE}"]\nscenarios = ["{SCENARIO}"]\n'
    head += "trials = 1\nduration_s = 0.5\nmin_races = 1\nsettle_s = 0.3\n"
    (here / "tiny.toml").write_text(head + own.replace("scenario.paused", f"scenario.{SCENARIO}"))
    for seed, name in enumerate("ab"):
        write_run(here / name, {OPEN: GUARDS["open"], SAFE: GUARDS["locked"]}, (SCENARIO, "steady"), seed=seed)
    return here


@pytest.fixture(scope="module")
def ran(place):
    """What `run` shows on a terminal of 80 columns, its live display included."""
    lines = shown(80, "run", "tiny.toml", "--seed", 1, "--out", "q", cwd=place)
    assert (place / "q" / "summary.json").exists(), "\n".join(lines)
    return lines


def shown(width, *arguments, cwd):
    """The lines that the command writes to a terminal of so many columns, without colours."""
    _, said = on_terminal(width, *arguments, cwd=cwd, TERM="xterm")
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said)
    return [line.rstrip() for line in re.split(r"[\r\n]+", plain) if line.strip()]


def assert_whole(lines, width, *names):
    """No line is longer than the terminal, but for commands to be copied; nothing is cut; every name stands there."""
    assert [line for line in lines if len(line) > width and not line.strip().startswith("leasebench ")] == []
    assert "…" not in "".join(lines)
    assert set(names) <= {word.strip(":,;().") for line in lines for word in line.split()}


def test_a_run_is_read_whole_at_80_columns(ran):
    assert_whole(ran, 80, OPEN, SAFE, SCENARIO)
    assert any(line.startswith("trial 1 of 2: ") for line in ran)
    rows = [line.split() for line in ran if line.split()[0] in (OPEN, SAFE)]
    assert [OPEN, "stale"] in [row[:2] for row in rows]
    assert any(row[:2] == [SAFE, "clean"] for row in rows)
    assert any(line.startswith("left out at a width of 80: ") for line in ran)


@pytest.mark.usefixtures("ran")
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    "command", ["check q", "compare q", "compare a", "compare a b", "compare a --all", "explain q --list"]
)
def test_guards_and_scenarios_stand_whole_at_every_width(place, command, width):
    lines = shown(width, *shlex.split(command), cwd=place)
    assert_whole(lines, width, OPEN)
    assert len(lines) > 3


@pytest.mark.usefixtures("ran")
@pytest.mark.parametrize("width", WIDTHS)
def test_verdict_and_interval_stand_beside_their_guard(place, width):
    rows = [line for line in shown(width, "check", "q", cwd=place) if line.split()[0] in (OPEN, SAFE)]
    verdicts = [line for line in rows if line.split()[1] in ("stale", "clean")]
    assert [line.split()[:2] for line in verdicts] == [[OPEN, "stale"], [SAFE, "clean"]]
    assert all(INTERVAL.search(line) for line in verdicts)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("what", ["guards", "scenarios", "suites", "faults", "managers"])
def test_lists_are_folded_between_words(tmp_path, what, width):
    lines = shown(width, "list", what, cwd=tmp_path)
    assert_whole(lines, width)
    named = [line.split()[0] for line in leasebench("list", what, cwd=tmp_path).stdout.splitlines()]
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == named


def test_explored_guards_stand_whole_at_80_columns(tmp_path):
    lines = shown(80, "explore", "fenced_by_lock_order", "fence_registered", "--plans", 2, cwd=tmp_path)
    assert_whole(lines[1:], 80, "fenced_by_lock_order", "fence_registered")


@pytest.mark.usefixtures("ran")
class TestPipe:
    def widths(self, place, **environment):
        shown = leasebench("check", "q", cwd=place, env=environment).stdout.splitlines()
        return max(map(len, shown)), shown

    def test_a_pipe_is_132_columns_wide_and_as_wide_as_columns_says(self, place):
        for width, environment in ((132, {"COLUMNS": ""}), (80, {"COLUMNS": "80"}), (100, {"COLUMNS": "100"})):
            (told,) = [line for line in self.widths(place, **environment)[1] if line.startswith("left out at")] or [""]
            assert told.startswith(f"left out at a width of {width}: ")

    def test_no_sentence_is_folded_in_a_pipe(self, place):
        longest, shown = self.widths(place, COLUMNS="80")
        assert longest > 80
        assert any(line.startswith("Advice: ") and line.endswith(").") for line in shown)

    def test_a_list_has_a_line_a_name_in_a_pipe(self, place):
        listed = leasebench("list", "guards", cwd=place, env={"COLUMNS": "80"}).stdout.splitlines()
        assert all(not line.startswith(" ") for line in listed)
