"""`doctor` measures how fine this machine is, and says so."""

import os
import time
from pathlib import Path

import pytest

from leasebench.bench.health import machine, told
from leasebench.bench.health.jitter import MachineNoise, WakeUps, clock_readings, measure_noise
from leasebench.bench.health.machine import WallClock
from leasebench.bench.health.system import CoresLook, counter_of, look_at, look_at_cores
from leasebench.bench.health.told import instrument

QUIET = MachineNoise((WakeUps(0, 500, 60.0, 90.0, 3_100.0), WakeUps(1, 500, 55.0, 80.0, 900.0)), 4.0, 0.0, 0.01)


def found(monkeypatch, noise, clock=None):
    """What is said, by what was looked at."""
    monkeypatch.setattr(told, "measure_noise", lambda: noise)
    monkeypatch.setattr(told, "wall_clock", lambda: clock)
    return {name: (good, text) for name, good, text in instrument()}


def test_a_machine_resolves_what_lies_above_its_own_noise(monkeypatch):
    said = found(monkeypatch, QUIET, WallClock(True, 0.2, 12.0))
    assert said["resolves"][0] is True
    assert "pauses below 4 ms and latencies below 60 us" in said["resolves"][1]
    assert "3.10 ms" in said["wake-ups, core 0"][1]
    assert said["wall clock"][0] is True
    assert "disturbed" not in said["load"][1]


def test_what_disturbs_is_told_and_never_keeps_a_run_from_being_made(monkeypatch):
    noisy = MachineNoise((WakeUps(None, 9, 900.0, 90_000.0, 450_000.0),), 80.0, 20.0, -900.0)
    said = found(monkeypatch, noisy)
    assert {good for good, _ in said.values()} <= {True, None}
    assert [said[name][0] for name in ("resolves", "load", "wall clock", "wake-ups, all cores")] == [None] * 4
    assert "trials would be marked as disturbed" in said["load"][1]
    assert "stepped by -900 ms" in said["wall clock"][1]


def test_the_noise_of_this_machine_is_measured_on_each_core_and_leaves_us_where_we_were():
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    noise = measure_noise(0.1)
    for one in noise.wake_ups:
        assert 0 < one.count <= 100
        assert -50 < one.p50_us <= one.p99_us <= one.max_us
    assert noise.latency_us / 1000 <= noise.pause_ms
    assert before is None or os.sched_getaffinity(0) == before
    step_ns, cost_ns = clock_readings()
    assert step_ns > 0
    assert 0 <= cost_ns < 1e6


def test_a_process_that_works_is_seen_to_work_and_its_own_work_is_that_of_no_stranger():
    begin, cores = look_at(os.getpid()), look_at_cores(range(os.cpu_count()))
    end_s = time.thread_time() + 0.3
    while time.thread_time() < end_s:
        pass
    now, after = look_at(os.getpid()), look_at_cores(range(os.cpu_count()))
    worked_ms = now.cpu_ms - begin.cpu_ms
    assert worked_ms >= 250
    assert (after.busy_s - cores.busy_s) * 1000 >= worked_ms - 100
    assert now.memory_bytes is None or now.memory_bytes > 2**20
    assert look_at(2**22 + 1) is None
    assert look_at_cores([]) == CoresLook(0.0, 0.0)


def test_a_counter_that_is_not_there_is_not_known(tmp_path):
    path = tmp_path / "stat"
    assert counter_of(path, "pswpin") is None
    path.write_text("pswpin_x 3\npswpin 4\n")
    assert (counter_of(path, "pswpin"), counter_of(path, "other")) == (4, None)


@pytest.mark.parametrize(("text", "cores"), [("max 100000", None), ("150000 100000", 1.5), ("", None)])
def test_a_cpu_limit_is_told_in_cores(tmp_path, monkeypatch, text, cores):
    (tmp_path / "cpu.max").write_text(text)
    monkeypatch.setattr(machine, "own_cgroup", lambda: tmp_path)
    assert machine.cpu_limit() == cores


def test_the_speed_of_processors_is_told_where_the_system_tells_it(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "CPUS", tmp_path)
    assert machine.processor_speed() is None
    for core in range(2):
        folder = tmp_path / f"cpu{core}" / "cpufreq"
        folder.mkdir(parents=True)
        Path(folder, "scaling_governor").write_text("powersave\n")
    (tmp_path / "intel_pstate").mkdir()
    (tmp_path / "intel_pstate" / "no_turbo").write_text("0\n")
    assert machine.processor_speed() == "governor powersave, turbo on"
