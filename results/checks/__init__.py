"""Pure functions over a trial: one small file a check, each exports `PLUGIN` with the metrics that it finds.

A check of another package is an entry point of the group `leasebench.checks`. What its metrics say of themselves
(`results.record.metric`) is all that tables, gates, comparisons, the report and the verdict need.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from leasebench.results.evidence.trial import Trial
from leasebench.results.record.metric import Metric
from leasebench.results.statistics.clustered import Clusters

Samples = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Findings:
    """What one check found in one trial, by the names of its metrics. A count of None: it could not be known there."""

    counts: dict[str, int | None] = field(default_factory=dict)
    samples: dict[str, Samples] = field(default_factory=dict)
    clusters: dict[str, Clusters] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """A named check. `run` returns nothing that is not among its `metrics`."""

    name: str
    about: str
    run: Callable[[Trial], Findings]
    metrics: tuple[Metric, ...]


PROTOCOL = Check
