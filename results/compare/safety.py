"""Differences of rates of harm: by application, and by trial.

The unit of an exact test is the application with at least one race: events of one application hang together. Events of
one trial hang together too (one seed, one minute of the machine), so where both sides have two trials or more, Welch's
t over the trials' own rates is asked as well, and the larger p is the one that counts.
"""

from dataclasses import dataclass
from math import isnan

import numpy as np

from leasebench.results.compare.quantities import Quantity
from leasebench.results.compare.resampling import resamples
from leasebench.results.compare.samples import Sample
from leasebench.results.statistics.clustered import clustered_interval
from leasebench.results.statistics.intervals import (
    CONFIDENCE,
    Interval,
    difference_interval,
    exact_interval,
    fisher_p,
    ratio_interval,
    student_quantile,
    welch_p,
)


@dataclass(frozen=True, slots=True)
class HarmRate:
    """A rate with its interval by application (`statistics.clustered`), and, of two trials or more, that by trial.

    The interval by trial is the bootstrap's standard error with Student's t, cut off at zero; None where nothing was
    seen, since what never happened does not vary.
    """

    value: float
    by_application: Interval
    by_trial: Interval | None

    @property
    def either(self) -> Interval:
        """From the lower of the two to the higher."""
        ends = (self.by_application, self.by_trial or self.by_application)
        return min(low for low, _ in ends), max(high for _, high in ends)


def rate(sample: Sample, quantity: Quantity, confidence: float = CONFIDENCE) -> HarmRate | None:
    """A rate of harm of a cell; None where there is nothing to divide by."""
    value = sample.figure(quantity)
    units = _units(sample, quantity)[1]
    if value is None or not units:
        return None
    scale = quantity.ratio.scale
    clusters = sample.clusters_of(quantity)
    if clusters is not None:
        ends = clustered_interval(clusters, confidence)
    else:  # an earlier version did not say how the events were spread: each application counts as one
        ends = exact_interval(value / scale * units, units, confidence)
    assert ends is not None
    return HarmRate(value, (ends[0] * scale, ends[1] * scale), _by_trial(sample, quantity, value, confidence))


def rate_difference(before: Sample, after: Sample, quantity: Quantity) -> tuple[float, Interval] | None:
    """How much higher the rate of `after` is, with its 95 % interval; None where a side has no rate.

    As for the test, the wider counts: a side's interval reaches as far as that by application or that by trial does.
    """
    one, other = rate(before, quantity), rate(after, quantity)
    if one is None or other is None:
        return None
    return other.value - one.value, difference_interval(one.value, one.either, other.value, other.either)


def rate_ratio(
    before: Sample, after: Sample, quantity: Quantity, confidence: float = CONFIDENCE
) -> tuple[float, Interval] | None:
    """How many times the rate of `before` that of `after` is, with its interval; None without rates, or of 0/0."""
    half = (1 + confidence) / 2
    one, other = rate(before, quantity, half), rate(after, quantity, half)
    if one is None or other is None or not (one.value or other.value):
        return None
    ratio = other.value / one.value if one.value else float("inf")
    return ratio, ratio_interval(one.by_application, other.by_application)


def difference_p(before: Sample, after: Sample, quantity: Quantity) -> float:
    """The chance of a difference at least as large if there is none: the larger of Fisher's and Welch's.

    1 where the rate went one way by events and the other by applications: then nothing can be claimed.
    """
    (seen, of), (now_seen, now_of) = _units(before, quantity), _units(after, quantity)
    by_application = now_seen * of - seen * now_of
    by_event = (after.figure(quantity) or 0.0) - (before.figure(quantity) or 0.0)
    if by_application * by_event < 0:
        return 1.0
    exact = fisher_p(seen, of, now_seen, now_of)
    by_trial = welch_p(_rates(before, quantity), _rates(after, quantity))
    return exact if by_trial is None else max(exact, by_trial)


def _units(sample: Sample, quantity: Quantity) -> tuple[int, int]:
    """How many of how many applications are counted: by their own counts, or by how the rate's events cluster."""
    ratio = quantity.ratio
    if ratio.units:
        seen, total = int(sample.counts[ratio.affected].sum()), int(sample.counts[ratio.units].sum())
        return min(seen, total), total
    clusters = sample.clusters_of(quantity)
    if clusters is None:
        return 0, 0
    return int(clusters[clusters[:, 1] > 0, 2].sum()), int(clusters[:, 2].sum())


def _rates(sample: Sample, quantity: Quantity) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    part, whole, scale = quantity.fraction
    there = sample.counts[whole] > 0
    return scale * sample.counts[part][there] / sample.counts[whole][there]


def _by_trial(sample: Sample, quantity: Quantity, value: float, confidence: float) -> Interval | None:
    if sample.trials < 2 or not value:
        return None
    weights, chances = resamples(sample.trials)
    drawn = sample.figures(quantity, weights)
    there = ~np.isnan(drawn)
    share = chances[there] / chances[there].sum()
    variance = float(share @ (drawn[there] - share @ drawn[there]) ** 2) * sample.trials / (sample.trials - 1)
    assert not isnan(variance)
    reach = student_quantile(sample.trials - 1, confidence) * variance**0.5
    return max(0.0, value - reach), value + reach
