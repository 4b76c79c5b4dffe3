"""Intervals, tests and distributions, each with the source of its formula.

`scipy.stats` says the same of most; importing it takes longer than a whole comparison may.
"""

from collections.abc import Sequence
from math import erfc, hypot, inf, sqrt
from statistics import stdev

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, gammaln, stdtr, stdtrit

CONFIDENCE = 0.95
MIN_TRIALS = 2
"""The fewest trials that give an interval by trial."""
Interval = tuple[float, float]
MOST_TABLES = 1_000_000
"""With more tables of the same margins all margins are so large that Fisher's p is that of a normal distribution."""
SAME_CHANCE = 1 + 1e-7
"""Tables whose chances differ by rounding only count as equally likely, as R and scipy have it."""


def exact_interval(successes: float, trials: int, confidence: float = CONFIDENCE) -> Interval | None:
    """The Clopper-Pearson interval of a rate (Biometrika 26, 1934); None without trials.

    `successes` need not be whole: a rate over clustered events is rescaled to the number of its clusters.
    """
    if trials == 0:
        return None
    tail = (1 - confidence) / 2
    low = 0.0 if successes <= 0 else float(betaincinv(successes, trials - successes + 1, tail))
    high = 1.0 if successes >= trials else float(betaincinv(successes + 1, trials - successes, 1 - tail))
    return low, high


def upper_bound_of_zero(trials: int, confidence: float = CONFIDENCE) -> float | None:
    """The one-sided bound on a rate of which nothing was seen in `trials`: 1 - (1 - confidence)^(1/n)."""
    return None if trials == 0 else 1 - (1 - confidence) ** (1 / trials)


def student_quantile(df: float, confidence: float = CONFIDENCE) -> float:
    """So many standard errors to each side hold `confidence` of Student's t with `df` degrees of freedom."""
    return float(stdtrit(df, (1 + confidence) / 2))


def standard_error(values: Sequence[float]) -> float:
    """The standard error of the mean of two values or more."""
    return stdev(values) / sqrt(len(values))


def reach_of_mean(values: Sequence[float]) -> float:
    """Half the width of Student's t interval of the mean of two values or more."""
    return student_quantile(len(values) - 1) * standard_error(values)


def student_p(t: float, df: float) -> float:
    """The two-sided p of Student's t."""
    return float(2 * stdtr(df, -abs(t)))


def welch_df(variances: Sequence[float], dfs: Sequence[float]) -> float:
    """Degrees of freedom of a sum of independent variances: Satterthwaite, Biometrics Bulletin 2, 1946."""
    total = sum(variances)
    parts = sum(variance**2 / df for variance, df in zip(variances, dfs, strict=True))
    return total**2 / parts if parts else min(dfs)


def welch_p(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float | None:
    """The two-sided p of Welch's t test (Biometrika 34, 1947); None where it cannot be had.

    It needs two values a side at least, and some variance.
    """
    if min(len(one), len(other)) < 2:
        return None
    variances = [float(values.var(ddof=1)) / len(values) for values in (one, other)]
    if not sum(variances):
        return None
    df = welch_df(variances, [len(one) - 1, len(other) - 1])
    return student_p(float(one.mean() - other.mean()) / sqrt(sum(variances)), df)


def fisher_p(seen: int, of: int, other_seen: int, other_of: int) -> float:
    """The two-sided p of Fisher's exact test (J. Royal Statistical Society 85, 1922) of two counts of events.

    All tables with the same margins that are no likelier than the one that was seen. Beyond MOST_TABLES by the normal
    approximation.
    """
    total, events = of + other_of, seen + other_seen
    least, most = max(0, events - other_of), min(of, events)
    if most - least >= MOST_TABLES:
        deviation = sqrt(of / total * other_of / total * events * ((total - events) / (total - 1)))
        return float(erfc(abs(seen - of / total * events) / deviation / sqrt(2)))
    at = np.arange(least, most + 1)
    logs = _log_choose(of, at) + _log_choose(other_of, events - at) - _log_choose(total, np.array(events))
    chances = np.exp(logs)
    return float(min(1.0, chances[chances <= chances[seen - at[0]] * SAME_CHANCE].sum()))


def _log_choose(of: int, chosen: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    logs: npt.NDArray[np.float64] = gammaln(of + 1) - gammaln(chosen + 1) - gammaln(of - chosen + 1)
    return logs


def difference_interval(rate: float, interval: Interval, other_rate: float, other: Interval) -> Interval:
    """The interval of `other_rate - rate` from those of the two: Newcombe, Statistics in Medicine 17, 1998 (method 10).

    Zou and Donner call it MOVER (the same journal, 27, 2008). With exact intervals it errs on the wide side.
    """
    seen = other_rate - rate
    return (
        seen - hypot(other_rate - other[0], interval[1] - rate),
        seen + hypot(other[1] - other_rate, rate - interval[0]),
    )


def ratio_interval(interval: Interval, other: Interval) -> Interval:
    """The interval of the ratio of two rates, the other's over the first's, from an interval of each.

    It holds at least `1 - a - b` where they hold `1 - a` and `1 - b` (Bonferroni), also at zero: no log is taken.
    """
    low = other[0] / interval[1] if interval[1] else 0.0
    return low, other[1] / interval[0] if interval[0] else inf


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values: below a level, they are claims of which any is false with that chance at most.

    Holm, Scandinavian Journal of Statistics 6, 1979; whatever the dependence between the tests.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return [float(one) for one in adjusted]
