"""Dangling records: endpoints that point at a deleted plan; and cells that no commit can repair."""

import numpy as np

from leasebench.enactors.store.events import KINDS
from leasebench.leases.outcome import Reason
from leasebench.results.checks import Check, Findings, Samples
from leasebench.results.evidence.events import ByVersion, Events, Ints, Mask, Writes
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.metric import Better, Form, Metric, Shown
from leasebench.verdict import Verdict

REPAIR = KINDS.index("repair")


def dangling(trial: Trial) -> Findings:
    """Count the times that an endpoint became empty (`dangling`), and whether only an operator could help (`wedged`).

    An endpoint is empty while it points at a deleted plan: because that plan is deleted, or because a commit, a repair
    or a restart points it at one that is gone. `empty_ms`: one value each time, until the next write that points it
    at a plan that is there, or to the end of the trial. A deletion that the store forgot at a restart counts as none.

    Wedged: at some endpoint the store refused a commit for want of a plan to roll back to, and the next that changed
    the endpoint was a repair, or nothing ever did. `wedged_ms`: one value each time, from the first such refusal to
    the repair, or to the end of the trial. `repairs` counts the operator's steps.
    """
    events = trial.events
    gone_at = gone_positions(events)
    refused = _refused(events)
    empty, wedged = [], []
    for number, writes in enumerate(events.writes_by_endpoint):
        empty.append(_empty_us(events, writes, gone_at[writes.version]) if len(gone_at) else np.array([]))
        wedged.append(_wedged_us(events, writes, refused[events.endpoint[refused] == number]))
    empty_us, wedged_us = (np.concatenate([np.array([]), *parts]) for parts in (empty, wedged))
    return Findings(
        {
            "dangling": len(empty_us),
            "wedged": int(len(wedged_us) > 0),
            "repairs": int(np.count_nonzero(events.of("repair"))),
        },
        {
            "empty_ms": empty_us[~np.isnan(empty_us)] / 1e3,
            "wedged_ms": wedged_us[~np.isnan(wedged_us)] / 1e3,
        },
    )


def spells_without_plan(events: Events) -> list[Ints]:
    """Per endpoint the positions from which on it pointed at a deleted plan, one each time (see `dangling`)."""
    gone_at = gone_positions(events)
    if not len(gone_at):
        return [np.array([], dtype=np.int64) for _ in events.endpoints]
    found = []
    for writes in events.writes_by_endpoint:
        own = gone_at[writes.version]
        begun = _begun(events, writes, own)
        found.append(np.maximum(own, writes.since)[begun])
    return found


def gone_positions(events: Events) -> ByVersion:
    """Per version the position of its deletion, or one after the end; nothing at all where nothing was deleted."""
    deletions: Mask = events.of("delete")
    if len(events.restarts):
        deletions &= ~events.gone
    deleted = np.flatnonzero(deletions)
    return ByVersion(events.version[deleted], deleted, len(events))


def _refused(events: Events) -> Ints:
    return np.flatnonzero(events.of("reject") & events.because(Reason.NO_ROLLBACK_PLAN))


def empty_spells(events: Events) -> list[tuple[Ints, Ints]]:
    """Per endpoint the positions at which it became empty, and those at which it no longer was.

    One that was never mended ends with the trial.
    """
    gone_at = gone_positions(events)
    if not len(gone_at):
        return [(np.array([], dtype=np.int64), np.array([], dtype=np.int64)) for _ in events.endpoints]
    return [_spells(events, writes, gone_at[writes.version]) for writes in events.writes_by_endpoint]


def _empty_us(events: Events, writes: Writes, gone_at: Ints) -> Samples:
    """How long the endpoint was empty, each time; `gone_at` is when what each write pointed at was deleted."""
    return events.elapsed_us(*_spells(events, writes, gone_at))


def _spells(events: Events, writes: Writes, gone_at: Ints) -> tuple[Ints, Ints]:
    begun = _begun(events, writes, gone_at)
    there = np.flatnonzero(gone_at > writes.since)
    ends = np.append(writes.since[there], events.last)[np.searchsorted(there, begun, side="right")]
    return np.maximum(gone_at, writes.since)[begun], ends


def _begun(events: Events, writes: Writes, gone_at: Ints) -> Ints:
    """The writes of an endpoint that begin a spell without a plan; `gone_at`: when the plan of each was deleted."""
    until = np.append(writes.since[1:], len(events))
    gone = np.flatnonzero(gone_at < until)
    fresh = gone_at[gone] > writes.since[gone]
    after_empty = np.isin(gone - 1, gone)
    return gone[fresh | ~after_empty]


def _wedged_us(events: Events, writes: Writes, refused: Ints) -> Samples:
    """How long the endpoint was wedged, each time, given the refusals for want of a plan to roll back to."""
    if not len(refused):
        return np.array([])
    following, first = np.unique(np.searchsorted(writes.since, refused), return_index=True)
    repaired = np.append(events.kind[writes.since], REPAIR)[following] == REPAIR
    ends = np.append(writes.since, events.last)[following[repaired]]
    return events.elapsed_us(refused[first[repaired]], ends)


METRICS = (
    Metric(
        "dangling",
        Form.COUNT,
        "an endpoint came to point at a deleted plan",
        better=Better.LESS,
        verdict=Verdict.DANGLING,
        place=200,
        heading="empty\ntimes",
        words="times empty",
    ),
    Metric(
        "empty_ms",
        Form.SPREAD,
        "how long an endpoint pointed at a deleted plan",
        unit="ms",
        better=Better.LESS,
        shown=Shown.BESIDE,
        place=210,
        heading="empty\np50 ms",
        spare=4,
    ),
    Metric(
        "wedged",
        Form.COUNT,
        "trials in which only an operator could repair a cell",
        better=Better.LESS,
        verdict=Verdict.WEDGED,
        shown=Shown.BESIDE,
        place=220,
        heading="wedged\ntrials",
    ),
    Metric(
        "wedged_ms",
        Form.SPREAD,
        "from the first refusal for want of a plan to the operator's repair",
        unit="ms",
        better=Better.LESS,
        shown=Shown.BESIDE,
        place=230,
        heading="wedged\np50 ms",
        spare=4,
    ),
    Metric("repairs", Form.COUNT, "steps of the operator", shown=Shown.BESIDE, place=240, spare=5),
)
PLUGIN = Check(
    "dangling", "endpoints that resolve to nothing, and cells that only an operator can repair", dangling, METRICS
)
