"""Stale overwrites: how many, how far back, how soon, and for how long the endpoint stayed behind."""

import numpy as np

from results.checks import Check, Findings
from results.history import Events
from results.trial import Trial


def overwrites(trial: Trial) -> Findings:
    """Look at each endpoint's commits in store order.

    `stale_overwrites`: version below the endpoint's at that instant; `below_peak`: below its highest ever but not
    below its present one. `overwrite_lag_ms`: since the commit that was overwritten. `stale_time_ms`: one value a
    spell, from the commit that fell below the peak until the peak is reached again, or to the end of the trial.
    """
    events = trial.events
    stale_count = below_count = censored = 0
    depth, lag, spells = [], [], []
    first_stale = len(events)
    for commits in events.commits_by_endpoint:
        version, previous = events.version[commits], events.previous[commits]
        stale = np.flatnonzero(version < previous)
        if not len(stale):
            continue
        peak = np.maximum.accumulate(version)
        stale_count += len(stale)
        below_count += int(np.count_nonzero((version < peak) & (version >= previous)))
        depth.append((previous - version)[stale])
        lag.append(events.elapsed_us(commits[np.maximum(stale - 1, 0)], commits[stale])[stale > 0] / 1e3)
        first_stale = min(first_stale, int(commits[stale[0]]))
        lengths, open_end = _spells(events, commits, version < peak)
        spells.append(lengths / 1e3)
        censored += open_end
    first = np.array([first_stale]) if first_stale < len(events) else np.array([], dtype=np.int64)
    return Findings(
        {"stale_overwrites": stale_count, "below_peak": below_count, "stale_spells_unrepaired": censored},
        {
            "regression_depth": _joined(depth),
            "overwrite_lag_ms": _joined(lag),
            "stale_time_ms": _joined(spells),
            "time_to_first_stale_s": _joined([events.elapsed_us(np.zeros_like(first), first) / 1e6]),
        },
    )


def _spells(events: Events, commits: np.ndarray, below: np.ndarray) -> tuple[np.ndarray, int]:
    """Lengths (us) of the spells below the peak, and how many were not over at the end."""
    edges = np.diff(np.concatenate(([False], below, [False])).astype(np.int8))
    begins, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    still_open = ends == len(commits)
    last = len(events) - 1
    until = np.where(still_open, last, commits[np.minimum(ends, len(commits) - 1)])
    return events.elapsed_us(commits[begins], until), int(still_open.sum())


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    joined = np.concatenate([np.asarray(part, dtype=np.float64) for part in parts]) if parts else np.array([])
    finite: np.ndarray = joined[~np.isnan(joined)]
    return finite


PLUGIN = Check("overwrites", "commits of a version older than the one in force", overwrites)
