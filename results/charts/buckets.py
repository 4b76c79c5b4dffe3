"""Histograms of a run as frames: what charts of latencies are drawn from, and what an export holds."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from leasebench.results.latency.histograms import PERCENTILES, Buckets, merge_buckets, rank
from leasebench.results.reading.rundirectory import RunDirectory


def pooled(run: RunDirectory, scenario: str, phase: str, side: str, only: str | None = None) -> dict[str, Buckets]:
    """Each guard's histogram under one scenario, its trials merged, in the suite's order; without empty ones.

    Disturbed trials are left out (see `timed_trials_of`).

    With `only`, that of this guard alone.
    """
    found = {}
    for guard in run.guards if only is None else (only,):
        parts = [run.latencies(row.number).get((phase, side)) for row in run.timed_trials_of(guard, scenario)]
        merged = merge_buckets([part for part in parts if part is not None])
        if len(merged.counts):
            found[guard] = merged
    return found


def quantile_us(held: Buckets, percentile: float) -> float:
    """The value at a percentile as HdrHistogram has it: the upper end of the bucket of its rank."""
    target = rank(percentile, int(held.counts.sum()))
    return float(held.high_ns[np.searchsorted(np.cumsum(held.counts), target)]) / 1000


def figures_us(held: Buckets) -> dict[str, float]:
    """`p50` to `p99.99` of a histogram that is not empty, microseconds."""
    return {name: quantile_us(held, percentile) for name, percentile in PERCENTILES.items()}


def bucket_frame(histograms: Mapping[str, Buckets]) -> pd.DataFrame:
    """One row a bucket: `guard`, `low_us`, `high_us`, `count`, `percentile`; guards in the order given.

    `percentile` is the share in percent (0..100] of the guard's operations that took `high_us` or less.
    """
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "guard": guard,
                    "low_us": held.low_ns / 1000,
                    "high_us": held.high_ns / 1000,
                    "count": held.counts,
                    "percentile": np.cumsum(held.counts) / held.counts.sum() * 100,
                }
            )
            for guard, held in histograms.items()
        ],
        ignore_index=True,
    )
