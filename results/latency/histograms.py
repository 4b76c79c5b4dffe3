"""Latencies as HdrHistograms: nanoseconds in, percentiles in microseconds out; V2 logs, which `latency.hlog` reads.

An HdrHistogram keeps each value to three significant digits from 1 ns to an hour. Histograms of trials are
merged, which loses nothing; percentiles are never averaged, for the mean of two p99 is the p99 of nothing.

The log is version 1.3 of HdrHistogram's own text format (`HistogramLogWriter.java`), so that its viewers open
our files. The lines are written here because the Python library's writer drops tags and raises in
`output_start_time`.
"""

import math
import re
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

AT_ONCE = 1 << 20
"""Values that are counted at a time."""
LOWEST_NS = 1
HIGHEST_NS = 3_600_000_000_000
SIGNIFICANT_DIGITS = 3
SUB_BUCKETS_LOG2 = (2 * 10**SIGNIFICANT_DIGITS - 1).bit_length()
HALF = 1 << (SUB_BUCKETS_LOG2 - 1)
"""Half of a bucket's sub-buckets: the first of them are finer than any bucket, the others twice as wide each time."""

PHASES = ("discover", "acquire", "check", "commit", "release", "clean", "plan")
SIDES = ("service", "response")
PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99.9": 99.9, "p99.99": 99.99}

_NAME = re.compile(r"[a-z0-9_-]{1,40}")
_LEGEND = '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"'
_NS_PER_MS = 1e6


class Tag(NamedTuple):
    """Whose latencies a histogram holds. `service` counts from the start, `response` from when due."""

    guard: str
    scenario: str
    phase: str
    side: str


class Buckets(NamedTuple):
    """The buckets that hold anything, in rising order; `low_ns` and `high_ns` are both inside."""

    low_ns: NDArray[np.int64]
    high_ns: NDArray[np.int64]
    counts: NDArray[np.int64]


def histogram(values_ns: NDArray[np.integer]) -> HdrHistogram:
    """All of `values_ns` (nanoseconds, any shape) in one histogram, as if recorded one by one.

    Values below 1 ns count as 1 ns, values above an hour as an hour.
    """
    hist = _empty()
    if not values_ns.size:
        return hist
    every, counters = values_ns.ravel(), _counters(hist)
    for low in range(0, every.size, AT_ONCE):
        values = np.clip(every[low : low + AT_ONCE], LOWEST_NS, HIGHEST_NS).astype(np.int64)
        counters += np.bincount(_index(hist, values), minlength=hist.counts_len).astype(np.uint64)
    hist.total_count = every.size
    hist.min_value, hist.max_value = (int(np.clip(one, LOWEST_NS, HIGHEST_NS)) for one in (every.min(), every.max()))
    return hist


def merge(histograms: Iterable[HdrHistogram]) -> HdrHistogram:
    """Add up `histograms`, which stay as they are; the result is empty if there are none.

    The library's `add` would do but for the smallest value, which it sets to 0 when adding to an empty one.
    Raises ValueError if one was made with other bounds or another precision.
    """
    total = _empty()
    counters = _counters(total)
    for one in histograms:
        if _settings(one) != _settings(total):
            raise ValueError(f"a histogram of {_settings(one)} cannot be merged into one of {_settings(total)}")
        counters += _counters(one)
        total.total_count += one.total_count
        total.min_value = min(total.min_value, one.min_value)
        total.max_value = max(total.max_value, one.max_value)
    return total


def figures(hist: HdrHistogram) -> dict[str, float | int | None]:
    """`p50`, `p90`, `p99`, `p99.9`, `p99.99` and `max` in microseconds (None if empty), and the count `n`.

    A value is the upper end of its bucket, as HdrHistogram has it.
    """
    if not hist.total_count:
        return {**dict.fromkeys((*PERCENTILES, "max")), "n": 0}
    targets = [rank(percentile, int(hist.total_count)) for percentile in PERCENTILES.values()]
    at = np.searchsorted(np.cumsum(_counters(hist)), np.array(targets, np.uint64))
    values = [hist.get_highest_equivalent_value(hist.get_value_from_index(int(index))) for index in at]
    in_us = [round(value / 1000, 3) for value in (*values, hist.get_max_value())]
    return {**dict(zip((*PERCENTILES, "max"), in_us, strict=True)), "n": int(hist.total_count)}


def rank(percentile: float, total: int) -> int:
    """Which of `total` values in rising order, counted from 1, stands at `percentile` (0 to 100).

    The first one that has at least so many percent of all at or below it: `AbstractHistogram.getValueAtPercentile` of
    HdrHistogram 2.2 and its ports in JavaScript and C. The Python library still rounds to the nearest, as HdrHistogram
    did before, and may so say less than what its own percentile distribution lists.
    """
    # One ulp less, so that 99.9 % of 1,000 is not the 1,000th for 999.0000000000001.
    return max(math.ceil(math.nextafter(percentile, 0) * total / 100), 1)


def buckets(hist: HdrHistogram) -> Buckets:
    """Take out what `hist` holds, bucket by bucket, in nanoseconds."""
    counters = _counters(hist)
    index = np.flatnonzero(counters)
    return bucket_bounds(index, counters[index].astype(np.int64))


def bucket_bounds(index: NDArray[np.int64], counts: NDArray[np.int64]) -> Buckets:
    """The buckets that our histograms' counters of these numbers stand for, with their counts."""
    shift = np.maximum((index >> (SUB_BUCKETS_LOG2 - 1)) - 1, 0)
    low = np.where(index < HALF, index, (index & (HALF - 1)) + HALF) << shift
    return Buckets(low, low + (1 << shift) - 1, counts)


def merge_buckets(parts: list[Buckets]) -> Buckets:
    """Add up histograms bucket by bucket; lossless, since all have the same buckets."""
    if not parts:
        none = np.array([], dtype=np.int64)
        return Buckets(none, none, none)
    low_ns, first, place = np.unique(
        np.concatenate([part.low_ns for part in parts]), return_index=True, return_inverse=True
    )
    high_ns = np.concatenate([part.high_ns for part in parts])[first]
    weights = np.concatenate([part.counts for part in parts])
    counts = np.zeros(len(low_ns), dtype=np.int64)
    np.add.at(counts, place, weights)
    return Buckets(low_ns, high_ns, counts)


def bucket_counts() -> tuple[int, int]:
    """How many buckets our histograms have, and how many sub-buckets are in each."""
    hist = _empty()
    return hist.bucket_count, hist.sub_bucket_count


def tag(guard: str, scenario: str, phase: str, side: str) -> str:
    """`guard.scenario.phase.side`. Raises ValueError for a name that a tag cannot carry."""
    for name in (guard, scenario, phase):
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a name: 1 to 40 of a-z, 0-9, _ and -")
    if side not in SIDES:
        raise ValueError(f"{side!r} is no side of a latency: choose from {', '.join(SIDES)}")
    return f"{guard}.{scenario}.{phase}.{side}"


def untag(text: str) -> Tag:
    """Split a tag. Raises ValueError if `text` is not one that `tag` makes."""
    parts = text.split(".")
    if len(parts) != len(Tag._fields):
        raise ValueError(f"{text!r} is not a tag: guard.scenario.phase.side")
    tag(*parts)
    return Tag(*parts)


def write_hlog(path: Path, histograms: Mapping[str, HdrHistogram], start_s: float, end_s: float) -> None:
    """Write `histograms`, keyed by tag, as a log of one interval; empty ones are left out.

    `start_s` and `end_s` are seconds since the epoch. Timestamps in the log are seconds since `start_s`,
    an interval's maximum is in milliseconds, as HdrHistogram's own writers have it.
    """
    date = datetime.fromtimestamp(round(start_s, 3), UTC).isoformat(timespec="milliseconds")
    lines = [
        "#[Histogram log format version 1.3]",
        f"#[BaseTime: {start_s:.3f} (seconds since epoch)]",
        f"#[StartTime: {start_s:.3f} (seconds since epoch), {date}]",
        _LEGEND,
    ]
    for name, hist in histograms.items():
        untag(name)
        if hist.total_count:
            max_ms = hist.get_max_value() / _NS_PER_MS
            payload = hist.encode().decode("ascii")
            lines.append(f"Tag={name},{0:.3f},{end_s - start_s:.3f},{max_ms:.3f},{payload}")
    path.write_text("\n".join(lines) + "\n", encoding="ascii")


def _empty() -> HdrHistogram:
    return HdrHistogram(LOWEST_NS, HIGHEST_NS, SIGNIFICANT_DIGITS)


def _settings(hist: HdrHistogram) -> tuple[int, int, int]:
    return hist.lowest_trackable_value, hist.highest_trackable_value, hist.significant_figures


def _counters(hist: HdrHistogram) -> NDArray[np.uint64]:
    """View the histogram's own counters; this is no copy."""
    return cast("NDArray[np.uint64]", np.ctypeslib.as_array(hist.counts))


def _index(hist: HdrHistogram, values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Find the counter of each value, as `HdrHistogram._counts_index_for` does for one.

    A float holds every value exactly (the highest is below 2**53), so its exponent is the bit length.
    """
    assert sys.float_info.mant_dig > HIGHEST_NS.bit_length()
    bit_length = np.frexp(values.astype(np.float64))[1].astype(np.int64)
    magnitude = hist.sub_bucket_half_count_magnitude
    bucket = np.maximum(bit_length - hist.unit_magnitude - (magnitude + 1), 0)
    in_bucket = values >> (bucket + hist.unit_magnitude)
    index: NDArray[np.int64] = ((bucket + 1) << magnitude) + in_bucket - hist.sub_bucket_half_count
    return index
