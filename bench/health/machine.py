"""What the system says of its clock's synchronisation and of its processors' speed; None where it says nothing."""

import ctypes
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from leasebench.bench.health.system import own_cgroup

CPUS = Path("/sys/devices/system/cpu")
NANOSECONDS, UNSYNCHRONISED = 0x2000, 5
"""STA_NANO of the status, and TIME_ERROR, which the call returns (adjtimex(2))."""


class _Timex(ctypes.Structure):
    """`struct timex` of Linux, as far as it is read; the rest is room."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 40),
    )


@dataclass(frozen=True, slots=True)
class WallClock:
    """What the kernel knows of the wall clock: whether anybody keeps it right, by how much it is still to be moved."""

    synchronised: bool
    offset_ms: float
    most_wrong_ms: float


def wall_clock() -> WallClock | None:
    """Ask the kernel. A process that keeps the clock right by stepping it (as on some clouds) tells it nothing."""
    if sys.platform != "linux":
        return None
    told = _Timex()
    state = ctypes.CDLL(None).adjtimex(ctypes.byref(told))
    if state < 0:
        return None
    unit = 1e-6 if told.status & NANOSECONDS else 1e-3
    return WallClock(state != UNSYNCHRONISED, told.offset * unit, told.maxerror / 1000)


def processor_speed() -> str | None:
    """The governor and whether the processor may run faster for a while, in words."""
    governors = sorted({_text(path) for path in CPUS.glob("cpu[0-9]*/cpufreq/scaling_governor")} - {""})
    turbo = {"0": "on", "1": "off"}.get(_text(CPUS / "intel_pstate" / "no_turbo"))
    turbo = turbo or {"0": "off", "1": "on"}.get(_text(CPUS / "cpufreq" / "boost"))
    parts = [f"governor {', '.join(governors)}"] if governors else []
    parts += [f"turbo {turbo}"] if turbo else []
    return ", ".join(parts) or None


def cpu_limit() -> float | None:
    """How many cores' time the control group may use (cgroup v2, cpu.max); None without a limit."""
    quota, _, period = _text(own_cgroup() / "cpu.max").partition(" ")
    with suppress(ValueError):
        return int(quota) / int(period)
    return None


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="utf-8").strip()
    return ""
