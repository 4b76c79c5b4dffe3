"""What two runs differ by in all of their cells at once, and what is left of a change beyond that.

Trials of one run are interleaved; two runs are not. On a shared machine the same command, run twice in a row, gives
latencies that differ by some percent in every cell, and its cells by a little more than their trials say. Both are
estimated from the bulk of the cells, as Efron does with the null of many tests at once (Large-Scale Simultaneous
Hypothesis Testing: The Choice of a Null Hypothesis, JASA 99, 2004): the centre is the median of the log ratios, and
where the middle half of them lies further from it than Student's t has it, all standard errors are stretched by as much
(never shortened; metrology knows this as Birge's ratio). Medians move little as long as fewer than half of the cells
changed. A change of everything, however, is a drift: it is told, and beyond LOUD it leaves the comparison open.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np

from leasebench.results.compare.quantities import TAILS, Quantity
from leasebench.results.compare.resampling import LogRatio
from leasebench.results.statistics import student_quantile

MIN_CELLS = 8
"""With fewer there is no bulk to estimate a drift from."""
LOUD, LOUD_TAIL = 1.25, 2.0
"""A drift by more is too large to be put down to the machine without being asked for.

Of medians, cost and throughput, and of p99 and beyond: run twice on a shared machine, the same suite had all medians
within 1.06x, and the p99 of its commits at 1.06x and at 1.67x.
"""
MEDIAN_ERROR = sqrt(np.pi / 2)
"""The standard error of a median over that of a mean, of normal values."""
MAD_TO_SD = 1.4826


@dataclass(frozen=True, slots=True)
class Drift:
    """How all cells of two runs differ in one quantity: the log of their common ratio, its standard error.

    `stretch` (1 or more) is what standard errors by trial are multiplied by.
    """

    quantity: Quantity
    log: float
    se: float
    stretch: float
    cells: int

    @property
    def ratio(self) -> float:
        return exp(self.log)

    @property
    def loud(self) -> bool:
        """Larger than LOUD (a tail's: than LOUD_TAIL), and not by the chance of which cells there are."""
        limit = LOUD_TAIL if self.quantity.figure in TAILS else LOUD
        return abs(self.log) - 2 * self.se > log(limit)


def estimate_drift(quantity: Quantity, logs: Sequence[float], found: Sequence[LogRatio]) -> Drift | None:
    """The drift of one quantity from the log ratios of all cells, and of those with an error; None of too few cells."""
    if len(logs) < MIN_CELLS:
        return None
    values = np.asarray(logs)
    centre = float(np.median(values))
    spread = MAD_TO_SD * float(np.median(np.abs(values - centre)))
    se = MEDIAN_ERROR * spread / sqrt(len(values))
    stretch = 1.0
    if len(found) >= MIN_CELLS:
        lengths = [abs(one.log - centre) / one.se / student_quantile(one.df, 0.5) for one in found]
        stretch = max(1.0, float(np.median(lengths)))
    return Drift(quantity, centre, se, stretch, len(values))


def unknown(quantity: Quantity, drifts: Mapping[Quantity, Drift]) -> bool:
    """Whether all cells drifted in other quantities, and too few have this one to know its own drift.

    Such a ratio can't be judged. Where no drift is known at all there are few cells, and ratios are judged as they are.
    """
    return bool(drifts) and quantity not in drifts


def beyond(found: LogRatio, drift: Drift | None) -> LogRatio:
    """What is left of a ratio beyond the drift, with the doubt about the drift in its error."""
    if drift is None:
        return found
    return LogRatio(found.log - drift.log, sqrt((found.se * drift.stretch) ** 2 + drift.se**2), found.df)
