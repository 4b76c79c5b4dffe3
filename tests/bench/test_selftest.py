"""Whatever of a run is killed, and whenever: nothing of it is left, and what it recorded can be read."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from leasebench.bench.selftest import (
    HOSTS,
    MARK,
    MOMENTS,
    WORKER,
    MarkedRun,
    PlannedKill,
    SelfTest,
    draw,
    perform,
    scenarios_with_faults,
)

SEED = 7
PLAIN, WITH_FAULTS = ({"steady": 1, "crash_holder": 1, "lossy_network": 1}, {"paused_newer_holder": 1, "failover": 1})
KILLS = [kill for kill in draw(60, SEED, PLAIN) if kill.moment != "fault"][:3]
KILLS += [PlannedKill(103, "pause_before_commit", "harness", signal.SIGKILL, "load", 0.3, HOSTS)]
"""Agents and workers that are under way are killed in `test_agents`."""
KILLS += [PlannedKill(104, "steady", WORKER, signal.SIGKILL, "start", 0.0, HOSTS)]
"""A worker that only begins: the run ends before its first trial."""
KILLS += [kill for kill in draw(60, SEED, WITH_FAULTS) if kill.moment == "fault"][:1]


@pytest.mark.parametrize("part", range(3))
def test_nothing_is_left_of_a_run_that_was_killed(part):
    found = SelfTest()
    for kill in KILLS[part::3]:
        found.take_in(perform(kill, f"{os.getpid()}-test-{kill.number}"))
    assert found.wrong == []
    assert found.kills == len(KILLS[part::3])


def test_what_is_left_is_told(tmp_path):
    """The negative control: a process that got away, into a session of its own, and a directory."""
    kill = PlannedKill(1, "steady", "harness", signal.SIGKILL, "start", 0.0)
    mark = f"{os.getpid()}-control"
    with MarkedRun(kill, mark) as run:
        run.process.kill()
        run.process.wait()
        sleeping = [sys.executable, "-c", "import time; time.sleep(60)"]
        away = subprocess.Popen(sleeping, env={**os.environ, MARK: mark}, start_new_session=True)
        server = subprocess.Popen([*sleeping, f"{run.temporary}/socket"], start_new_session=True)
        (run.temporary / "leasebench-x").mkdir()
        left = "\n".join(run.left())
        assert f"process {away.pid} " in left
        assert f"process {server.pid} " in left
        assert "/t/leasebench-x" in left
    assert away.wait(10) == server.wait(10) == -signal.SIGKILL, (
        "whatever is left of a run is killed when its part of the test is over"
    )
    assert not Path(run.place).exists()


def test_the_kills_follow_from_the_seed_and_reach_every_fault_that_can_be_had_here():
    scenarios = scenarios_with_faults()
    kills = list(draw(200, 1, scenarios))
    assert kills == list(draw(200, 1, scenarios))
    assert {kill.scenario for kill in kills} == set(scenarios)
    assert {kill.moment for kill in kills} == set(MOMENTS)
    assert {"harness", "server", "proxy", "forkserver", "reaper", "enactor"} <= {kill.victim for kill in kills}
    assert "steady" in scenarios
    assert len(scenarios) > 8
    assert scenarios["host_pause"] > 1
    assert all(kill.hosts == HOSTS for kill in kills if kill.scenario.startswith("host_")), "refused without hosts"
