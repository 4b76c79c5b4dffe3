"""One writer of an endpoint: its commit, and what it did before it."""

from dataclasses import dataclass
from math import inf, isnan

import numpy as np

from leasebench.enactors.store.events import KINDS
from leasebench.results.evidence.events import Events
from leasebench.results.explain.hold import Hold, hold_of
from leasebench.results.explain.reader import Call, Reader, Stop
from leasebench.results.record.journal import RowKind, RowOutcome
from leasebench.results.record.suite import GuardTable


@dataclass(frozen=True)
class Writer:
    """One writer of the endpoint: its commit, and what it did before it. None where nothing was recorded.

    `kind` is the event's: an operator's `repair` and a `restart` of the store write too. `first_s` is when the store
    had executed the same commit before, where its client sent it again.
    """

    name: str
    kind: str
    at: int
    at_s: float
    version: int
    published_s: float | None
    rollback_to: int | None = None
    picked: Call | None = None
    checked: Call | None = None
    hold: Hold | None = None
    worked: Call | None = None
    call: Call | None = None
    stops: tuple[Stop, ...] = ()
    first_s: float | None = None

    looked_s: tuple[float, float] | None = None
    """Between which instants a check at the endpoint was made, or would have been: after the grant of the lease, or
    the operation before; before the work at the endpoint, or else the commit."""

    @property
    def gave_up(self) -> bool:
        """Whether its commit had no answer by the time at which the store executed it."""
        return self.call is not None and self.call.outcome is RowOutcome.UNKNOWN and self.call.end_s < self.at_s


def who(events: Events, at: int) -> str:
    """The process that did it: an enactor, else the operator, the planner or the store itself."""
    event = events.row(at)
    kinds = {"repair": "operator", "reject": "operator", "restart": "store", "publish": "planner"}
    return event.enactor or kinds.get(event.kind, "somebody")


def writer_of(reader: Reader, endpoint: int, at: int, guard: GuardTable, ttl_ms: float) -> Writer:
    """Follow the write at a position back to the publication of its plan, as far as that was recorded."""
    events = reader.events
    version, at_s, enactor = int(events.version[at]), reader.at(at), int(events.enactor[at])
    kind = KINDS[int(events.kind[at])]
    if kind == "restart":
        writes = events.writes_by_endpoint[endpoint]
        version = int(writes.version[int(np.searchsorted(writes.since, at))])
    published_s, rollback_to = _publication(reader, version, at)
    bare = Writer(who(events, at), kind, at, at_s, version, published_s, rollback_to)
    rows = reader.rows(enactor, RowKind.COMMIT, attempt=int(events.attempt[at]))
    if enactor < 0 or not len(rows):
        return bare
    assert reader.trial is not None
    call, grant = reader.call(int(rows[-1])), int(reader.trial.journal["grant"].to_numpy()[rows[-1]])
    picked = reader.last(reader.rows(enactor, RowKind.DISCOVER, seen=version), call.begin_s, RowOutcome.DONE)
    since_s = picked.begin_s if picked else inf
    checked = reader.last(reader.rows(enactor, RowKind.CHECK, endpoint=endpoint), call.begin_s, RowOutcome.DONE)
    worked = reader.last(reader.rows(enactor, RowKind.WORK, endpoint=endpoint), call.begin_s)
    worked = worked if worked and worked.begin_s >= since_s else None
    checked = checked if checked and checked.begin_s >= since_s else None  # else of an earlier application
    manager = guard.manager
    hold = hold_of(reader, enactor, grant, at_s, ttl_ms, manager) if grant > 0 else None
    stops = reader.stops(enactor, bare.name, min(since_s, at_s), at_s)
    held_s = at_s if hold is None else hold.granted_s
    return Writer(
        bare.name, kind, at, at_s, version, published_s, rollback_to, picked,
        checked=checked,
        hold=hold,
        worked=worked,
        call=call,
        stops=tuple(stop for stop in stops if not stop.renewer or stop.begin_s >= held_s),
        first_s=_first_s(reader, endpoint, enactor, at),
        looked_s=_looked_s(reader, enactor, guard, call if worked is None else worked, checked, hold),
    )  # fmt: skip


def _looked_s(
    reader: Reader, enactor: int, guard: GuardTable, work: Call, checked: Call | None, hold: Hold | None
) -> tuple[float, float] | None:
    """When a writer looked at the endpoint, as late as a guard can; or would have looked before this work."""
    check = guard.check
    if check == "inside" or (check == "per_endpoint" and hold is None):
        return None if checked is None else (checked.begin_s, checked.end_s)
    before_s = reader.ended_before(enactor, work.begin_s) if hold is None else hold.granted_s
    return None if before_s is None else (min(before_s, work.begin_s), work.begin_s)


def _publication(reader: Reader, version: int, before: int) -> tuple[float | None, int | None]:
    """When a plan was last published before an event, and which plan's content it took."""
    events = reader.events
    published = events.published[events.version[events.published] == version]
    published = published[published < before]
    if not len(published):
        return None, None
    at = int(published[-1])
    when_s = reader.at(at)
    return None if isnan(when_s) else when_s, events.row(at).rollback_to


def _first_s(reader: Reader, endpoint: int, enactor: int, at: int) -> float | None:
    """When the store had executed this commit before: its client sent it again, under the same attempt."""
    events = reader.events
    commits = events.commits_by_endpoint[endpoint]
    same = commits[(events.attempt[commits] == events.attempt[at]) & (events.enactor[commits] == enactor)]
    return reader.at(int(same[0])) if len(same) and int(same[0]) < at else None
