"""What the checks found in one cell of one trial, and how such findings add up."""

from collections import defaultdict
from dataclasses import dataclass, field
from statistics import fmean

import numpy as np

from leasebench.registry import plugins
from leasebench.results.checks import Samples
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.journal import RowKind, RowOutcome
from leasebench.results.record.metric import Form, Metric, metrics
from leasebench.results.record.summary import Spread, Written
from leasebench.results.statistics.clustered import NO_CLUSTERS, Clusters, added, as_json, clustered_interval
from leasebench.results.statistics.intervals import MIN_TRIALS, reach_of_mean, upper_bound_of_zero

DIGITS = 6
"""Decimal digits of the ends of intervals."""


@dataclass
class Tally:
    """Counts and clusters, added up, and samples, pooled. A count is None where a trial could not know it."""

    counts: dict[str, int | None] = field(default_factory=dict)
    samples: dict[str, list[Samples]] = field(default_factory=lambda: defaultdict(list))
    clusters: dict[str, Clusters] = field(default_factory=dict)

    def add(self, other: "Tally") -> None:
        """Take in what was found elsewhere."""
        for name, count in other.counts.items():
            before = self.counts.get(name, 0)
            self.counts[name] = None if count is None or before is None else before + count
        for name, parts in other.samples.items():
            self.samples[name] += parts
        for name, clusters in other.clusters.items():
            self.clusters[name] = added([self.clusters[name], clusters]) if name in self.clusters else clusters

    def figures(self) -> dict[str, Written]:
        """All metrics as a cell of `summary.json` has them; a count of which no trial knew anything is 0."""
        figures: dict[str, Written] = {one.name: self.counts.get(one.name, 0) for one in metrics(Form.COUNT)}
        for one in metrics(Form.CLUSTERS):
            figures[one.name] = as_json(self.clusters.get(one.name, NO_CLUSTERS))
        for one in metrics(Form.RATE):
            figures |= self._rate(one)
        for one in metrics(Form.MEAN):
            figures |= self._mean(one)
        return figures | {one.name: Spread.of(self.pooled(one.name)) for one in metrics(Form.SPREAD)}

    def _mean(self, metric: Metric) -> dict[str, Written]:
        """A mean over trials; of what is never negative, neither is the interval."""
        values = self.pooled(metric.name).tolist()
        if not values:
            return dict.fromkeys(metric.published)
        mean, interval = fmean(values), None
        if len(values) >= MIN_TRIALS and len(set(values)) > 1:
            reach = reach_of_mean(values)
            low = mean - reach if min(values) < 0 else max(0.0, mean - reach)
            interval = round(low, DIGITS), round(mean + reach, DIGITS)
        return {metric.name: round(mean, DIGITS), f"{metric.name}_ci": interval}

    def _rate(self, metric: Metric) -> dict[str, Written]:
        """A rate by event; its interval allows for how much the events of one application hang together."""
        ratio = metric.ratio
        assert ratio is not None
        part, whole = self.counts.get(ratio.part), self.counts.get(ratio.whole)
        value = round(ratio.scale * (part / whole), ratio.digits) if part is not None and whole else None
        found: dict[str, Written] = {metric.name: value}
        if ratio.clusters:
            interval = clustered_interval(self.clusters.get(ratio.clusters, NO_CLUSTERS))
            low, high = interval or (0.0, 0.0)
            ends = round(ratio.scale * low, DIGITS), round(ratio.scale * high, DIGITS)
            found[f"{metric.name}_ci"] = ends if interval else None
        if ratio.bound_by:
            bound = None if part else upper_bound_of_zero(self.counts.get(ratio.bound_by) or 0)
            found[f"{metric.name}_bound"] = None if bound is None else round(ratio.scale * bound, DIGITS)
        return found

    def first(self, name: str) -> float | None:
        """The smallest value of one sample; None if it is empty."""
        values = self.pooled(name)
        return float(values.min()) if len(values) else None

    def pooled(self, name: str) -> Samples:
        """All values of one sample."""
        return np.concatenate([np.array([]), *self.samples.get(name, [])])


def tally(trial: Trial) -> Tally:
    """Run every check over one cell of a trial. Raises ValueError for a finding that is no metric of its check."""
    found = Tally()
    for check in plugins("results.checks").values():
        findings = check.run(trial)
        unknown = {*findings.counts, *findings.samples, *findings.clusters} - {one.name for one in check.metrics}
        if unknown:
            raise ValueError(f"the check {check.name} found {', '.join(sorted(unknown))}: add it to its metrics")
        samples = {name: [values] for name, values in findings.samples.items()}
        found.add(Tally(dict(findings.counts), samples, dict(findings.clusters)))
    return found


def applications_of(trial: Trial) -> dict[str, int]:
    """How many applications each enactor completed, also one that completed none."""
    enactors = trial.process_enactor[trial.rows(RowKind.PLAN, RowOutcome.DONE)]
    completed = np.bincount(enactors[enactors >= 0], minlength=len(trial.events.enactors))
    return dict(zip(trial.events.enactors, completed.tolist(), strict=True))
