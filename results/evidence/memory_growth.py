"""Does the memory of a trial's processes grow? What `health.json` saw of it, judged after a warm-up.

A straight line is laid through the means of BLOCKS equal stretches of time: what comes and goes within a stretch is no
growth, and neighbouring looks are anything but independent. Its slope has Student's t interval of 95 %.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from leasebench.results.record.health import MemoryLook, TrialHealth
from leasebench.results.statistics.intervals import Interval, student_quantile

SHORTEST_S = 30.0
"""Shorter than that nothing is judged."""
WARM_UP = 1 / 3
"""The share of the time in which caches, buffers and pools fill."""
BLOCKS = 12
FLAT_BYTES = 512 * 1024
"""A growth of so much a minute is none: of a program that runs for a day it would make 0.7 GB."""
FILLS_BYTES = 4 * 1024 * 1024
"""Nor is one of so much in all that was judged: in a short trial buffers and free lists fill up to their bounds."""
HARNESS_MEMORY, PROGRAMS_MEMORY, SERVERS_MEMORY = "harness", "programs", "servers"
GROUPS = (HARNESS_MEMORY, PROGRAMS_MEMORY, SERVERS_MEMORY)


class Trend(StrEnum):
    """What may be said of a memory: it grows if its interval lies above what is none, and is flat if it lies below."""

    GROWS = "grows"
    FLAT = "flat"
    OPEN = "can't be told"


@dataclass(frozen=True, slots=True)
class Growth:
    """One group of processes: how much its memory grew by the minute after `from_ns`, and how large it was at last.

    Without an interval it was not judged: `why`.
    """

    group: str
    last_bytes: int
    from_ns: int = 0
    judged_min: float = 0.0
    bytes_per_min: float = 0.0
    interval: Interval | None = None
    why: str = ""

    @property
    def trend(self) -> Trend:
        """Whether it grows."""
        if self.interval is None:
            return Trend.OPEN
        low, high = self.interval
        flat = max(FLAT_BYTES, FILLS_BYTES / self.judged_min)
        if low > flat:
            return Trend.GROWS
        return Trend.FLAT if high <= flat else Trend.OPEN


def growths(health: TrialHealth | None, load_end_ns: int, server_full_ns: int | None) -> list[Growth]:
    """Judge the memory of each group until the load ends, and processes with it; nothing where nobody looked.

    A server keeps the history of its trial up to a bound, and grows until that is reached: at `server_full_ns`, None
    for never. What it does before is not judged.
    """
    if health is None or not health.memory:
        return []
    looks = [look for look in health.memory if look.at_ns <= load_end_ns]
    if not looks:
        return []
    return [_growth(group, looks, health.watched_s, server_full_ns) for group in GROUPS]


def _growth(group: str, looks: Sequence[MemoryLook], watched_s: float, server_full_ns: int | None) -> Growth:
    last = int(getattr(looks[-1], group))
    if watched_s < SHORTEST_S:
        return Growth(group, last, why=f"the trial took less than {SHORTEST_S:.0f} s")
    from_ns = looks[0].at_ns + int((looks[-1].at_ns - looks[0].at_ns) * WARM_UP)
    if group == SERVERS_MEMORY:
        if server_full_ns is None:
            return Growth(group, last, why="its history had not reached its bound, up to which it is to grow")
        from_ns = max(from_ns, server_full_ns)
    judged = [look for look in looks if look.at_ns >= from_ns]
    if len({look.processes for look in judged}) != 1:
        return Growth(group, last, from_ns, why="processes came or went")
    if len(judged) < 2 * BLOCKS or (judged[-1].at_ns - from_ns) / 1e9 < SHORTEST_S / 3:
        return Growth(group, last, from_ns, why="too little was seen of it after its warm-up")
    slope, interval = _slope([(look.at_ns / 6e10, float(getattr(look, group))) for look in judged])
    judged_min = (judged[-1].at_ns - from_ns) / 6e10
    return Growth(group, last, from_ns, judged_min, slope, interval)


def _slope(points: Sequence[tuple[float, float]]) -> tuple[float, Interval]:
    """The slope of a line through the means of BLOCKS stretches, by least squares, and its interval."""
    blocks = [np.mean(block, axis=0) for block in np.array_split(np.array(points), BLOCKS)]
    x, y = np.array(blocks).T
    x = x - x.mean()
    slope = float(x @ y / (x @ x))
    rest = y - y.mean() - slope * x
    error = float(np.sqrt(rest @ rest / (BLOCKS - 2) / (x @ x)))
    half = student_quantile(BLOCKS - 2) * error
    return slope, (slope - half, slope + half)
