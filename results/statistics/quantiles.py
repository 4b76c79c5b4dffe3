"""How far into its tail a sample can tell: which percentiles of n operations are worth showing.

Of n samples, how many lie beyond the true quantile is binomial. Where k lie beyond the one that is taken for it, the
share beyond is known to about 1 / sqrt(k): with k = 10 it lies within a half and 1.8 times of what it is taken for (95
%), so that what is called p99 is between p98.2 and p99.5. With k = 0 it is the longest of all, and says nothing: of 200
samples every p99.9 is their maximum, which by luck is anything from p98.5 on (David and Nagaraja, Order Statistics,
3rd ed., section 7.1).

A median is shown of any number of samples: it is the middle of what was seen, and claims no tail.
"""

from collections.abc import Sequence

MIN_BEYOND = 10
"""So many samples lie beyond a quantile that is shown: 100 of all for a p90, 1,000 for a p99, 10,000 for a p99.9."""
MEDIAN = 50.0
TAILS = ("p99", "p90", "p50")
"""What a table or an axis has room for, the farthest first: one of these."""


def samples_needed(percentile: float) -> int:
    """How many samples there have to be, so that MIN_BEYOND lie beyond `percentile` (0 to 100)."""
    return round(MIN_BEYOND / (1 - percentile / 100))


def is_supported(percentile: float, n: int) -> bool:
    """Whether `n` samples say enough of `percentile` (0 to 100) to show it."""
    return n >= least_shown(percentile)


def least_shown(percentile: float) -> int:
    """The number of samples from which on `percentile` (0 to 100) is shown."""
    return 1 if percentile <= MEDIAN else samples_needed(percentile)


def farthest(counts: Sequence[int]) -> str:
    """The farthest of TAILS that at least half of the samples support, of `counts` values each; p99 without any.

    A column or an axis shows the same percentile of all, or they could not be compared.
    """
    some = [n for n in counts if n]
    return next(name for name in TAILS if 2 * sum(is_supported(float(name[1:]), n) for n in some) >= len(some))
