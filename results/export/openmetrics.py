"""A summary as OpenMetrics text, which Prometheus reads: a family a metric, a sample a cell.

Names, units, help and what a metric is come from what the checks say of it (`results.record.metric`). All families are
gauges: they are figures of one run that has ended, and nothing of them goes on counting.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from leasebench.results.latency.histograms import PERCENTILES, SIDES
from leasebench.results.record.metric import Form, Metric, metrics
from leasebench.results.record.summary import CellSummary, Summary
from leasebench.verdict import Verdict

PREFIX = "leasebench"
UNITS: Mapping[str, tuple[str, float]] = {
    "s": ("seconds", 1.0), "ms": ("seconds", 1e-3), "us": ("seconds", 1e-6), "ns": ("seconds", 1e-9),
    "B": ("bytes", 1.0), "bytes": ("bytes", 1.0),
}  # fmt: skip
"""A unit of ours: the base unit that OpenMetrics asks for, and by what a value is multiplied."""
QUANTILES = {"p50": "0.5", "p99": "0.99", "max": "1"}
Sample = tuple[str, Mapping[str, str], float | None]
"""What follows the name of the family, the labels, and the value; a None is left out."""


@dataclass(frozen=True, slots=True)
class Family:
    """One metric family."""

    name: str
    about: str
    samples: Sequence[Sample]
    unit: str = ""
    kind: str = "gauge"

    def lines(self) -> Iterator[str]:
        """Its text; nothing where it has no sample."""
        there = [(suffix, labels, value) for suffix, labels, value in self.samples if value is not None]
        if not there:
            return
        yield f"# TYPE {self.name} {self.kind}"
        if self.unit:
            yield f"# UNIT {self.name} {self.unit}"
        yield f"# HELP {self.name} {_escaped(self.about)}"
        for suffix, labels, value in there:
            told = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
            yield f"{self.name}{suffix}{{{told}}} {value:.10g}"


def as_openmetrics(summary: Summary, run: str) -> str:
    """The whole text; every sample has the labels `run`, `suite`, `guard` and `scenario`."""
    cells = [({"run": run, "suite": summary.suite, "guard": one.guard, "scenario": one.scenario}, one)
             for one in summary.cells]  # fmt: skip
    families = [*_of_verdicts(cells), *(_of_metric(one, cells) for one in metrics()), *_of_speed(cells)]
    lines = [line for family in families for line in family.lines()]
    return "\n".join([*lines, "# EOF"]) + "\n"


Cells = Sequence[tuple[Mapping[str, str], CellSummary]]


def _of_verdicts(cells: Cells) -> Iterator[Family]:
    verdicts = [
        ("", {**labels, f"{PREFIX}_verdict": verdict.value}, float(cell.verdict is verdict))
        for labels, cell in cells
        for verdict in Verdict
    ]
    yield Family(f"{PREFIX}_verdict", "1 for the verdict of a cell, 0 for the others", verdicts, kind="stateset")
    expected: list[Sample] = [("", labels, float(cell.as_expected)) for labels, cell in cells]
    yield Family(f"{PREFIX}_as_expected", "whether the verdict of a cell is among those expected", expected)
    trials: list[Sample] = [("", labels, float(cell.trials)) for labels, cell in cells]
    yield Family(f"{PREFIX}_trials", "trials of a cell", trials)


def _of_metric(metric: Metric, cells: Cells) -> Family:
    unit, factor = UNITS.get(metric.unit, ("", 1.0))
    bare = metric.name.removesuffix(f"_{metric.unit}") if unit else metric.name
    name = f"{PREFIX}_{bare}_{unit}" if unit else f"{PREFIX}_{bare}"
    samples: list[Sample] = []
    for labels, cell in cells:
        if metric.form is Form.SPREAD:
            seen = cell.spread(metric.name)
            values = {word: getattr(seen, quantile) for quantile, word in QUANTILES.items()}
            samples += [("", {**labels, "quantile": word}, _scaled(value, factor)) for word, value in values.items()]
        elif metric.form in (Form.RATE, Form.MEAN):
            rate = cell.rate(metric.name)
            low, high = rate.interval or (None, None)
            ends = {"estimate": rate.value, "low": low, "high": high, "bound": rate.bound}
            samples += [("", {**labels, "value": word}, value) for word, value in ends.items()]
        elif metric.form is Form.COUNT:
            samples.append(("", labels, _scaled(cell.count(metric.name), factor)))
    return Family(name, metric.about, samples, unit)


def _of_speed(cells: Cells) -> Iterator[Family]:
    commits: list[Sample] = [("", labels, cell.throughput) for labels, cell in cells]
    yield Family(f"{PREFIX}_throughput_commits_per_second", "commits per second of load", commits)
    latencies: list[Sample] = []
    for labels, cell in cells:
        for phase in cell.latency_us:
            for side in SIDES:
                held = cell.latency(phase, side)
                told = {one: held.shown(one) for one in PERCENTILES}
                latencies += [
                    ("", {**labels, "phase": phase, "side": side, "quantile": f"{float(one[1:]) / 100:.10g}"},
                     _scaled(value, 1e-6))
                    for one, value in told.items()
                ]  # fmt: skip
    yield Family(
        f"{PREFIX}_latency_seconds", "latency by phase, as far into the tail as it is known", latencies, "seconds"
    )


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
