"""Two runs take turns, trial by trial, and however it ends nothing is left running."""

import itertools
import shutil
import signal
import stat
import sys
import tempfile
from pathlib import Path

import pytest
from commands import Started, leasebench, read, suite_text, trial_facts, until
from hypothesis import given
from hypothesis import strategies as st

from leasebench.bench.turns import SideCommand, SideFailed, Turns, order_of
from leasebench.definitions import DefinitionError
from leasebench.results.compare.changes import changes
from leasebench.results.record.manifest import read_manifest, took_turns
from leasebench.results.run import load


@given(st.lists(st.integers(1, 40), min_size=2, max_size=2), st.integers(0, 99))
def test_each_side_gets_its_turns_spread_over_the_whole(trials, seed):
    order = order_of(trials, seed)
    assert [order.count(side) for side in (0, 1)] == trials
    assert order == order_of(trials, seed)
    for upto in range(len(order)):
        shares = [order[:upto].count(side) / trials[side] for side in (0, 1)]
        assert abs(shares[0] - shares[1]) <= 1 / trials[0] + 1 / trials[1]


@given(st.integers(1, 40), st.integers(0, 99))
def test_as_many_trials_on_both_sides_make_pairs(trials, seed):
    order = order_of([trials, trials], seed)
    assert all(sorted(order[at : at + 2]) == [0, 1] for at in range(0, 2 * trials, 2))


def test_who_is_first_in_a_pair_is_drawn():
    firsts = order_of([100, 100], 1)[::2]
    assert 25 < sum(firsts) < 75


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """The directory of two runs that took turns, `ab/a` and `ab/b`, with what was said as `out`."""
    place = tmp_path_factory.mktemp("turns")
    (place / "a.toml").write_text(suite_text(trials=2, duration_s=0.2))
    (place / "b.toml").write_text(suite_text(trials=2, duration_s=0.2).replace("endpoints = 4", "endpoints = 5"))
    words = ("run", "a.toml", "--against", "b.toml", "--against-python", sys.executable, "--seed", 4, "--out", "ab")
    ran = leasebench(*words, cwd=place)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (place / "out").write_text(ran.stdout)
    return place


class TestTurns:
    def test_run_one_trial_at_a_time_in_pairs_with_one_seed(self, place):
        a, b = (trial_facts(place / "ab" / side) for side in "ab")
        assert [one["seed"] for one in a] == [one["seed"] for one in b]
        assert [len(one["endpoints"]) for one in (a[0], b[0])] == [4, 5]
        spans = sorted((one["start_ns"], one["end_ns"]) for one in (*a, *b))
        assert all(end < start for (_, end), (start, _) in itertools.pairwise(spans))
        for pair in zip(a, b, strict=True):
            between = [one for one in (*a, *b) if one not in pair]
            low, high = min(one["end_ns"] for one in pair), max(one["start_ns"] for one in pair)
            assert not any(low < one["start_ns"] < high for one in between)

    def test_leave_two_runs_that_check(self, place):
        for side in ("ab/a", "ab/b"):
            assert read(place / side / "summary.json")["complete"]
            assert leasebench("check", side, cwd=place).returncode == 0

    def test_are_compared_in_pairs_with_no_drift_taken_out(self, place):
        a, b = load(place / "ab/a"), load(place / "ab/b")
        assert took_turns(a.manifest, b.manifest)
        found = changes(a, b)
        assert found.in_turns
        assert found.drifts == {}
        assert not any("one run" in line for line in found.warnings)

    def test_are_no_turns_any_more_if_one_went_on_alone(self, place):
        a, b = (read_manifest(place / "ab" / side) for side in "ab")
        alone = b.model_copy(update={"resumed": ("once",)})
        assert not took_turns(a, alone)
        assert not took_turns(a, a)
        assert not took_turns(a, b.model_copy(update={"interleaved": None}))


def test_ctrl_c_ends_both_sides_and_leaves_nothing_running(tmp_path):
    (tmp_path / "a.toml").write_text(suite_text(trials=20, duration_s=0.2))
    temporary = Path(tempfile.mkdtemp(prefix="lbt", dir="/tmp"))
    run = Started("run", "a.toml", "--against", "a.toml", "--seed", 1, "--out", "ab", cwd=tmp_path, temporary=temporary)
    try:
        until(lambda: any((tmp_path / "ab").glob("?/trials/0002-*/trial.json")), "the second pair goes on")
        run.family()
        run.process.send_signal(signal.SIGINT)
        code, _, err = run.ended()
        assert (code, err.count("\n")) == (130, 1), err
        assert run.left() == []
        for side in ("a", "b"):
            assert not read(tmp_path / "ab" / side / "summary.json")["complete"]
    finally:
        run.clear()
        shutil.rmtree(temporary, ignore_errors=True)


def fake(path: Path, script: str) -> Path:
    """What stands in for an interpreter with another version."""
    path.write_text(f"#!{sys.executable}\nimport sys\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


SPEAKS = """
print('{"paced": 1, "trials": 3}', flush=True)
for number, line in enumerate(sys.stdin):
    %s
    print('{"trial": 1, "said": "well"}', flush=True)
"""
WELL = SPEAKS % "pass"


def both(tmp_path: Path, script: str) -> list[str]:
    sides = [SideCommand("a", fake(tmp_path / "a.py", WELL), ()), SideCommand("b", fake(tmp_path / "b.py", script), ())]
    turns = Turns(sides, "embedded", tmp_path / "out", 1)
    said = list(turns)
    assert turns.exit_codes == [0, 0]
    return said


def test_a_side_is_whatever_speaks_the_protocol(tmp_path):
    said = both(tmp_path, WELL)
    assert sorted(said) == [f"{side} {number} of 3: well" for side in "ab" for number in (1, 2, 3)]


@pytest.mark.parametrize(
    ("script", "error", "told"),
    [
        ("sys.exit('No such option: --paced')", DefinitionError, "too old to take turns"),
        ("sys.exit('leasebench: unknown suite')", DefinitionError, "side b: unknown suite"),
        ("pass", DefinitionError, "ended without a word"),
        (SPEAKS % "sys.exit('the disk is full')", SideFailed, "the disk is full"),
        ("print('hello', flush=True); sys.stdin.read()", SideFailed, "another protocol"),
    ],
    ids=["too old", "refuses", "says nothing", "ends amid its trials", "says something else"],
)
def test_a_side_that_can_not_take_its_turn_is_told_in_one_line(script, error, told, tmp_path):
    with pytest.raises(error, match=told) as raised:
        both(tmp_path, script)
    assert len(str(raised.value).splitlines()) == 1


def test_options_that_turns_do_not_have_are_refused_in_one_line(tmp_path):
    ran = leasebench("run", "steady", "--against", "burst", "--budget", "1h", cwd=tmp_path)
    assert (ran.returncode, ran.stdout, len(ran.stderr.splitlines())) == (2, "", 1)


def test_an_interpreter_that_is_not_there_is_told_before_anything_begins(tmp_path):
    ran = leasebench("run", "steady", "--against-python", "venv/bin/python", "--out", "ab", cwd=tmp_path)
    assert (ran.returncode, ran.stdout, len(ran.stderr.splitlines())) == (2, "", 1)
    assert "venv/bin/python" in ran.stderr
    assert list(tmp_path.iterdir()) == []
