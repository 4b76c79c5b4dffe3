"""One ratio for a guard over all of its scenarios: the geometric mean of the ratios that it has in each."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from leasebench.results.compare.resampling import ROUNDING_SD, LogRatio
from leasebench.results.statistics.intervals import welch_df

MIN_SCENARIOS = 3
"""The fewest scenarios of one trial each: the spread of fewer says nothing."""


@dataclass(frozen=True, slots=True)
class Pooled:
    """A guard's ratio over several scenarios; `by` is what its interval rests on: `trials` or `scenarios`."""

    found: LogRatio
    scenarios: int
    by: str


def pool(logs: Sequence[float], found: Sequence[LogRatio | None]) -> Pooled | None:
    """Pool the log ratios of a guard's scenarios (`logs`) and, where there are several trials, their errors (`found`).

    If every scenario has an error by trial, the mean has one too: it is of these scenarios. Otherwise, with one trial
    each, the scenarios themselves are the sample, and the interval is of Student's t over them: it holds what the ratio
    is in scenarios like these. None where there is neither.
    """
    if not logs:
        return None
    mean = float(np.mean(logs))
    known = [one for one in found if one is not None]
    if len(known) == len(logs):
        variances = [(one.se / len(logs)) ** 2 for one in known]
        return Pooled(
            LogRatio(mean, sqrt(sum(variances)), welch_df(variances, [one.df for one in known])), len(logs), "trials"
        )
    if len(logs) < MIN_SCENARIOS:
        return None
    error = sqrt(float(np.var(logs, ddof=1)) / len(logs) + ROUNDING_SD**2)
    return Pooled(LogRatio(mean, error, len(logs) - 1), len(logs), "scenarios")
