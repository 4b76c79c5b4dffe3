"""How latency and throughput went over the time of a trial: its journal in bins, read in pieces of bounded size."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from leasebench.results.evidence.clocks import Clocks, Compared
from leasebench.results.record.journal import RowKind, RowOutcome

BINS = 48
LEVELS_PER_DECADE = 40
LOWEST_NS, DECADES = 1_000, 8
"""Latencies are told apart between 1 us and 100 s, in steps of 6 %."""
LEVELS = LEVELS_PER_DECADE * DECADES
COLUMNS = ["kind", "outcome", "end_ns", "service_ns", "version", "seen"]


@dataclass(frozen=True)
class OverTime:
    """Per bin of equal length: when it begins (seconds of load), its commits, stale ones among them, and latencies.

    `p50_us`, `p99_us`, `max_us` are of the service time of commits that were answered; NaN where a bin has none.
    """

    bin_s: float
    from_s: npt.NDArray[np.float64]
    commits: npt.NDArray[np.int64]
    stale: npt.NDArray[np.int64]
    refused: npt.NDArray[np.int64]
    p50_us: npt.NDArray[np.float64]
    p99_us: npt.NDArray[np.float64]
    max_us: npt.NDArray[np.float64]


def over_time(begin: int, end: int, journal: Iterable[pd.DataFrame], clocks: Clocks) -> OverTime | None:
    """Bin the commits of a trial by their end; None where its load never began, or its clocks are not known to a bin.

    `begin` and `end` are nanoseconds of the axis of `clocks`, and so is `journal`: the columns COLUMNS, in pieces.
    """
    if end <= begin:
        return None
    width_ns = (end - begin) / BINS
    levels = np.zeros(BINS * LEVELS, dtype=np.int64)
    commits, stale, refused = (np.zeros(BINS, dtype=np.int64) for _ in range(3))
    longest = np.full(BINS, np.nan)
    for frame in journal:
        if Compared(clocks, frame).unsure_on_axis_ns.max() > width_ns:
            return None
        part = _answered_commits(frame)
        at = ((part["end_ns"].to_numpy() - begin) / width_ns).astype(np.int64).clip(0, BINS - 1)
        done = part["outcome"].to_numpy() == RowOutcome.DONE
        older = part["seen"].to_numpy() > part["version"].to_numpy()
        service_ns = part["service_ns"].to_numpy()
        commits += np.bincount(at[done], minlength=BINS)
        stale += np.bincount(at[done & older], minlength=BINS)
        refused += np.bincount(at[~done], minlength=BINS)
        levels += np.bincount(at * LEVELS + _level(service_ns), minlength=BINS * LEVELS)
        np.fmax.at(longest, at, service_ns / 1000)
    by_bin = levels.reshape(BINS, LEVELS)
    return OverTime(
        width_ns / 1e9,
        np.arange(BINS, dtype=np.float64) * width_ns / 1e9,
        commits,
        stale,
        refused,
        _quantile_us(by_bin, 0.5, longest),
        _quantile_us(by_bin, 0.99, longest),
        longest,
    )


def _answered_commits(frame: pd.DataFrame) -> pd.DataFrame:
    answered = frame["outcome"].isin((int(RowOutcome.DONE), int(RowOutcome.REFUSED)))
    return frame[(frame["kind"] == RowKind.COMMIT) & answered]


def _level(service_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    level = np.log10(np.maximum(service_ns, LOWEST_NS) / LOWEST_NS) * LEVELS_PER_DECADE
    return np.minimum(level.astype(np.int64), LEVELS - 1)


def _quantile_us(
    by_bin: npt.NDArray[np.int64], share: float, longest: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """The upper edge of the level that holds the quantile, but never more than the longest."""
    total = by_bin.sum(axis=1)
    reached = np.cumsum(by_bin, axis=1) >= np.maximum(np.ceil(total * share), 1)[:, None]
    level = reached.argmax(axis=1)
    edge_us = LOWEST_NS / 1000 * 10 ** ((level + 1) / LEVELS_PER_DECADE)
    return np.where(total > 0, np.fmin(edge_us, longest), np.nan)
