"""What is compared: latencies at a quantile, a guard's cost, throughput, and the two rates of harm."""

from dataclasses import dataclass

from leasebench.results.latency import PERCENTILES, SIDES

SERVICE, RESPONSE = SIDES
MIN_BEYOND = 10
"""A quantile is known where at least so many operations lie beyond it: 1,000 for a p99, 10,000 for a p99.9."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """One figure of a cell.

    `kind` is `latency`, `cost`, `throughput`, `leak_rate` or `stale_per_1000`; only a latency has a phase, a side and a
    figure. Latencies and cost are in microseconds, throughput in commits per second.
    """

    kind: str
    phase: str = ""
    side: str = ""
    figure: str = ""

    @property
    def name(self) -> str:
        """As tables and frames have it: `commit p99`, `plan response p50`, `throughput`."""
        if self.kind != "latency":
            return self.kind
        side = "" if self.side == SERVICE else f" {self.side}"
        return f"{self.phase}{side} {self.figure}"

    @property
    def unit(self) -> str:
        return {"latency": "us", "cost": "us", "throughput": "per s"}.get(self.kind, "")

    @property
    def more_is_worse(self) -> bool:
        return self.kind != "throughput"

    @property
    def operations_needed(self) -> int:
        """So many operations that MIN_BEYOND lie beyond the quantile; a cost is made of medians."""
        if self.kind == "cost":
            return 2 * MIN_BEYOND
        if self.kind != "latency":
            return 1
        return round(MIN_BEYOND / (1 - PERCENTILES[self.figure] / 100))


def latency(phase: str, figure: str, side: str = SERVICE) -> Quantity:
    """The quantity of a phase's latency at `p50` to `p99.99`."""
    return Quantity("latency", phase, side, figure)


COST = Quantity("cost")
THROUGHPUT = Quantity("throughput")
LEAK_RATE = Quantity("leak_rate")
STALE_PER_1000 = Quantity("stale_per_1000")
FIGURES = ("p50", "p99", "p99.9")
TAILS = FIGURES[1:]
PHASE_SIDES = (("commit", SERVICE), ("acquire", SERVICE), ("plan", SERVICE), ("plan", RESPONSE))
LATENCIES = tuple(latency(phase, figure, side) for phase, side in PHASE_SIDES for figure in FIGURES)
SPEED = (COST, *LATENCIES, THROUGHPUT)
"""What is compared by ratio."""
PRICES = tuple(one for one in SPEED if one != THROUGHPUT)
"""What one guard is compared with another by: commits per second under an open load are no cost."""
HARM = (LEAK_RATE, STALE_PER_1000)
