"""Pins processes to cores. Left to itself the scheduler flips between placements, and results with it."""

import os
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Placement:
    """Cores of the server, the planner and each enactor; empty where the system lets none be set."""

    server: tuple[int, ...]
    planner: tuple[int, ...]
    enactors: tuple[tuple[int, ...], ...]
    cores: tuple[int, ...] = ()
    """All that we may use."""

    def dealt(self, number: int) -> tuple[int, ...]:
        """The core of process `number` of a kind that is dealt over all cores, beginning at the last."""
        return (self.cores[-1 - number % len(self.cores)],) if self.cores else ()


def place(enactors: int) -> Placement:
    """The server on the first core that we may use, the enactors dealt over all cores, then the planner.

    The dealing begins at the last core, so that with few enactors the server's is the least loaded: every request
    passes through it.
    """
    if not hasattr(os, "sched_setaffinity"):
        return Placement((), (), ((),) * enactors)
    cores = tuple(sorted(os.sched_getaffinity(0)))
    everywhere = Placement((cores[0],), (), (), cores)
    dealt = tuple(map(everywhere.dealt, range(enactors + 1)))
    return replace(everywhere, enactors=dealt[:-1], planner=dealt[-1])
