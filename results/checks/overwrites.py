"""Stale overwrites: how many, how far back, how soon, and for how long the endpoint stayed behind."""

from itertools import pairwise

import numpy as np

from leasebench.enactors.store.events import KINDS
from leasebench.results.checks import Check, Findings
from leasebench.results.evidence.events import Events, Ints, Mask
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.metric import Better, Form, Metric, Shown
from leasebench.verdict import Verdict

COMMIT = KINDS.index("commit")


def overwrites(trial: Trial) -> Findings:
    """Look at what was in force at each endpoint, in store order.

    `stale_overwrites`: commits of a version below the endpoint's at that instant; `below_peak`: below its highest
    ever but not below its present one. `overwrite_lag_ms`: since what was overwritten came into force; whoever
    wrote the same version again in between changed nothing.
    `stale_time_ms`: one value a spell, from where the endpoint fell below its peak until that is reached again, or to
    the end of the trial. A repair begins the peak anew, for what an operator sets is what should be in force; so it
    ends a spell. A restart that takes the endpoint back does not: it begins one.
    """
    events = trial.events
    repair = events.of("repair")
    stale_count = below_count = censored = 0
    depth, lag, spells = [], [], []
    first_stale = len(events)
    for writes in events.writes_by_endpoint:
        since, version = writes.since, writes.version
        fell = np.flatnonzero(version[1:] < version[:-1]) + 1
        if not len(fell):
            continue
        stale = fell[events.kind[since[fell]] == COMMIT]
        below = version < peak_since_repair(version, np.flatnonzero(repair[since]))
        later_below = np.flatnonzero(below[1:] & (version[1:] >= version[:-1])) + 1
        stale_count += len(stale)
        below_count += int(np.count_nonzero(events.kind[since[later_below]] == COMMIT))
        depth.append(version[stale - 1] - version[stale])
        lag.append(events.elapsed_us(since[writes.put_in_force(stale - 1)], since[stale]) / 1e3)
        first_stale = min(first_stale, int(since[stale[0]]) if len(stale) else first_stale)
        lengths, open_end = _spells(events, since, below)
        spells.append(lengths / 1e3)
        censored += open_end
    return Findings(
        {"stale_overwrites": stale_count, "below_peak": below_count, "stale_spells_unrepaired": censored},
        {
            "regression_depth": _joined(depth),
            "overwrite_lag_ms": _joined(lag),
            "stale_time_ms": _joined(spells),
            "time_to_first_stale_s": events.seconds_until(first_stale if first_stale < len(events) else None),
        },
    )


def stale_positions(events: Events) -> list[Ints]:
    """Per endpoint the positions of its stale overwrites."""
    found = []
    for writes in events.writes_by_endpoint:
        fell = np.flatnonzero(writes.version[1:] < writes.version[:-1]) + 1
        since = writes.since[fell]
        found.append(since[events.kind[since] == COMMIT])
    return found


def peak_since_repair(version: Ints, repairs: Ints) -> Ints:
    """The highest version that was in force at each write since the last of the `repairs`, or ever."""
    bounds = [0, *repairs, len(version)]
    return np.concatenate([np.maximum.accumulate(version[low:high]) for low, high in pairwise(bounds)])


def _spells(events: Events, at: Ints, below: Mask) -> tuple[np.ndarray, int]:
    """Lengths (us) of the spells below the peak, and how many were not over at the end."""
    edges = np.diff(below.astype(np.int8), prepend=0, append=0)
    begins, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    until = np.append(at, events.last)[ends]
    return events.elapsed_us(at[begins], until), int(np.count_nonzero(ends == len(at)))


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    joined = np.concatenate([np.asarray(part, dtype=np.float64) for part in parts]) if parts else np.array([])
    finite: np.ndarray = joined[~np.isnan(joined)]
    return finite


METRICS = (
    Metric(
        "stale_overwrites",
        Form.COUNT,
        "stale overwrites",
        better=Better.LESS,
        verdict=Verdict.STALE,
        shown=Shown.REPORT,
        place=100,
        first_s="time_to_first_stale_s",
        heading="stale",
    ),
    Metric(
        "below_peak",
        Form.COUNT,
        "commits of a version below the endpoint's highest, but not below the one in force",
        better=Better.LESS,
        shown=Shown.NOWHERE,
        place=170,
    ),
    Metric(
        "stale_spells_unrepaired",
        Form.COUNT,
        "times that an endpoint was still behind at the end of a trial",
        better=Better.LESS,
        shown=Shown.NOWHERE,
        place=171,
    ),
    Metric(
        "overwrite_lag_ms",
        Form.SPREAD,
        "from when the newer plan came into force to the stale commit over it",
        unit="ms",
        shown=Shown.RUN | Shown.REPORT,
        place=150,
        heading="lag\np50 ms",
        digits=1,
        spare=7,
    ),
    Metric(
        "stale_time_ms",
        Form.SPREAD,
        "until the endpoint had caught up",
        unit="ms",
        better=Better.LESS,
        shown=Shown.RUN | Shown.REPORT,
        place=151,
        heading="behind\np50 ms",
        spare=8,
    ),
    Metric(
        "time_to_first_stale_s",
        Form.SPREAD,
        "seconds of load until the first stale overwrite",
        unit="s",
        better=Better.MORE,
        in_trial=True,
        shown=Shown.RUN | Shown.REPORT,
        place=152,
        heading="first\nat s",
        digits=2,
        spare=9,
    ),
    Metric(
        "regression_depth",
        Form.SPREAD,
        "by how many versions a stale overwrite went back",
        better=Better.LESS,
        shown=Shown.NOWHERE,
        place=720,
    ),
)
PLUGIN = Check("overwrites", "commits of a version older than the one in force", overwrites, METRICS)
