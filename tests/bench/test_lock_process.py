"""A fault that hits the program of a foreign lock alone: its enactor goes on, and learns of it with its next call."""

import sys
from random import Random

import pandas as pd
import pytest
from commands import leasebench, read

from leasebench.bench.faults.lock_process import LockProcess
from leasebench.bench.starters import TEMPLATES
from leasebench.bench.suite import load_suite
from leasebench.definitions import DefinitionError
from leasebench.leases.guard import presets
from leasebench.results.record.journal import RowKind

STOPPED_MS = 300.0
SUITE = """
about = "one lock in a process of its own"
scenarios = ["calm"]
guards = ["mine"]
trials = 1
duration_s = 1.5
min_races = 1
settle_s = 0.5
[guard.mine]
about = "mine"
decide = {{ check = "inside" }}
exclude = {{ manager = "foreign", command = ["{python}", "my_lock.py"], ttl_ms = 100 }}
commit = "unconditional"
expect = {{ default = ["clean", "unproven", "stale", "stuck"] }}
[scenario.calm]
about = "two enactors"
guards = ["mine"]
[scenario.calm.load]
enactors = 2
endpoints = 4
planner = {{ rate_per_s = 60.0 }}
[[scenario.calm.faults]]
kind = "lock_process"
enactors = [0]
first_s = 0.3
every_s = 0.6
{what}
"""


def raced(tmp_path, what, *options):
    (tmp_path / "my_lock.py").write_text((TEMPLATES / "foreign" / "my_lock.py.template").read_text())
    (tmp_path / "own.toml").write_text(SUITE.format(python=sys.executable, what=what))
    ended = leasebench("run", "own.toml", "--seed", 1, "--out", "r", *options, cwd=tmp_path)
    return ended, {path.name.split("-")[1]: path for path in (tmp_path / "r" / "trials").iterdir()}


def test_a_lock_that_was_stopped_holds_up_the_call_of_its_enactor_alone(tmp_path):
    ended, folders = raced(tmp_path, f"ms = {STOPPED_MS}")
    assert ended.returncode in (0, 4), ended.stdout + ended.stderr
    faults = read(folders["mine"] / "faults.json")
    assert faults
    journal = pd.read_parquet(folders["mine"] / "journal.parquet")
    calls = journal[journal["kind"].isin([RowKind.ACQUIRE, RowKind.RELEASE])]
    assert {tuple(row["targets"]) for row in faults} == {("c0.enactor-0",)}
    whole = [row for row in faults if row["lasted_ms"] >= STOPPED_MS * 0.99]
    assert whole, "and not cut short by the end of the load"
    held_up, went_on = set(), set()
    for row in whole:
        spans = calls[(calls["start_ns"] < row["end_ns"]) & (calls["end_ns"] > row["end_ns"])]
        within = calls[(calls["start_ns"] > row["start_ns"]) & (calls["end_ns"] < row["end_ns"])]
        held_up |= set(spans["process"])
        went_on |= set(within["process"])
    assert "enactor-0" in held_up, "its call waited until the lock went on"
    assert "enactor-1" in went_on, "the other's did not"
    assert leasebench("check", "r", cwd=tmp_path).returncode in (0, 4)


def test_a_lock_that_was_killed_fails_the_trial_and_is_named(tmp_path):
    ended, folders = raced(tmp_path, "kill = true", "--guard", "mine")
    assert ended.returncode == 5
    facts = read(folders["mine"] / "trial.json")
    assert facts["status"] == "failed"
    assert "my_lock.py" in facts["reason"]
    assert "killed by signal 9" in facts["reason"]
    assert "enactor-0" in facts["reason"]


@pytest.mark.parametrize("what", ["", "ms = 100.0\nkill = true"])
def test_it_has_to_be_said_what_becomes_of_it(tmp_path, what):
    (tmp_path / "own.toml").write_text(SUITE.format(python=sys.executable, what=what))
    with pytest.raises(DefinitionError, match="either ms"):
        load_suite(str(tmp_path / "own.toml"))


def test_a_guard_whose_lock_has_no_process_of_its_own_runs_all_the_same():
    fault = LockProcess(enactors=[0], ms=100.0)
    assert all(fault.never_hits(presets()[name]) for name in ("monotonic", "redis_lock"))


def test_a_kill_comes_once():
    assert list(LockProcess(enactors=[0], kill=True, first_s=2).windows(Random(1), 100)) == [(2, 2)]
