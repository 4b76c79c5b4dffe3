"""A histogram as text: HdrHistogram's percentile distribution, which its plotter pages draw (`.hgrm`).

Lines and percentiles are those of `AbstractHistogram.outputPercentileDistribution` and `PercentileIterator` in
HdrHistogram 2.2. Values are in milliseconds, the unit of its log processor and the one that its plotter begins with,
but with six decimals instead of three: to the nanosecond.
"""

import math
from collections.abc import Iterator

import numpy as np

from leasebench.results.latency.histograms import Buckets, bucket_counts

TICKS_PER_HALF_DISTANCE = 5
MAX_TICKS = TICKS_PER_HALF_DISTANCE * 60
"""Each five ticks halve the distance to 100 %: more values than 2**53 could not be counted."""
HEADER = f"{'Value':>12} {'Percentile':>14} {'TotalCount':>10} {'1/(1-Percentile)':>14}\n\n"
NS_PER_MS = 1e6


def percentile_distribution(held: Buckets) -> str:
    """The text of a histogram that is not empty, as of one into which all of `held` was recorded."""
    reached = np.cumsum(held.counts)
    total = int(reached[-1])
    lines = [HEADER]
    for level, place in _ticks(100.0 * reached / total):
        share, value_ms = level / 100, held.high_ns[place] / NS_PER_MS
        inverse = f" {1 / (1 - share):14.2f}" if level < 100 else ""
        lines.append(f"{value_ms:12.6f} {share:2.12f} {reached[place]:10d}{inverse}\n")
    middle_ns = held.low_ns + ((held.high_ns - held.low_ns + 1) >> 1)
    mean_ns = float((middle_ns * held.counts.astype(np.float64)).sum()) / total
    deviation_ns = math.sqrt(float(((middle_ns - mean_ns) ** 2 * held.counts).sum()) / total)
    in_all, in_each = bucket_counts()
    lines += [
        f"#[Mean    = {mean_ns / NS_PER_MS:12.6f}, StdDeviation   = {deviation_ns / NS_PER_MS:12.6f}]\n",
        f"#[Max     = {held.high_ns[-1] / NS_PER_MS:12.6f}, Total count    = {total:12d}]\n",
        f"#[Buckets = {in_all:12d}, SubBuckets     = {in_each:12d}]\n",
    ]
    return "".join(lines)


def _ticks(reached_percent: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Iterator[tuple[float, int]]:
    """The percentiles that are listed, each with the place of the bucket that reaches it; 100 last.

    The last bucket has one line beside that of 100.
    """
    level, last = 0.0, len(reached_percent) - 1
    for _ in range(MAX_TICKS):
        place = int(np.searchsorted(reached_percent, level))
        yield level, place
        if place == last:
            break
        halvings = math.floor(math.log2(100 / (100 - level))) + 1
        level += 100 / (TICKS_PER_HALF_DISTANCE * 2**halvings)
    yield 100.0, last
