"""What two runs differ by in all cells that did not change, and what is left of a ratio beyond that.

Trials of one run are interleaved; two runs are not. On a shared machine the same command, run twice in a row, gives
latencies that differ by some percent in every cell, and its cells by a little more than their trials say. Both are
estimated from the cells that did not change. Which these are is not known, so each cell is taken to be one of two kinds
(a mixture, as Efron has the null and the others among many tests: Large-Scale Simultaneous Hypothesis Testing, JASA 99,
2004):

- unchanged: its log ratio is the drift, give or take its own standard error and a `scatter` that all cells share;
- changed, with a chance of CHANGED: by the drift and a change of its own, of some size out of CHANGES.

The drift is the posterior mean over a grid of drifts and scatters, and its standard error the posterior's standard
deviation. It is a robust mode: a few changed cells that stand apart do not move it. Where it is not clear which cells
changed, the standard error says so: with two equal halves it spans both. It goes into every interval.

With the guards that are known to be unchanged (`--drift-from`) every one of their cells is of the first kind.

A change of everything can't be told from a drift: it is told, beyond LOUD it leaves the comparison open, and nothing
is called equal only because a drift was taken out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np
from numpy.typing import NDArray

from leasebench.results.compare.quantities import TAILS, Quantity
from leasebench.results.compare.resampling import LogRatio
from leasebench.results.statistics.intervals import Interval, student_quantile

MIN_CELLS = 8
"""With fewer there is no bulk to estimate a drift from."""
MIN_REFERENCE_CELLS = 3
"""The fewest cells of guards that are known to be unchanged."""
LOUD, LOUD_TAIL = 1.15, 2.0
"""A drift by more is too large to be put down to the machine without being asked for.

Of medians, cost and throughput, and of p99 and beyond: run twice on a shared machine, the same suite had all medians
within 1.06x, and the p99 of its commits at 1.06x and at 1.67x.
"""
CHANGED = 0.4
CHANGES = (0.2, 0.7)
"""Standard deviations of the logarithm of a change: by about 1.2x, by about 2x."""
LEAST_SCATTER, MOST_SCATTER = 0.002, 0.5
USUAL_SCATTER = 0.02
"""Cells scatter by so much more than their trials say; larger scatters are less likely (half-Cauchy)."""
SCATTERS, DRIFTS = 10, 81
"""Points of the grid."""
PASSES = 3
"""The grid is laid that often, each time where the pass before it found something."""
REACH = 6
"""So many standard deviations to each side the grid is laid anew."""
MARGIN = 0.02

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Drift:
    """How the unchanged cells of two runs differ in one quantity: the log of their ratio, its standard error.

    `scatter` is the standard deviation by which cells differ from it beyond what their trials say; `cells` is how many
    it was estimated from.
    """

    quantity: Quantity
    log: float
    se: float
    scatter: float
    cells: int

    @property
    def ratio(self) -> float:
        return exp(self.log)

    @property
    def interval(self) -> Interval:
        """The 95 % interval of the ratio: the uncertainty that is stated."""
        reach = student_quantile(self.cells - 1) * self.se
        return exp(self.log - reach), exp(self.log + reach)

    @property
    def loud(self) -> bool:
        """Larger than LOUD (a tail's: than LOUD_TAIL), and not by the chance of which cells there are."""
        limit = LOUD_TAIL if self.quantity.figure in TAILS else LOUD
        return abs(self.log) - 2 * self.se > log(limit)


def estimate_drift(quantity: Quantity, logs: Sequence[float], found: Sequence[LogRatio]) -> Drift | None:
    """The drift of one quantity from the log ratios of all cells, and of those with an error; None of too few cells."""
    return _estimate(quantity, logs, found, MIN_CELLS, CHANGED)


def reference_drift(quantity: Quantity, logs: Sequence[float], found: Sequence[LogRatio]) -> Drift | None:
    """The drift from cells that are known to be unchanged; None of fewer than MIN_REFERENCE_CELLS."""
    return _estimate(quantity, logs, found, MIN_REFERENCE_CELLS, 0.0)


def unknown(quantity: Quantity, drifts: Mapping[Quantity, Drift]) -> bool:
    """Whether all cells drifted in other quantities, and too few have this one to know its own drift.

    Such a ratio can't be judged. Where no drift is known at all there are few cells, and ratios are judged as they are.
    """
    return bool(drifts) and quantity not in drifts


def beyond(found: LogRatio, drift: Drift | None, scattered: int | None = 1) -> LogRatio:
    """What is left of a ratio beyond the drift, with the doubt about the drift in its error.

    `scattered` is how many cells the ratio is a mean of; None if its error holds their scatter already.
    """
    if drift is None:
        return found
    scatter = 0.0 if scattered is None else drift.scatter**2 / scattered
    return LogRatio(found.log - drift.log, sqrt(found.se**2 + scatter + drift.se**2), found.df)


def _estimate(
    quantity: Quantity, logs: Sequence[float], found: Sequence[LogRatio], least: int, changed: float
) -> Drift | None:
    if len(logs) < least:
        return None
    if len(found) >= least:
        values, errors = np.array([one.log for one in found]), np.array([one.se for one in found])
    else:
        # One trial each: their noise is a part of the scatter, of which nothing is known beforehand.
        values, errors = np.asarray(logs, np.float64), np.zeros(len(logs))
    centre, se, scatter = _posterior(values, errors, changed)
    return Drift(quantity, centre, se, scatter, len(values))


def _posterior(values: Floats, errors: Floats, changed: float) -> tuple[float, float, float]:
    """Mean and standard deviation of the drift, and the root mean square of the scatter."""
    scatters = np.geomspace(LEAST_SCATTER, MOST_SCATTER, SCATTERS)
    # On a logarithmic grid a density is multiplied by the scatter; without errors the scatter is flat on that grid.
    prior = np.log(scatters) - np.log1p((scatters / USUAL_SCATTER) ** 2) if errors.any() else np.zeros(SCATTERS)
    low, high = (float(end) for end in np.quantile(values, (0.05, 0.95)))
    low, high = low - MARGIN, high + MARGIN
    for _ in range(PASSES):
        drifts = np.linspace(low, high, DRIFTS)
        step = drifts[1] - drifts[0]
        squares = (values - drifts[:, None]) ** 2
        logs = np.stack([_likelihood(squares, errors, max(one, step / 2), changed) for one in scatters])
        chances = np.exp(logs + prior[:, None] - (logs + prior[:, None]).max())
        chances /= chances.sum()
        by_drift = chances.sum(axis=0)
        mean = float(by_drift @ drifts)
        # A grid can't say more than its step.
        se = sqrt(float(by_drift @ (drifts - mean) ** 2) + step**2 / 12)
        low, high = max(low, mean - REACH * se), min(high, mean + REACH * se)
    return mean, se, sqrt(float(chances.sum(axis=1) @ scatters**2))


def _likelihood(squares: Floats, errors: Floats, scatter: float, changed: float) -> Floats:
    """The log likelihood of each drift, from the squared distances (drifts x cells) and one scatter."""
    variance = errors**2 + scatter**2
    density = (1 - changed) * _normal(squares, variance)
    for size in CHANGES if changed else ():
        density = density + changed / len(CHANGES) * _normal(squares, variance + size**2)
    total: Floats = np.log(density + np.finfo(np.float64).tiny).sum(axis=1)
    return total


def _normal(squares: Floats, variance: Floats) -> Floats:
    """The normal density, but for a constant."""
    density: Floats = np.exp(-squares / (2 * variance)) / np.sqrt(variance)
    return density
