"""The story of a trial's first incident, told in the order in which things happened to one endpoint.

That is the first time that an endpoint resolved to nothing; where none did, the first stale overwrite.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from operator import itemgetter

import numpy as np

from leasebench.enactors.store.events import KINDS
from leasebench.leases.outcome import Reason
from leasebench.results.checks.harm import Harm, ViolationKind, first_harm, refusals
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
from leasebench.results.evidence.events import Events
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


Told = Iterator[tuple[int, Turn, str]]
"""The position of the event, what the chapter is about, and its text."""


def story(trial: Trial) -> list[Chapter]:
    """Tell the first incident of a trial; nothing where there was none."""
    events = trial.events
    harm = first_harm(events)
    if harm is None:
        return []
    chapters: list[Chapter] = []
    before: int | None = None
    for at, kind, text in sorted([*_origin(events, harm), *_outcome(events, harm)], key=itemgetter(0)):
        passed = _duration(events, before, at) if before is not None else None
        told = f"{passed} later {text}" if passed else text
        since_s = _elapsed_us(events, 0, at)
        t_s = None if since_s is None else since_s / 1e6
        chapters.append(Chapter(t_s, events.endpoints[harm.endpoint], told, kind))
        before = at
    return chapters


def lines(chapters: Sequence[StoryLine]) -> list[str]:
    """The story for a terminal, a line a chapter."""
    times = [instant(chapter.t_s) for chapter in chapters]
    width = max(map(len, times), default=0)
    return [f"{t:>{width}}  {chapter.endpoint}  {chapter.what}" for t, chapter in zip(times, chapters, strict=True)]


def _origin(events: Events, harm: Harm) -> Told:
    """How it came to the harm: the newer plan, the stale overwrite, the deletion."""
    writes, wrong = harm.writes, harm.wrong
    nothing = f": {events.endpoints[harm.endpoint]} resolves to nothing"
    empty_at = harm.begin if harm.kind is ViolationKind.DANGLING else None
    stale = np.flatnonzero(writes.version[: wrong + 1] < writes.before[: wrong + 1])
    if len(stale):
        last = int(stale[-1])
        older, newer = int(writes.version[last]), int(writes.before[last])
        before = int(writes.since[writes.put_in_force(stale[-1:] - 1)][0])
        at = int(writes.since[last])
        yield before, Turn.NEWER, puts_in_force(_who(events, before), newer, _age(events, newer, before))
        text = writes_plan(_who(events, at), older, _age(events, older, at), over(older, newer))
        yield at, Turn.STALE, text + (nothing if at == empty_at else "")
    if not len(stale) or stale[-1] != wrong:
        at, version = int(writes.since[wrong]), int(writes.version[wrong])
        text = writes_plan(_who(events, at), version, _age(events, version, at))
        yield at, Turn.WRITTEN, text + (nothing if at == empty_at else "")
    if harm.deleted_at is not None:
        at = harm.deleted_at
        pointing = count(int(events.active_endpoints[at]), "endpoint")
        text = f"{deletes_plan(_who(events, at), events.version[at])} while {pointing} pointed at it"
        yield at, Turn.DELETED, text + (nothing if at == empty_at else "")


def _outcome(events: Events, harm: Harm) -> Told:
    """What came of it: the refusals, the repair, the first commit after it; or that it never ended."""
    writes, mended = harm.writes, harm.mended
    empty = harm.kind is ViolationKind.DANGLING
    until = events.last + 1 if mended is None else int(writes.since[mended])
    refused = refusals(events, harm.endpoint, harm.begin, until)
    refused = refused[events.because(Reason.NO_ROLLBACK_PLAN)[refused]]
    if len(refused):
        at = int(refused[0])
        more = f" ({len(refused)} times until it is mended)" if len(refused) > 1 else ""
        text = f"{refuses_plan(events.version[at], _who(events, at))}, as there is no plan to roll back to"
        yield at, Turn.REFUSED, text + more
    passed = _duration(events, harm.begin, min(until, events.last))
    whole = f" after {passed} in all" if passed else ""
    if mended is None:
        state = "resolves to nothing" if empty else "is behind"
        yield events.last, Turn.END, f"the trial ends and it still {state}{whole}"
        return
    healed = "resolves again" if empty else "has caught up"
    repaired = events.kind[until] == KINDS.index("repair")
    verb, turn = ("repairs it to", Turn.REPAIRED) if repaired else ("writes", Turn.COMMITTED)
    yield until, turn, f"{_who(events, until)} {verb} plan {writes.version[mended]} and it {healed}{whole}"
    if repaired and mended + 1 < len(writes.since):
        at = int(writes.since[mended + 1])
        yield at, Turn.COMMITTED, f"{writes_plan(_who(events, at), writes.version[mended + 1])}: commits succeed again"


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
