"""The clock of this machine, by which the processes on it keep their journals."""

import platform
from contextlib import suppress
from functools import cache
from pathlib import Path

from leasebench.results.record.clock import Clock

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@cache
def own_clock() -> Clock:
    """Return the clock that `time.perf_counter_ns` reads here. Where the system has no boot id, that part is ''."""
    boot = ""
    with suppress(OSError):
        boot = BOOT_ID.read_text(encoding="ascii").strip()
    return Clock(platform.node(), boot)
