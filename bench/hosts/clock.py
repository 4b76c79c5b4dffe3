"""The clock of this machine, by which the processes on it keep their journals."""

import platform
from contextlib import suppress
from functools import cache
from pathlib import Path

from leasebench.bench.hosts.identity import boot_id, namespace
from leasebench.results.record.clock import Clock

TIME_OFFSETS = Path("/proc/self/timens_offsets")
FIRST_TIME_NAMESPACE = "time:[4026531834]"
"""That of the machine itself (`PROC_TIME_INIT_INO` in Linux's include/linux/proc_ns.h)."""


@cache
def own_clock() -> Clock:
    """Return the clock that `time.perf_counter_ns` reads here. Where the system has no boot id, that part is ''.

    In a time namespace (Linux) the monotonic clock is another one, though host and boot are the same: its offset
    stands behind the boot id, so that processes with one offset share a clock, and no others.
    """
    return Clock(platform.node(), boot_id() + _time_namespace())


def _time_namespace() -> str:
    """What tells this process's monotonic clock from that of the machine; '' where it is that one."""
    with suppress(OSError):
        own = namespace("time")
        if own == FIRST_TIME_NAMESPACE:
            return ""
        # The file has the offsets of the namespace that children get (time_namespaces(7)).
        if own == namespace("time_for_children"):
            offsets = dict(line.split(maxsplit=1) for line in TIME_OFFSETS.read_text(encoding="ascii").splitlines())
            seconds, nanoseconds = offsets["monotonic"].split()
            return f"+{seconds}.{nanoseconds:>09}s" if int(seconds) or int(nanoseconds) else ""
        return f"+{own}"
    return ""
