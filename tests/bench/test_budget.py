"""A run with a time to spend: more trials where they tell most, written down so that it can go on and be checked."""

import json
import shutil
from pathlib import Path

import pytest
from commands import leasebench, read, suite_text, trial_facts

from leasebench.bench.run import plan_trials
from leasebench.bench.suite import load_suite
from leasebench.results.compare.circumstances import order_of_trials
from leasebench.results.record.rounds import read_rounds
from leasebench.results.run import load

SEED = 3
RACES = 40
SERIAL = """
[guard.mine_serial]
about = "one at a time, and the plan is picked inside the lock: nothing is left to race for"
decide = { pick = "inside", check = "never" }
exclude = { manager = "redis", scope = "cell", ttl_ms = 60000 }
commit = "monotonic"
expect = { default = ["clean", "unproven"] }
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """The directory of a run `r` that went on until nothing was unproven that could be proven, and what it said."""
    place = tmp_path_factory.mktemp("budget")
    guards = "mine_open mine_monotonic mine_serial"
    (place / "tiny.toml").write_text(suite_text(guards, duration_s=0.2, min_races=RACES) + SERIAL)
    ran = leasebench("run", "tiny.toml", "--out", "r", "--seed", SEED, "--until-proven", cwd=place)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (place / "out").write_text(ran.stdout)
    return place


def test_a_run_until_proven_leaves_nothing_unproven_but_what_it_gave_up(place):
    cells = {cell["guard"]: cell for cell in read(place / "r/summary.json")["cells"]}
    assert cells["mine_monotonic"]["verdict"] == "clean"
    assert cells["mine_monotonic"]["raced_applications"] >= RACES
    assert (cells["mine_serial"]["verdict"], cells["mine_serial"]["races"]) == ("unproven", 0)
    (given_up,) = read_rounds(place / "r").given_up
    assert (given_up.guard, given_up.reason) == ("mine_serial", "no race in 3 trials")
    assert "given up: mine_serial under calm: no race in 3 trials" in (place / "out").read_text()


def test_its_first_trials_are_those_of_the_suite_without_a_budget(place):
    planned = plan_trials(load_suite(str(place / "tiny.toml")), SEED)
    facts = trial_facts(place / "r")[: len(planned)]
    assert [(one["guard"], one["seed"]) for one in facts] == [(plan.guard.name, plan.seed) for plan in planned]


def test_its_rounds_are_the_trials_that_ran_and_hold_a_cell_once(place):
    rounds = read_rounds(place / "r")
    assert [(one.number, one.guard, one.seed) for one in rounds.trials] == [
        (one["number"], one["guard"], one["seed"]) for one in trial_facts(place / "r")
    ]
    for each in rounds.rounds:
        cells = [(one.guard, one.scenario) for one in each.trials]
        assert len(set(cells)) == len(cells)
        assert f"round {rounds.rounds.index(each) + 1}: " in (place / "out").read_text() or each.purpose == "suite"
    assert order_of_trials(load(place / "r")) == ""


def test_it_is_complete_and_its_figures_follow_from_the_history(place):
    assert read(place / "r/summary.json")["complete"]
    assert leasebench("check", "r", cwd=place).returncode == 0
    again = leasebench("run", "--resume", "r", cwd=place)
    assert (again.returncode, "is complete" in again.stderr) == (2, True)


def test_a_complete_run_gets_more_trials_by_a_budget_and_keeps_to_it(place, tmp_path):
    shutil.copytree(place / "r", tmp_path / "r")
    before = len(trial_facts(tmp_path / "r"))
    ran = leasebench("run", "--resume", "r", "--budget", "4s", cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    rounds = read_rounds(tmp_path / "r")
    assert (rounds.budget_s, rounds.until_proven) == (4.0, False)
    assert rounds.ended is not None
    assert len(trial_facts(tmp_path / "r")) == len(rounds.trials) >= before
    spent = [each.spent_s for each in rounds.rounds]
    assert all(0 <= one <= 4.0 for one in spent[len(read_rounds(place / "r").rounds) :])


def test_a_round_that_was_cut_off_goes_on_with_the_trials_that_are_left(place, tmp_path):
    run = Path(shutil.copytree(place / "r", tmp_path / "r"))
    rounds = read(run / "rounds.json")
    last = rounds["rounds"][-1]["trials"][-1]
    rounds["ended"], rounds["given_up"] = None, []
    (run / "rounds.json").write_text(json.dumps(rounds))
    (cut_off,) = run.glob(f"trials/{last['number']:04d}-*")
    shutil.rmtree(cut_off)
    ran = leasebench("run", "--resume", "r", cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert read(cut_off / "trial.json")["seed"] == last["seed"]
    assert read(run / "summary.json")["complete"]


def test_a_budget_that_does_not_reach_for_each_cell_once_is_refused_before_anything_runs(place):
    ran = leasebench("run", "tiny.toml", "--budget", "1s", "--out", "none", cwd=place)
    assert (ran.returncode, ran.stdout, len(ran.stderr.splitlines())) == (2, "", 1)
    assert not (place / "none").exists()
