"""Ratios of figures with intervals, by drawing trials again.

The unit is the trial: operations of one trial hang together (the same minute, the same seed), those of two do not.
A resample takes as many trials as there are, with replacement; its quantile is that of their merged histograms.

With the few trials that a benchmark has, the percentile bootstrap is far too narrow: of three trials it covers about
three quarters where it says 95 %. Hesterberg (What Teachers Should Know About the Bootstrap, The American Statistician
69, 2015, sections 4.1 and 5.3) names the two reasons: the spread of resamples is too small by sqrt((n - 1) / n), and a
normal quantile stands where Student's t belongs. So we take the bootstrap's standard error of the *logarithm* of the
figure, times sqrt(n / (n - 1)), and Student's t: for two independent groups with Welch's and Satterthwaite's degrees of
freedom, for two guards of the same rounds of one run with both drawn together (paired) and n - 1. For a mean this is
the ordinary t interval; for a quantile nearly so, as it changes smoothly with the weights of whole trials.

Not so where one or two trials hold nearly all of what lies beyond a p99.9: then there are as few trials, in effect, as
take part. Their number is (sum k)^2 / sum k^2 of the operations k of each trial beyond the quantile, and that less one
are the degrees of freedom (as Carter, Schnepel and Steigerwald count clusters: Review of Economics and Statistics 99,
2017). Simulated, ten trials with tails of their own had 13 % false claims without this. The tests hold the rate
against 5 %, with 3, 5 and 10 trials a side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations_with_replacement
from math import exp, factorial, log, prod, sqrt

import numpy as np

from leasebench.results.compare.quantities import Quantity
from leasebench.results.compare.samples import Floats, Sample
from leasebench.results.statistics.intervals import CONFIDENCE, Interval, student_p, student_quantile, welch_df

MOST_LISTED = 6
"""Up to 6 trials: enumerate all resamples with their probabilities (462 for six). Above that, sample DRAWN of them."""
DRAWN = 600
SEED = 1979
BUCKET_WIDTH = 2.0**-10
"""The most that a bucket of HdrHistogram is wide, relative to its value."""
LEAST_FOR_WELCH = 3
"""With two trials beside ten, Welch's degrees of freedom claimed twice too often: then the fewer of the two count."""
LEAST_DF = 0.05
"""Degrees of freedom for a single trial: its interval is practically infinite."""
ROUNDING_SD = BUCKET_WIDTH / sqrt(12)
"""What rounding to a bucket adds to the standard error of a logarithm: never is a figure known better."""


@dataclass(frozen=True, slots=True)
class LogRatio:
    """A ratio's natural logarithm, its standard error and degrees of freedom."""

    log: float
    se: float
    df: float

    @property
    def ratio(self) -> float:
        return exp(self.log)

    def interval(self, confidence: float = CONFIDENCE) -> Interval:
        """The interval of the ratio."""
        reach = student_quantile(self.df, confidence) * self.se
        return _exp(self.log - reach), _exp(self.log + reach)

    def p(self, tolerance: float = 1.0) -> float:
        """The two-sided p that the ratio lies within `tolerance`: by default, that there is no difference."""
        beyond = max(abs(self.log) - log(tolerance), 0.0)
        return student_p(beyond / self.se, self.df) if beyond else 1.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """The logarithm of a figure, its standard error, and the degrees of freedom."""

    log: float
    se: float
    df: float


@cache
def resamples(trials: int) -> tuple[Floats, Floats]:
    """Weights (resamples x trials) and the probability of each resample."""
    if trials > MOST_LISTED:
        rng = np.random.default_rng(SEED)
        drawn = rng.multinomial(trials, [1 / trials] * trials, DRAWN).astype(np.float64)
        return drawn, np.full(DRAWN, 1 / DRAWN)
    chosen = combinations_with_replacement(range(trials), trials)
    weights = np.array([np.bincount(one, minlength=trials) for one in chosen], np.float64)
    orders = [factorial(trials) / prod(factorial(int(count)) for count in row) for row in weights]
    return weights, np.array(orders) / trials**trials


def estimate(sample: Sample, quantity: Quantity) -> Estimate | None:
    """The figure of one cell with its error by trial; None of fewer than two trials, or where there is no figure."""
    sample = sample.having(quantity)
    found = _replicates(sample, quantity)
    value = sample.figure(quantity)
    if found is None or not value:
        return None
    error = _standard_error(*found, sample.trials, quantity)
    return Estimate(log(value), error, _degrees_of_freedom(sample, quantity, value))


def ratio(before: Sample, after: Sample, quantity: Quantity) -> LogRatio | None:
    """`after` over `before`, two groups of trials that have nothing to do with each other."""
    one, other = estimate(before, quantity), estimate(after, quantity)
    if one is None or other is None:
        return None
    variances, dfs = [one.se**2, other.se**2], [one.df, other.df]
    df = welch_df(variances, dfs) if min(before.trials, after.trials) >= LEAST_FOR_WELCH else min(dfs)
    return LogRatio(other.log - one.log, sqrt(sum(variances)), df)


def paired_ratio(before: Sample, after: Sample, quantity: Quantity) -> LogRatio | None:
    """`after` over `before`, two cells of one run; by rounds where both have the same ones, else as independent."""
    before, after = before.having(quantity), after.having(quantity)
    if before.rounds != after.rounds or len(set(before.rounds)) != before.trials:
        return ratio(before, after, quantity)
    one, other = _replicates(before, quantity), _replicates(after, quantity)
    was, now = before.figure(quantity), after.figure(quantity)
    if one is None or other is None or not was or not now:
        return None
    error = _standard_error(other[0] - one[0], one[1], before.trials, quantity)
    dfs = (_degrees_of_freedom(sample, quantity, value) for sample, value in ((before, was), (after, now)))
    return LogRatio(log(now / was), error, min(dfs))


def _replicates(sample: Sample, quantity: Quantity) -> tuple[Floats, Floats] | None:
    """The logarithm of the figure in every resample, and its probability; None where a resample has no figure."""
    if sample.trials < 2:
        return None
    weights, chances = resamples(sample.trials)
    figures = sample.figures(quantity, weights)
    return (np.log(figures), chances) if (figures > 0).all() else None


def _standard_error(logs: Floats, chances: Floats, trials: int, quantity: Quantity) -> float:
    mean = chances @ logs
    variance = float(chances @ (logs - mean) ** 2) * trials / (trials - 1)
    return sqrt(variance + ROUNDING_SD**2) if quantity.unit == "us" else max(sqrt(variance), ROUNDING_SD)


def _degrees_of_freedom(sample: Sample, quantity: Quantity, value: float) -> float:
    beyond = sample.beyond(quantity, value)
    taking_part = sample.trials if beyond is None else float(beyond.sum() ** 2 / (beyond**2).sum())
    return max(taking_part - 1, LEAST_DF)


def _exp(power: float) -> float:
    return exp(power) if power < 700 else float("inf")


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
