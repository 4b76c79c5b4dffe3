"""What is known of one violation: the rows of history and journal that led to it, before anything is said of them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import inf, isnan
from typing import TypeVar

import numpy as np

from leasebench.enactors.store.events import KINDS
from leasebench.results.checks.harm import Harm, ViolationKind, harm_at, refusals
from leasebench.results.evidence.events import Events, Ints, Writes
from leasebench.results.evidence.moment import Moments
from leasebench.results.explain.fault_records import FaultRecord, fault_records, has_lease_server_of_its_own
from leasebench.results.explain.reader import Reader, Stop
from leasebench.results.explain.writer import Writer, who, writer_of
from leasebench.results.reading.rundirectory import RunDirectory
from leasebench.results.reading.violations import Violation
from leasebench.results.record.suite import GuardTable
from leasebench.results.store_rules import Breach, Promised, breaches

REPAIR = KINDS.index("repair")
MOST = 5
"""Stops of one writer, and faults, that are told: the longest."""
Timed = TypeVar("Timed", Stop, FaultRecord)
BEFORE_S = 0.05
"""How long before the first of the story a fault may have ended to be told."""


@dataclass(frozen=True)
class Facts:
    """A violation with its writers.

    `writer` put in force what is wrong: the stale version, or the plan that is gone. `newer` put the overwritten
    version in force (None where nothing newer was overwritten), `rewritten` says that others wrote it again.
    `before_newer` was in force before. `deleted_at` is the deletion of the plan, `cleaner` who deleted it.
    `leases_apart`: the lease server is not the store's.
    `mended_at` is the write that ended the harm (None: nothing did), `refusals` the commits refused in between.
    `breaches`: where the store broke a rule by a write or deletion of these; None where that can't be told.
    """

    violation: Violation
    guard: GuardTable
    cells: int
    events: Events
    reader: Reader
    writes: Writes
    writer: Writer
    newer: Writer | None
    rewritten: bool
    before_newer: int
    deleted_at: int | None
    cleaner: str | None
    active: int
    leases_apart: bool
    mended_at: int | None
    refusals: Ints
    fault_records: tuple[FaultRecord, ...]
    breaches: tuple[Breach, ...] | None

    def seconds(self, at: int) -> float:
        """When an event happened, on the Reader's axis; NaN where the clock stepped back in between."""
        return self.reader.at(at)

    def shown_to(self, writer: Writer) -> int | None:
        """The version that a check at the endpoint showed, or would have shown; None if that can't be told.

        Two versions that it may have been are one answer if both are newer than the writer's plan: the older of them.
        """
        if writer.looked_s is None:
            return None
        first, last = (self._in_force_at(when_s) for when_s in writer.looked_s)
        if first is None or last is None or (first > writer.version) != (last > writer.version):
            return None
        return min(first, last)

    def _in_force_at(self, when_s: float) -> int | None:
        """The version that the endpoint had at an instant; None if a write was so near that it can't be told.

        Nor can it where that was before the store's clock stepped back.
        """
        zero = self.reader.zero
        low, high = np.searchsorted(self.writes.since, (zero, self.writer.at)).tolist()
        since = self.writes.since[low:high]
        times = self.events.elapsed_us(np.full(len(since), zero), since) / 1e6
        if np.any(np.abs(times - when_s) < max(CLOSE_S, self.reader.unsure_s)) or (zero and when_s < 0):
            return None
        here = low + int(np.searchsorted(times, when_s, side="right"))
        return int(self.writes.version[here - 1]) if here else 0


CLOSE_S = 0.0005
"""Two clocks are compared: what lies nearer to each other has no known order."""


def gather(run: RunDirectory, violation: Violation) -> Facts | None:
    """Collect the facts; None, and a problem told, if the trial can't be read any more. Raises BadRunDirectory."""
    moments = run.moments(violation.trial)
    if moments is None:
        return None
    events = moments.events(violation.cell)
    endpoint = events.endpoints.index(violation.endpoint)
    writes = events.writes_by_endpoint[endpoint]
    harm = harm_at(events, violation.kind, violation.position, endpoint)
    wrong = _put_in_force(writes, harm.wrong, violation)
    guard = run.suite.guard(violation.guard)
    ttl_ms = float(moments.facts.lease.ttl_ms if moments.facts.lease else 0)
    stale = bool(wrong) and int(writes.before[wrong]) > int(writes.version[wrong])
    first = _put_in_force(writes, wrong - 1, None) if stale else wrong
    written = dict.fromkeys(int(writes.since[one]) for one in (wrong, first))
    enactors = dict.fromkeys(int(events.enactor[at]) for at in written if events.enactor[at] >= 0)
    reader = Reader(run, moments, violation.cell, violation.position, endpoint, tuple(enactors))
    writer, *others = (writer_of(reader, endpoint, at, guard, ttl_ms) for at in written)
    newer = others[0] if others else None
    deleted_at, mended = harm.deleted_at, _mended(events, harm)
    until = events.last + 1 if mended is None else mended
    since_s = writer.picked.begin_s if writer.picked else writer.at_s
    names = [name for one in (writer, newer) if one for name in (one.name, one.hold.taken_by if one.hold else None)]
    end_s = reader.at(violation.position)
    own = {writer.at, deleted_at, None if newer is None else newer.at}
    acted = list(fault_records(violation, moments, reader, filter(None, names), since_s - BEFORE_S, end_s))
    return Facts(
        violation=violation,
        guard=guard,
        cells=len(moments.cells),
        events=events,
        reader=reader,
        writes=writes,
        writer=_stopped_from_outside(writer, acted),
        newer=None if newer is None else _stopped_from_outside(newer, acted),
        rewritten=newer is not None and first != wrong - 1,
        before_newer=int(writes.before[first]),
        deleted_at=deleted_at,
        cleaner=None if deleted_at is None else who(events, deleted_at),
        active=-1 if deleted_at is None else int(events.active_endpoints[deleted_at]),
        leases_apart=_apart(moments, events),
        mended_at=mended,
        refusals=refusals(events, endpoint, violation.position + 1, until),
        fault_records=tuple(_longest(one for one in acted if isinstance(one, FaultRecord))),
        breaches=_breaches(run, reader, guard, violation, own),
    )


def _breaches(
    run: RunDirectory, reader: Reader, guard: GuardTable, violation: Violation, at: set[int | None]
) -> tuple[Breach, ...] | None:
    """The rules that the store broke with the events at these positions."""
    if reader.trial is None:
        return None
    promised = Promised.by(guard, run.suite.scenario(violation.scenario), reader.trial.facts)
    return tuple(one for one in breaches(reader.trial, promised) if one.at in at)


def _apart(moments: Moments, events: Events) -> bool:
    """Whether leases and endpoints are on two servers; of a library's lock, which leaves no event, by the faults."""
    if np.any(events.of("grant")):
        return events.lease_events > 0
    return has_lease_server_of_its_own(moments)


def _put_in_force(writes: Writes, wrong: int, violation: Violation | None) -> int:
    """The write that put in force what stands there: not one that wrote the same again.

    But what points the endpoint at a plan that is gone already is the harm itself.
    """
    if violation is not None and int(writes.since[wrong]) == violation.position:
        return wrong
    return int(writes.put_in_force(np.array([wrong]))[0])


def _stopped_from_outside(writer: Writer, acted: Iterable[FaultRecord | Stop]) -> Writer:
    """A writer with the stops that the harness did to it, until its write; the longest of all."""
    since_s = writer.picked.begin_s if writer.picked else writer.at_s
    more = [one for one in acted if isinstance(one, Stop) and one.name == writer.name]
    more = [one for one in more if one.begin_s < writer.at_s and not one.end_s <= since_s]
    return replace(writer, stops=tuple(_longest([*writer.stops, *more])))


def _longest(found: Iterable[Timed]) -> list[Timed]:
    ranked = sorted(found, key=lambda one: -(inf if isnan(one.end_s) else one.end_s - one.begin_s))
    return sorted(ranked[:MOST], key=lambda one: one.begin_s)


def _mended(events: Events, harm: Harm) -> int | None:
    """The position of the write that ended the harm: an operator's ends a stale one, whatever plan it sets."""
    since = harm.writes.since[harm.wrong + 1 :]
    ends = [] if harm.mended is None else [int(harm.writes.since[harm.mended])]
    if harm.kind is ViolationKind.STALE:
        ends += since[events.kind[since] == REPAIR][:1].tolist()
    return min(ends, default=None)
