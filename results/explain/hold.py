"""The lease under which a write was made: who had it from when to when, as far as the write is concerned.

From the lease server's events where it is the store's server too. Events of a lease server of its own bear another
clock: each is placed by the journal of whoever caused it. A library's lock leaves no event: only journals tell of it.
"""

from dataclasses import dataclass, replace
from math import inf, isnan, nan

import numpy as np

from leasebench.enactors.store.events import KINDS
from leasebench.results.evidence.events import Events
from leasebench.results.explain.reader import Reader
from leasebench.results.record.journal import CELL_RESOURCE, RowKind, RowOutcome
from leasebench.results.store_rules.promised import by_own_clock

CAUSES = {"grant": RowKind.ACQUIRE, "renew": RowKind.RENEW, "release": RowKind.RELEASE}
WHOLE_CELL = "the cell"


@dataclass(frozen=True, slots=True)
class Hold:
    """A lease until the write that was made with it; what came after that write is not in it.

    `until_s`: when it ran out, prolonged or not; None where the manager leaves no event. `own_clock`: by its owner's
    clock. `returned_s`: when its owner gave it back. `taken_s`, `taken_by`: when the server gave it to another before
    that. `told_s`: when a renewal or a look told the owner of the loss. `ttl_s`: for how long it is asked each time.
    `unsure_s`: what is nearer to each other has no known order.
    """

    lease: str
    granted_s: float
    until_s: float | None
    fence: int | None
    asked_s: float | None
    ttl_s: float
    own_clock: bool = False
    renewed_s: float | None = None
    returned_s: float | None = None
    taken_s: float | None = None
    taken_by: str | None = None
    told_s: float | None = None
    unsure_s: float = 0.0

    @property
    def taken_early(self) -> bool | None:
        """Whether it went to another before its time was over; None if that can't be told."""
        if self.taken_s is None:
            return False
        if self.until_s is not None:
            return self.taken_s < self.until_s - self.unsure_s
        begun_s = self.granted_s if self.asked_s is None else self.asked_s
        if self.taken_s < begun_s + self.ttl_s - self.unsure_s:
            return True
        return False if self.taken_s >= self.granted_s + self.ttl_s else None


EARLY_S = 0.002
"""A server ends a lease to the millisecond, and two clocks are compared."""


def hold_of(reader: Reader, enactor: int, grant: int, at_s: float, ttl_ms: float, manager: str | None) -> Hold | None:
    """The hold of one grant (the attempt that acquired it) until `at_s`; None where nothing was recorded of it."""
    if reader.trial is None:
        return None
    events = reader.events
    own = np.flatnonzero(events.of("grant") & (events.enactor == enactor) & (events.attempt == grant))
    if len(own):
        found = _audited(reader, int(own[0]), at_s, ttl_ms / 1000)
        found = replace(found, own_clock=by_own_clock(reader.trial.facts.lease, manager))
    else:
        journalled = _journalled(reader, enactor, grant, at_s, ttl_ms / 1000)
        if journalled is None:
            return None
        found = journalled
    return replace(found, told_s=_told(reader, enactor, grant, at_s), unsure_s=max(EARLY_S, reader.unsure_s))


def _audited(reader: Reader, given: int, at_s: float, ttl_s: float) -> Hold:
    """Walk through the events of this lease from its grant to the write."""
    events = reader.events
    lease, token, enactor = int(events.lease[given]), int(events.token[given]), int(events.enactor[given])
    asked = reader.last(reader.rows(enactor, RowKind.ACQUIRE, attempt=int(events.attempt[given])), inf)
    granted_s, fence = placed(reader, given), int(events.fence[given])
    until_s, renewed_s = granted_s + _life_s(events, given), None
    hold = Hold(_named(events, lease), granted_s, until_s, fence if fence > 0 else None, None, ttl_s)
    hold = replace(hold, asked_s=None if asked is None else asked.begin_s)
    mask = events.of("grant", "renew", "release") & (events.lease == lease)
    for position in np.flatnonzero(mask[given + 1 :]) + given + 1:
        when_s, kind = placed(reader, int(position)), KINDS[int(events.kind[position])]
        if when_s > at_s:
            break
        own = int(events.token[position]) == token
        if own and kind == "renew":
            until_s, renewed_s = when_s + _life_s(events, int(position)), when_s
        elif own and kind == "release":
            hold = replace(hold, returned_s=when_s)
            break
        elif kind == "grant":
            hold = replace(hold, taken_s=when_s, taken_by=_who(events, int(events.enactor[position])))
            break
    return replace(hold, until_s=None if isnan(until_s) else until_s, renewed_s=renewed_s)


def _journalled(reader: Reader, enactor: int, grant: int, at_s: float, ttl_s: float) -> Hold | None:
    """A lease that left no event, from the journals: whose acquire ended, and who began to give it back."""
    assert reader.trial is not None
    rows = reader.rows(enactor, RowKind.ACQUIRE, attempt=grant)
    if not len(rows):
        return None
    own = reader.call(int(rows[-1]))
    number = int(reader.trial.journal["endpoint"].to_numpy()[rows[-1]])
    code = len(reader.events.endpoints) if number == CELL_RESOURCE else number
    hold = Hold(_named(reader.events, code), own.end_s, None, own.fence or None, own.begin_s, ttl_s)
    returned = reader.last(reader.rows(enactor, RowKind.RELEASE, grant=grant), at_s)
    returned_s = None if returned is None else returned.begin_s
    others = reader.rows_of_others(enactor, RowKind.ACQUIRE, endpoint=number, outcome=int(RowOutcome.DONE))
    ends_s = reader.seconds(reader.trial.journal["end_ns"].to_numpy()[others])
    after = np.flatnonzero((ends_s > own.end_s) & (ends_s <= at_s))
    first = min(after.tolist(), key=lambda place: float(ends_s[place]), default=None)
    if first is not None and (returned_s is None or ends_s[first] < returned_s):
        by = _who(reader.events, int(reader.trial.process_enactor[others[first]]))
        return replace(hold, taken_s=float(ends_s[first]), taken_by=by)
    return replace(hold, returned_s=returned_s)


def placed(reader: Reader, position: int) -> float:
    """When an event happened: by its own stamp on the store's server, else by the journal; NaN if that has no row."""
    events = reader.events
    if position <= events.last:
        return reader.at(position)
    kind = CAUSES[KINDS[int(events.kind[position])]]
    call = reader.last(reader.rows(int(events.enactor[position]), kind, attempt=int(events.attempt[position])), inf)
    return nan if call is None else call.end_s


def _told(reader: Reader, enactor: int, grant: int, at_s: float) -> float | None:
    """When the lease server, or the lock by itself, told the owner of the loss, before the write."""
    refused = int(RowOutcome.REFUSED)
    ends = [
        reader.call(row).end_s
        for kind in (RowKind.RENEW, RowKind.VALIDATE, RowKind.LOST)
        for row in reader.rows(enactor, kind, grant=grant, outcome=refused).tolist()
    ]
    return min((end_s for end_s in ends if end_s <= at_s), default=None)


def _life_s(events: Events, position: int) -> float:
    """For how long a grant or a renewal was given."""
    expires_us = int(events.expires_us[position])
    return nan if expires_us < 0 else (expires_us - int(events.t_us[position])) / 1e6


def _named(events: Events, lease: int) -> str:
    return events.endpoints[lease] if 0 <= lease < len(events.endpoints) else WHOLE_CELL


def _who(events: Events, enactor: int) -> str:
    return events.enactors[enactor] if enactor >= 0 else "somebody"
