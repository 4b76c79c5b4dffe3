"""The story of a trial's first incident, told in the order in which things happened to one endpoint.

That is the first time that an endpoint resolved to nothing; where none did, the first stale overwrite.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from operator import itemgetter

import numpy as np

from leasebench.enactors.store.events import KINDS
from leasebench.leases.operations import Reason
from leasebench.results.checks.dangling import gone_positions
from leasebench.results.display.phrases import (
    age,
    count,
    deletes_plan,
    duration_us,
    instant,
    over,
    puts_in_force,
    refuses_plan,
    writes_plan,
)
from leasebench.results.evidence.events import Events, Ints, Writes
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.summary import StoryLine

OTHERS = {"repair": "the operator", "restart": "a restart of the store"}
"""The actor of an event that names no enactor."""


class Turn(StrEnum):
    """What a chapter is about."""

    NEWER = "newer"
    STALE = "stale"
    WRITTEN = "written"
    DELETED = "deleted"
    REFUSED = "refused"
    REPAIRED = "repaired"
    COMMITTED = "committed"
    END = "end"


@dataclass(frozen=True, slots=True)
class Chapter:
    """One turn of the story: `t_s` seconds of server time since the trial's first event.

    `t_s` is None where the server's clock stepped back in between.
    """

    t_s: float | None
    endpoint: str
    what: str
    kind: Turn


@dataclass(frozen=True, slots=True)
class Incident:
    """Where to look: an endpoint's number, its writes, and which two of them begin and end the harm.

    `harm` and `mended` (None: never) are indices into `writes`; `deleted_at` and `empty_at` the positions at which
    the plan was deleted and from which on the endpoint resolved to nothing, None if it never did.
    """

    endpoint: int
    writes: Writes
    harm: int
    mended: int | None
    deleted_at: int | None = None
    empty_at: int | None = None

    @property
    def begin(self) -> int:
        """The position at which the harm begins."""
        return int(self.writes.since[self.harm]) if self.empty_at is None else self.empty_at


Told = Iterator[tuple[int, Turn, str]]
"""The position of the event, what the chapter is about, and its text."""


def story(trial: Trial) -> list[Chapter]:
    """Tell the first incident of a trial; nothing where there was none."""
    events = trial.events
    incident = _first_empty(events) or _first_stale(events)
    if incident is None:
        return []
    chapters: list[Chapter] = []
    before: int | None = None
    for at, kind, text in sorted([*_origin(events, incident), *_outcome(events, incident)], key=itemgetter(0)):
        passed = _duration(events, before, at) if before is not None else None
        told = f"{passed} later {text}" if passed else text
        since_s = _elapsed_us(events, 0, at)
        t_s = None if since_s is None else since_s / 1e6
        chapters.append(Chapter(t_s, events.endpoints[incident.endpoint], told, kind))
        before = at
    return chapters


def lines(chapters: Sequence[StoryLine]) -> list[str]:
    """The story for a terminal, a line a chapter."""
    times = [instant(chapter.t_s) for chapter in chapters]
    width = max(map(len, times), default=0)
    return [f"{t:>{width}}  {chapter.endpoint}  {chapter.what}" for t, chapter in zip(times, chapters, strict=True)]


def _first_empty(events: Events) -> Incident | None:
    deleted_at = gone_positions(events)
    if not len(deleted_at):
        return None
    first: Incident | None = None
    for number, writes in enumerate(events.writes_by_endpoint):
        gone = deleted_at[writes.version]
        empty = np.flatnonzero(gone < np.append(writes.since[1:], len(events)))
        if not len(empty):
            continue
        harm = int(empty[0])
        at = int(max(gone[harm], writes.since[harm]))
        if first is None or at < first.begin:
            there = np.flatnonzero(gone > writes.since)
            first = Incident(number, writes, harm, _next(there, harm), int(gone[harm]), at)
    return first


def _first_stale(events: Events) -> Incident | None:
    first: Incident | None = None
    for number, writes in enumerate(events.writes_by_endpoint):
        commits = events.kind[writes.since] == KINDS.index("commit")
        stale = np.flatnonzero((writes.version < writes.before) & commits)
        if len(stale) and (first is None or writes.since[stale[0]] < first.begin):
            harm = int(stale[0])
            caught_up = np.flatnonzero(writes.version >= writes.before[harm])
            first = Incident(number, writes, harm, _next(caught_up, harm))
    return first


def _next(indices: Ints, after: int) -> int | None:
    later = indices[np.searchsorted(indices, after, side="right") :]
    return int(later[0]) if len(later) else None


def _origin(events: Events, incident: Incident) -> Told:
    """How it came to the harm: the newer plan, the stale overwrite, the deletion."""
    writes, harm = incident.writes, incident.harm
    nothing = f": {events.endpoints[incident.endpoint]} resolves to nothing"
    stale = np.flatnonzero(writes.version[: harm + 1] < writes.before[: harm + 1])
    if len(stale):
        last = int(stale[-1])
        older, newer = int(writes.version[last]), int(writes.before[last])
        before = int(writes.since[writes.put_in_force(stale[-1:] - 1)][0])
        at = int(writes.since[last])
        yield before, Turn.NEWER, puts_in_force(_who(events, before), newer, _age(events, newer, before))
        text = writes_plan(_who(events, at), older, _age(events, older, at), over(older, newer))
        yield at, Turn.STALE, text + (nothing if at == incident.empty_at else "")
    if not len(stale) or stale[-1] != harm:
        at, version = int(writes.since[harm]), int(writes.version[harm])
        text = writes_plan(_who(events, at), version, _age(events, version, at))
        yield at, Turn.WRITTEN, text + (nothing if at == incident.empty_at else "")
    if incident.deleted_at is not None:
        at = incident.deleted_at
        pointing = count(int(events.active_endpoints[at]), "endpoint")
        text = f"{deletes_plan(_who(events, at), events.version[at])} while {pointing} pointed at it"
        yield at, Turn.DELETED, text + (nothing if at == incident.empty_at else "")


def _outcome(events: Events, incident: Incident) -> Told:
    """What came of it: the refusals, the repair, the first commit after it; or that it never ended."""
    writes, mended = incident.writes, incident.mended
    until = events.last + 1 if mended is None else int(writes.since[mended])
    refused = _refusals(events, incident.endpoint, incident.begin, until)
    if len(refused):
        at = int(refused[0])
        more = f" ({len(refused)} times until it is mended)" if len(refused) > 1 else ""
        text = f"{refuses_plan(events.version[at], _who(events, at))}, as there is no plan to roll back to"
        yield at, Turn.REFUSED, text + more
    passed = _duration(events, incident.begin, min(until, events.last))
    whole = f" after {passed} in all" if passed else ""
    if mended is None:
        state = "resolves to nothing" if incident.empty_at is not None else "is behind"
        yield events.last, Turn.END, f"the trial ends and it still {state}{whole}"
        return
    healed = "resolves again" if incident.empty_at is not None else "has caught up"
    repaired = events.kind[until] == KINDS.index("repair")
    verb, turn = ("repairs it to", Turn.REPAIRED) if repaired else ("writes", Turn.COMMITTED)
    yield until, turn, f"{_who(events, until)} {verb} plan {writes.version[mended]} and it {healed}{whole}"
    if repaired and mended + 1 < len(writes.since):
        at = int(writes.since[mended + 1])
        yield at, Turn.COMMITTED, f"{writes_plan(_who(events, at), writes.version[mended + 1])}: commits succeed again"


def _refusals(events: Events, endpoint: int, begin: int, end: int) -> Ints:
    """The refusals at an endpoint, between two positions, for want of a plan to roll back to."""
    part = slice(begin, end)
    refused = events.because(Reason.NO_ROLLBACK_PLAN)[part]
    return begin + np.flatnonzero(refused & (events.endpoint[part] == endpoint))


def _who(events: Events, at: int) -> str:
    code = int(events.enactor[at])
    return events.enactors[code] if code >= 0 else OTHERS.get(KINDS[events.kind[at]], "somebody")


def _age(events: Events, version: int, at: int) -> str:
    """How long before `at` the plan was published, in brackets; nothing where that is not known."""
    published = events.published[events.version[events.published] == version]
    return age(_duration(events, int(published[0]), at) if len(published) and published[0] < at else None)


def _duration(events: Events, begin: int, end: int) -> str | None:
    """The time between two events in words; None where the clock stepped back in between."""
    elapsed = _elapsed_us(events, begin, end)
    return None if elapsed is None else duration_us(elapsed)


def _elapsed_us(events: Events, begin: int, end: int) -> float | None:
    elapsed = float(events.elapsed_us(np.array([begin]), np.array([end]))[0])
    return None if np.isnan(elapsed) else elapsed
