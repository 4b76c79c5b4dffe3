"""What the checks found in one cell of one trial, and how such findings add up."""

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from leasebench.registry import plugins
from leasebench.results.checks import Samples
from leasebench.results.clustered import Clusters, added
from leasebench.results.journal import Kind, Outcome
from leasebench.results.trial import Trial


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

    def first(self, name: str) -> float | None:
        """The smallest value of one sample; None if it is empty."""
        values = self.pooled(name)
        return float(values.min()) if len(values) else None

    def pooled(self, name: str) -> Samples:
        """All values of one sample."""
        return np.concatenate([np.array([]), *self.samples.get(name, [])])


def tally(trial: Trial) -> Tally:
    """Run every check over one cell of a trial."""
    found = Tally()
    for check in plugins("results.checks").values():
        findings = check.run(trial)
        samples = {name: [values] for name, values in findings.samples.items()}
        found.add(Tally(dict(findings.counts), samples, dict(findings.clusters)))
    return found


def applications_of(trial: Trial) -> dict[str, int]:
    """How many applications each enactor completed, also one that completed none."""
    enactors = trial.process_enactor[trial.rows(Kind.PLAN, Outcome.DONE)]
    completed = np.bincount(enactors[enactors >= 0], minlength=len(trial.events.enactors))
    return dict(zip(trial.events.enactors, completed.tolist(), strict=True))
