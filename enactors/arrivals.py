"""When the work of an open loop is due, whatever became of the work before it."""

from collections.abc import Iterator
from itertools import chain, takewhile
from random import Random
from typing import Literal

from pydantic import Field

from leasebench.definitions import Definition


class Arrivals(Definition):
    """When work is due: `steady`, `poisson`, or `burst` (`burst_size` at once, at the same mean rate).

    Nothing is due before `from_s` of load, but for the first if it comes `first_at_once`; and from `until_s` on none is
    due any more: somebody has stopped it.
    """

    arrivals: Literal["steady", "poisson", "burst"] = "poisson"
    """How the times lie: `burst` is `burst_size` at once."""
    rate_per_s: float = Field(default=40.0, gt=0, le=10_000)
    """How many are due in a second, on average."""
    burst_size: int = Field(default=10, ge=1, le=1_000)
    """How many are due at once, with `burst`."""
    from_s: float = Field(default=0.0, ge=0, le=86_400)
    """Nothing is due before that time of the load."""
    first_at_once: bool = False
    """Whether the first is due at the start all the same."""
    until_s: float | None = Field(default=None, gt=0, le=86_400)
    """From that time of the load on nothing is due any more."""

    def due_times(self, rng: Random) -> Iterator[int]:
        """Nanoseconds from the start of the load at which work is due, without end unless there is `until_s`."""
        from_ns = int(self.from_s * 1e9)
        later = (from_ns + due_ns for due_ns in self._endless(rng))
        due = chain((0,), later) if self.first_at_once else later
        if self.until_s is None:
            return due
        until_ns = self.until_s * 1e9
        return takewhile(lambda due_ns: due_ns < until_ns, due)

    def _endless(self, rng: Random) -> Iterator[int]:
        gap_ns = 1e9 / self.rate_per_s
        due = 0.0
        while True:
            if self.arrivals == "burst":
                due += gap_ns * self.burst_size
                for _ in range(self.burst_size):
                    yield int(due)
            else:
                due += gap_ns * (rng.expovariate(1.0) if self.arrivals == "poisson" else 1.0)
                yield int(due)
