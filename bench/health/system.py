"""What the system tells of processes, cores and clocks: all of it cheap to ask, and None where it does not tell.

A look at a process costs three small files of /proc, about 60 us; elsewhere psutil has the same, but for the waiting.
"""

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from leasebench.results.record.health import MachineLoad

PROC = Path("/proc")
ON_LINUX = (PROC / "self" / "stat").exists()
TICKS_PER_S = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
CGROUP = Path("/sys/fs/cgroup")
MAJOR_FAULTS, USER_TICKS, SYSTEM_TICKS, RESIDENT_PAGES = 9, 11, 12, 21
"""Fields of /proc/PID/stat behind the name, counted from 0 (proc_pid_stat(5))."""


@dataclass(frozen=True, slots=True)
class ProcessLook:
    """A process so far: CPU time of all threads, how long its main thread waited for a core, faults, memory."""

    cpu_ms: float
    waited_ms: float | None
    major_faults: int | None
    memory_bytes: int | None
    own_bytes: int | None = None
    """Without the pages of files that are mapped: a journal is one, and grows."""


def look_at(pid: int) -> ProcessLook | None:
    """Look at a process; None if it is gone."""
    if not ON_LINUX:
        return _look_elsewhere(pid)
    try:
        fields = (PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    if fields[0] in (b"Z", b"X"):
        return None
    waited_ms = own_bytes = None
    with suppress(OSError, ValueError, IndexError):
        resident, shared = map(int, (PROC / str(pid) / "statm").read_bytes().split()[1:3])
        own_bytes = (resident - shared) * PAGE_BYTES
    with suppress(OSError, ValueError, IndexError):  # a kernel without CONFIG_SCHED_INFO has no such file
        waited_ms = int((PROC / str(pid) / "schedstat").read_bytes().split()[1]) / 1e6
    ticks = int(fields[USER_TICKS]) + int(fields[SYSTEM_TICKS])
    return ProcessLook(
        ticks * 1000 / TICKS_PER_S,
        waited_ms,
        int(fields[MAJOR_FAULTS]),
        int(fields[RESIDENT_PAGES]) * PAGE_BYTES,
        own_bytes,
    )


def _look_elsewhere(pid: int) -> ProcessLook | None:
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        times = process.cpu_times()
        return ProcessLook((times.user + times.system) * 1000, None, None, process.memory_info().rss)
    return None


@dataclass(frozen=True, slots=True)
class CoresLook:
    """What some cores did so far, seconds: worked, and were held back by a hypervisor."""

    busy_s: float
    stolen_s: float


def look_at_cores(cores: Iterable[int]) -> CoresLook:
    """Look at the cores of these numbers."""
    every = psutil.cpu_times(percpu=True)
    told = [every[core] for core in cores if core < len(every)]
    # A guest's time is a part of the user's.
    busy = sum(one.user + one.nice + one.system + getattr(one, "irq", 0) + getattr(one, "softirq", 0) for one in told)
    return CoresLook(busy, sum(getattr(one, "steal", 0.0) for one in told))


def machine_load() -> MachineLoad:
    """The load of the machine by now."""
    per_core = None
    with suppress(OSError):
        per_core = round(os.getloadavg()[0] / (psutil.cpu_count() or 1), 2)
    return MachineLoad(per_core=per_core, cpu_pressure_pct=_cpu_pressure_pct())


def _cpu_pressure_pct() -> float | None:
    """The average of 10 s of "some" in /proc/pressure/cpu (kernel documentation, accounting/psi)."""
    with suppress(OSError, ValueError, IndexError):
        some = (PROC / "pressure" / "cpu").read_text(encoding="ascii").splitlines()[0]
        return float(some.partition("avg10=")[2].split()[0])
    return None


def counter_of(path: Path, key: str) -> int | None:
    """A counter in a file of lines `key number`; None where there is none."""
    with suppress(OSError, ValueError):
        for line in path.read_text(encoding="ascii").splitlines():
            name, _, number = line.partition(" ")
            if name == key:
                return int(number)
    return None


@dataclass(frozen=True, slots=True)
class MachineCounters:
    """What the machine counts: pages from swap space, microseconds of throttling, processes killed for memory."""

    swapped_in: int | None
    throttled_us: int | None
    oom_kills: int | None


def machine_counters() -> MachineCounters:
    """Read them."""
    return MachineCounters(
        counter_of(PROC / "vmstat", "pswpin"),
        counter_of(own_cgroup() / "cpu.stat", "throttled_usec"),
        counter_of(PROC / "vmstat", "oom_kill"),
    )


def own_cgroup() -> Path:
    """The folder of our own control group (v2): a line `0::/path` of /proc/self/cgroup."""
    with suppress(OSError):
        for line in (PROC / "self" / "cgroup").read_text(encoding="utf-8").splitlines():
            if line.startswith("0::"):
                return CGROUP / line[3:].strip("/")
    return CGROUP


def suspended_ns() -> int | None:
    """How long the machine was suspended since it was started: the monotonic clock of Linux stands still meanwhile."""
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return None
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)
