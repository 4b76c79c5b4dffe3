"""What is compared: latencies at a quantile, a guard's cost, throughput, and the rates of harm that checks export."""

from dataclasses import dataclass
from functools import cache

from leasebench.results.latency.histograms import PERCENTILES, SIDES
from leasebench.results.record.metric import Better, Form, Metric, Ratio, metrics
from leasebench.results.statistics.quantiles import MIN_BEYOND, samples_needed

SERVICE, RESPONSE = SIDES


@dataclass(frozen=True, slots=True)
class Quantity:
    """One figure of a cell.

    `kind` is `latency`, `cost`, `throughput`, or the name of the metric of a rate of harm; only a latency has a phase,
    a side and a figure, only a rate a `metric`. Latencies and cost are in microseconds, throughput in commits per
    second.
    """

    kind: str
    phase: str = ""
    side: str = ""
    figure: str = ""
    metric: Metric | None = None

    @property
    def name(self) -> str:
        """The name in tables and frames: `commit p99`, `plan response p50`, `throughput`."""
        if self.kind != "latency":
            return self.kind
        side = "" if self.side == SERVICE else f" {self.side}"
        return f"{self.phase}{side} {self.figure}"

    @property
    def unit(self) -> str:
        return {"latency": "us", "cost": "us", "throughput": "per s"}.get(self.kind, "")

    @property
    def is_rate(self) -> bool:
        """Whether it is a rate of harm: told by its difference, not by a ratio."""
        return self.metric is not None

    @property
    def ratio(self) -> Ratio:
        """How the rate is made: of which counts, and what its events hang together by."""
        assert self.metric is not None
        assert self.metric.ratio is not None
        return self.metric.ratio

    @property
    def fraction(self) -> tuple[str, str, float]:
        """The two figures of a trial that make the ratio, and the scale of the quotient."""
        if self.kind == "throughput":
            return "commits", "load_s", 1.0
        return self.ratio.part, self.ratio.whole, self.ratio.scale

    @property
    def missing(self) -> str:
        """What is said of a rate where there is nothing to divide by: `no races`."""
        return f"no {self.ratio.whole.replace('_', ' ')}"

    @property
    def more_is_worse(self) -> bool:
        better = Better.MORE if self.kind == "throughput" else self.metric and self.metric.better
        return better is not Better.MORE

    @property
    def operations_needed(self) -> int:
        """So many operations that MIN_BEYOND lie beyond the quantile; a cost is made of medians."""
        if self.kind == "cost":
            return 2 * MIN_BEYOND
        if self.kind != "latency":
            return 1
        return samples_needed(PERCENTILES[self.figure])


def latency(phase: str, figure: str, side: str = SERVICE) -> Quantity:
    """The quantity of a phase's latency at `p50` to `p99.99`."""
    return Quantity("latency", phase, side, figure)


@cache
def rates() -> tuple[Quantity, ...]:
    """The rates of harm: of the metrics those of which it is known how their events hang together."""
    return tuple(
        Quantity(one.name, metric=one) for one in metrics(Form.RATE) if one.ratio is not None and one.ratio.clusters
    )


def main_rate() -> Quantity:
    """The first of the rates: what stands in a table that has room for one."""
    return rates()[0]


COST = Quantity("cost")
THROUGHPUT = Quantity("throughput")
FIGURES = ("p50", "p99", "p99.9")
TAILS = FIGURES[1:]
PHASE_SIDES = (("commit", SERVICE), ("acquire", SERVICE), ("plan", SERVICE), ("plan", RESPONSE))
LATENCIES = tuple(latency(phase, figure, side) for phase, side in PHASE_SIDES for figure in FIGURES)
SPEED = (COST, *LATENCIES, THROUGHPUT)
"""What is compared by ratio."""
PRICES = tuple(one for one in SPEED if one != THROUGHPUT)
"""What one guard is compared with another by: commits per second under an open load are no cost."""
