"""When the work of an open loop is due, whatever became of the work before it."""

from collections.abc import Iterator
from random import Random
from typing import Literal

from pydantic import Field

from leasebench.definitions import Definition


class Arrivals(Definition):
    """When work is due: `steady`, `poisson`, or `burst` (`burst_size` at once, at the same mean rate)."""

    arrivals: Literal["steady", "poisson", "burst"] = "poisson"
    rate_per_s: float = Field(default=40.0, gt=0, le=10_000)
    burst_size: int = Field(default=10, ge=1, le=1_000)

    def due_times(self, rng: Random) -> Iterator[int]:
        """Nanoseconds from the start of the load at which work is due, without end."""
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
