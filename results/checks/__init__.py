"""Pure functions over a trial: one small file a check, each exports `PLUGIN`.

What a check counts is summed over the trials of a cell; what it measures is pooled; clusters are counted by kind. All
appear in `summary.json` under the names that the check gives them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from leasebench.results.clustered import Clusters
from leasebench.results.trial import Trial

Samples = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Findings:
    """What one check found in one trial. A count of None: it could not be known there."""

    counts: dict[str, int | None] = field(default_factory=dict)
    samples: dict[str, Samples] = field(default_factory=dict)
    clusters: dict[str, Clusters] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """A named check."""

    name: str
    about: str
    run: Callable[[Trial], Findings]


PROTOCOL = Check
