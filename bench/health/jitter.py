"""How late this machine wakes a program up, core by core: no pause or latency below that can be told from its noise."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from leasebench.bench.health.system import look_at, look_at_cores

ASLEEP_S = 0.001
MEASURED_S = 1.6
"""All cores together; one after the other, as a program on each at once would disturb the others."""
MOST_CORES = 8
"""Of more the first and the last are looked at: servers and enactors are put there."""
READINGS = 20_000


@dataclass(frozen=True, slots=True)
class WakeUps:
    """How late a program on one core woke up from sleeps of a millisecond, microseconds."""

    core: int | None
    count: int
    p50_us: float
    p99_us: float
    max_us: float


@dataclass(frozen=True, slots=True)
class MachineNoise:
    """What was measured: wake-ups by core, what others took of all of these cores meanwhile, percent."""

    wake_ups: tuple[WakeUps, ...]
    strangers_pct: float
    stolen_pct: float
    wall_step_ms: float
    """How much further than the monotonic clock the wall clock went meanwhile."""

    @property
    def pause_ms(self) -> float:
        """A pause below this may be the machine's own: the longest wake-up that was seen."""
        return max(one.max_us for one in self.wake_ups) / 1000

    @property
    def latency_us(self) -> float:
        """A latency below this is mostly the wake-up that it ends with: the median, of the slowest core."""
        return max(one.p50_us for one in self.wake_ups)


def measure_noise(seconds: float = MEASURED_S) -> MachineNoise:
    """Sleep and wake up on each core in turn for so long in all."""
    cores = _cores()
    looked = [core for core in cores if core is not None] or list(range(os.cpu_count() or 1))
    own, before, begin = look_at(os.getpid()), look_at_cores(looked), time.monotonic()
    wall_ns = time.time_ns() - time.monotonic_ns()
    wake_ups = tuple(_wake_ups(core, seconds / len(cores)) for core in cores)
    wall_step_ms = (time.time_ns() - time.monotonic_ns() - wall_ns) / 1e6
    now, after, took_s = look_at(os.getpid()), look_at_cores(looked), time.monotonic() - begin
    own_s = (now.cpu_ms - own.cpu_ms) / 1000 if own is not None and now is not None else 0.0
    share = 100 / (took_s * len(looked))
    strangers_pct = max(after.busy_s - before.busy_s - own_s, 0.0) * share
    return MachineNoise(wake_ups, strangers_pct, (after.stolen_s - before.stolen_s) * share, wall_step_ms)


def clock_readings() -> tuple[float, float]:
    """The smallest step of the monotonic clock that is ever seen, and the median cost of a reading, nanoseconds."""
    steps = np.diff(np.array([time.perf_counter_ns() for _ in range(READINGS)]))
    return float(steps[steps > 0].min(initial=10**9)), float(np.median(steps))


def _cores() -> Sequence[int | None]:
    """The cores to be looked at; (None,) where no program can be put on one."""
    if not hasattr(os, "sched_setaffinity"):
        return (None,)
    cores = sorted(os.sched_getaffinity(0))
    half = MOST_CORES // 2
    return cores if len(cores) <= MOST_CORES else [*cores[:half], *cores[-half:]]


def _wake_ups(core: int | None, seconds: float) -> WakeUps:
    late_us: list[float] = []
    with _on(core):
        end = time.perf_counter() + seconds
        while (begin := time.perf_counter()) < end or not late_us:
            time.sleep(ASLEEP_S)
            late_us.append((time.perf_counter() - begin - ASLEEP_S) * 1e6)
    p50, p99 = (float(np.percentile(late_us, percent)) for percent in (50, 99))
    return WakeUps(core, len(late_us), p50, p99, max(late_us))


@contextmanager
def _on(core: int | None) -> Iterator[None]:
    """Run on one core, and afterwards where we ran before."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
