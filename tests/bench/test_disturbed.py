"""Trials that really are disturbed: each way is found in the facts that the harness measured of itself.

What an undisturbed trial looks like is in tests/results/test_disturbance.py: no machine that runs tests is idle.
"""

import multiprocessing
import os
import signal
import subprocess
import time
from contextlib import suppress

import pytest
from commands import COMMAND, LONG_S, MONOTONIC, leasebench, read, suite_text

from leasebench import load
from leasebench.bench.health.pulse import Pulse
from leasebench.bench.hosts.placement import place
from leasebench.bench.run import plan_trials
from leasebench.bench.servers.binaries import embedded_binary
from leasebench.bench.servers.local import LocalServer
from leasebench.bench.suite import load_suite
from leasebench.bench.trial import run_trial
from leasebench.results.compare.samples import Samples
from leasebench.results.evidence.journal import LiveView
from leasebench.results.evidence.trial import read_trials
from leasebench.results.record.faults import read_faults
from leasebench.results.record.health import read_health

STOPPED_S = 1.2
BUSY_AFTER = 20
"""Operations of an enactor: then the load has begun, and is watched."""


def started(tmp_path, text):
    """A run that goes on, and the folder of its only trial once an enactor does what it is for."""
    (tmp_path / "tiny.toml").write_text(text)
    run = subprocess.Popen(
        [COMMAND, "run", "tiny.toml", "--seed", "1", "--out", "r"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + LONG_S
    while not (found := list((tmp_path / "r").glob("trials/*/c0.enactor-1.journal"))):
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    view = LiveView(found[0])
    while view.count < BUSY_AFTER:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    view.close()
    return run, found[0].parent


def told(folder):
    return {one.name for trial in read_trials(folder) for one in trial.disturbances}


def test_a_harness_that_stood_still_and_the_pauses_that_it_did_not_end_are_told_by_every_command(tmp_path):
    text = suite_text("mine_monotonic", "paused", duration_s=2.5)
    run, folder = started(tmp_path, text)
    try:
        os.kill(run.pid, signal.SIGSTOP)
        time.sleep(STOPPED_S)
        os.kill(run.pid, signal.SIGCONT)
        output, _ = run.communicate(timeout=LONG_S)
    finally:
        with suppress(ProcessLookupError):
            run.kill()
            run.wait()
    assert run.returncode in (0, 4), output
    health, faults = read_health(folder), read_faults(folder)
    assert max(one.lasted_ms for one in health.standstills) >= STOPPED_S * 900
    assert {"standstill", "fault"} <= told(folder)
    longer = [row for row in faults if row.overran]
    assert longer, "two of three enactors are stopped every few commits"
    assert not any(row.hit for row in longer), "a pause of more than a second is none of 150 ms"
    (cell,) = read(tmp_path / "r" / "summary.json")["cells"]
    assert (cell["disturbed"], cell["latencies_disturbed"]) == (1, True)
    assert cell["faults"]["pause"]["hit"] <= cell["faults"]["pause"]["struck"] - len(longer)
    assert cell["verdict"] in ("clean", "unproven"), "what the store recorded stays true"
    checked = leasebench("check", "r", cwd=tmp_path)
    assert checked.returncode == 0, checked.stderr
    for text in (output, checked.stdout):
        assert "stood still for" in " ".join(text.split())
    (left_out,) = Samples(load(tmp_path / "r")).told()
    assert "1 of 1 trial disturbed" in left_out


def spin(core, until):
    os.sched_setaffinity(0, {core})
    while time.monotonic() < until:
        pass


def run_one(tmp_path, text, status="ok", watch=lambda *_: None):
    """Run the only trial of a suite here; its folder."""
    (tmp_path / "tiny.toml").write_text(text)
    (plan,) = plan_trials(load_suite(str(tmp_path / "tiny.toml")), 1)
    folder = tmp_path / plan.folder_name
    with LocalServer("embedded", embedded_binary()) as server:
        facts = run_trial(plan, server, "t", folder, watch)
    assert facts.status == status, facts
    return folder


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no program can be kept to a core here")
def test_programs_of_others_on_the_cores_of_enactors_are_told(tmp_path):
    cores = {core for cores in place(3).enactors for core in cores}
    until = time.monotonic() + 3.0
    hogs = [multiprocessing.get_context("spawn").Process(target=spin, args=(core, until)) for core in cores]
    try:
        for hog in hogs:
            hog.start()
        folder = run_one(tmp_path, suite_text("mine_monotonic", duration_s=1.0))
    finally:
        for hog in hogs:
            hog.kill()
            hog.join()
    health = read_health(folder)
    assert {*health.cores} >= cores
    assert "load" in told(folder)
    assert any(one.waited_ms for one in health.processes), "and who waited for a core"


def test_a_wall_clock_that_steps_fails_the_trial(tmp_path, monkeypatch):
    """Python can't run under libfaketime (its sleep ends with EINVAL), so that it is the harness's look that lies."""
    offset_ns = 0

    def step(elapsed_s, _figures):
        nonlocal offset_ns
        offset_ns = 3_000_000_000 * (elapsed_s > 0.5)

    monkeypatch.setattr("leasebench.bench.health.pulse.time_ns", lambda: time.time_ns() + offset_ns)
    folder = run_one(tmp_path, suite_text("mine_monotonic", duration_s=1.0), status="failed", watch=step)
    assert "clock" in told(folder)
    assert [round(one.ms, -2) for one in read_health(folder).clock_steps] == [3000]
    assert "wall clock stepped by +3,000 ms" in read(folder / "trial.json")["reason"]


def test_a_load_that_cannot_be_reached_is_told(tmp_path):
    scenario = """
[scenario.steep]
about = "more plans than one server takes: six planners, 60,000 plans a second"
load = { cells = 6, enactors = 1, endpoints = 1, planner = { rate_per_s = 10000.0 } }
"""
    text = suite_text("mine_monotonic", "steep", duration_s=0.4) + scenario
    assert MONOTONIC in text
    assert "behind" in told(run_one(tmp_path, text))


def test_a_pulse_sees_a_step_of_the_wall_clock_and_none_where_there_is_none():
    offset_ns = 0
    looks = []
    with Pulse(lambda: looks.append(1), lambda: time.time_ns() + offset_ns) as pulse:
        time.sleep(0.3)
        before = list(pulse.beats.steps)
        offset_ns = -2_000_000_000
        deadline = time.monotonic() + LONG_S
        while not pulse.beats.steps and time.monotonic() < deadline:
            time.sleep(0.01)
    assert before == []
    assert [round(one.ms, -2) for one in pulse.beats.steps] == [-2000]
    assert len(pulse.beats.late_ms) > 2
    assert min(pulse.beats.late_ms) > -1
