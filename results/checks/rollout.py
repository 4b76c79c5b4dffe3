"""Torn rollouts: for how long, and over how many versions, the endpoints of a cell disagree."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leasebench.results.checks import Check, Findings
from leasebench.results.evidence.events import Events, Ints
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.metric import Better, Form, Metric, Shown

CHUNK = 1 << 17
"""Changes that are looked at together: as many as fit a processor's cache with what is made of them."""


@dataclass(frozen=True)
class EndpointChanges:
    """Changes of endpoints in store order: the position, the endpoint's number, its version before and after."""

    at: Ints
    endpoint: npt.NDArray[np.integer]
    before: Ints
    after: Ints


def rollout(trial: Trial) -> Findings:
    """Measure each spell during which every endpoint has a version and not all have the same.

    `torn_ms`: from the change that makes them differ to the one that makes them equal, or to the end of the trial.
    `torn_versions`: the most versions that were in force at once in that spell. While an endpoint has none yet, the
    cell is being filled and not torn.
    """
    events = trial.events
    changes = changes_of(events)
    if not len(changes.at) or len(events.endpoints) < 2:
        return Findings(samples={"torn_ms": np.array([]), "torn_versions": np.array([])})
    versions = np.concatenate(list(_versions_in_force(changes, len(events.endpoints))))
    settled = np.concatenate((changes.at[1:] != changes.at[:-1], [True]))
    at, versions = changes.at[settled], versions[settled]
    edges = np.diff((versions > 1).astype(np.int8), prepend=0, append=0)
    begins, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    until = np.append(at, events.last)[ends]
    torn_us = events.elapsed_us(at[begins], until)
    bounds = np.stack((begins, ends), axis=1).ravel()
    most = np.maximum.reduceat(np.append(versions, 0), bounds)[::2] if len(begins) else np.array([])
    return Findings(samples={"torn_ms": torn_us[~np.isnan(torn_us)] / 1e3, "torn_versions": most.astype(np.float64)})


def changes_of(events: Events) -> EndpointChanges:
    """Every change of what is in force at an endpoint, by whatever made it."""
    if not len(events.restarts):
        at = np.flatnonzero(events.of("commit", "repair") & (events.version != events.previous))
        return EndpointChanges(at, events.endpoint[at], events.previous[at], events.version[at])
    parts = list(enumerate(events.writes_by_endpoint))
    at = np.concatenate([writes.since for _, writes in parts])
    endpoint = np.concatenate([np.full(len(writes.since), number) for number, writes in parts])
    before = np.concatenate([writes.before for _, writes in parts])
    after = np.concatenate([writes.version for _, writes in parts])
    order = np.argsort(at, kind="stable")
    order = order[before[order] != after[order]]
    return EndpointChanges(at[order], endpoint[order], before[order], after[order])


def _versions_in_force(changes: EndpointChanges, endpoints: int) -> Iterator[npt.NDArray[np.int32]]:
    """How many versions are in force after each change; 0 while an endpoint has none.

    Every change takes an endpoint from one version and gives it to another. Sorted by version, the sums of these
    steps say how many endpoints each version has; a version comes into force where that leaves zero, and goes where
    it reaches it. A chunk begins by giving every endpoint its version, and ends by taking it: all sums return to 0.
    """
    now = np.zeros(endpoints, dtype=np.int64)
    for low in range(0, len(changes.at), CHUNK):
        part = slice(low, low + CHUNK)
        before, after = changes.before[part], changes.after[part]
        then = now.copy()
        then[changes.endpoint[part]] = after  # of several changes of one endpoint the last one stays
        version = np.concatenate((now, np.stack((before, after), axis=1).ravel(), then))
        step = np.ones(len(version), dtype=np.int8)
        step[endpoints : len(version) - endpoints : 2] = -1
        step[len(version) - endpoints :] = -1
        version -= version.min()
        small = version.astype(np.uint16) if version.max() < 1 << 16 else version
        order = np.argsort(small, kind="stable")
        sorted_step = step[order]
        owners = np.cumsum(sorted_step, dtype=np.int32)
        turns = np.zeros(len(version), dtype=np.int8)
        turns[order] = np.where(sorted_step > 0, owners == 1, owners == 0) * sorted_step
        in_force = np.cumsum(turns, dtype=np.int32)[endpoints + 1 : len(version) - endpoints : 2]
        empty = np.count_nonzero(now == 0) + np.cumsum((after == 0).astype(np.int8) - (before == 0), dtype=np.int32)
        yield np.where(empty == 0, in_force, 0)
        now = then


METRICS = (
    Metric(
        "torn_ms",
        Form.SPREAD,
        "how long the endpoints of a cell disagreed, each time",
        unit="ms",
        better=Better.LESS,
        shown=Shown.BESIDE,
        place=700,
        heading="torn\np50 ms",
        spare=7,
        own_scenario="torn",
    ),
    Metric(
        "torn_versions",
        Form.SPREAD,
        "the most versions that were in force at once, each time that the endpoints of a cell disagreed",
        better=Better.LESS,
        shown=Shown.BESIDE,
        place=701,
        heading="plans\nmixed",
        spare=7,
        own_scenario="torn",
    ),
)
PLUGIN = Check("rollout", "how long and over how many versions the endpoints of a cell disagree", rollout, METRICS)
