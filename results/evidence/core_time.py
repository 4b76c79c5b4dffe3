"""How fast a trial's programs worked, and where the time of its cores went: from its journal and its `health.json`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from leasebench.results.record.health import TrialHealth, of_harness
from leasebench.results.record.journal import RowKind
from leasebench.results.record.process import Process

OPERATION_COLUMNS = ["kind", "end_ns"]
NO_REQUEST = frozenset(
    int(kind)
    for kind in (
        RowKind.WORK,
        RowKind.PLAN,
        RowKind.WITHDRAW,
        RowKind.PAUSE,
        RowKind.DELAY,
        RowKind.DRAIN,
        RowKind.KILL,
        RowKind.FAULT,
        RowKind.RESUME,
        RowKind.LOST,
    )
)
"""Rows of what a process did by itself, or what was done to it."""
SERVER, ENACTORS, OTHERS, STRANGERS, IDLE = "server", "enactors", "harness and the rest", "other programs", "idle"
PARTS = (SERVER, ENACTORS, OTHERS, STRANGERS, IDLE)


@dataclass(frozen=True, slots=True)
class CoreTime:
    """The shares of the time of a trial's cores, by PARTS; they add up to 1."""

    shares: dict[str, float]

    def __iter__(self) -> Iterator[tuple[str, float]]:
        return iter(self.shares.items())


def operations(journal: Iterable[pd.DataFrame], begin_ns: int, end_ns: int) -> int:
    """How many operations asked a server and ended between two instants.

    `journal` is on the axis of the instants: the columns OPERATION_COLUMNS, in pieces. One that waits, for a lease or
    for a plan, counts once, however often it asked.
    """
    total = 0
    for frame in journal:
        ends = frame["end_ns"].to_numpy()
        asked = ~np.isin(frame["kind"].to_numpy(), list(NO_REQUEST))
        total += int(np.count_nonzero(asked & (ends > begin_ns) & (ends <= end_ns)))
    return total


def core_time(health: TrialHealth) -> CoreTime | None:
    """Where the time of the trial's cores went; None where the system does not tell."""
    if not health.cores or not health.watched_s or health.strangers_pct is None:
        return None
    whole_ms = health.watched_s * 1000 * len(health.cores)
    used = dict.fromkeys(PARTS, 0.0)
    for one in health.processes:
        used[part_of(one.name)] += one.cpu_ms / whole_ms
    used[STRANGERS] = health.strangers_pct / 100
    busy = sum(used.values())
    if busy > 1:  # what a process used is counted in ticks of 10 ms
        used = {part: share / busy for part, share in used.items()}
    used[IDLE] = max(0.0, 1 - busy)
    return CoreTime(used)


def part_of(name: str) -> str:
    """Which of PARTS a process of `health.json` belongs to.

    Servers have names of their own, programs those of their cell and kind: `c0.enactor-1`.
    """
    if name.startswith("lock of "):
        return ENACTORS
    if of_harness(name) or name.startswith("proxy of "):
        return OTHERS
    process = Process.parse(name)
    if not process.cell:
        return SERVER
    return ENACTORS if process.kind == "enactor" else OTHERS
