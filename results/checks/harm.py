"""One harm done to an endpoint: which write or deletion began it, and which write ended it.

The first incident of a summary and `explain` both take from here what happened; they differ in what they add.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from leasebench.results.checks.dangling import gone_positions, spells_without_plan
from leasebench.results.checks.overwrites import stale_positions
from leasebench.results.evidence.events import Events, Ints, Writes


class ViolationKind(StrEnum):
    """What a violation is."""

    STALE = "stale"
    DANGLING = "dangling"


@dataclass(frozen=True, slots=True)
class Harm:
    """A stale overwrite of an endpoint, or a spell in which it pointed at a deleted plan.

    `begin` is the position of the event that did the harm. `wrong` and `mended` are indices into the `writes` of the
    endpoint (its number): what was in force at `begin`, and the first later one that is as new as what was overwritten
    or points at a plan that is there; None if there is none. `deleted_at`: the position at which the plan was deleted,
    None for a stale overwrite.
    """

    kind: ViolationKind
    begin: int
    endpoint: int
    writes: Writes
    wrong: int
    mended: int | None
    deleted_at: int | None


def harm_at(events: Events, kind: ViolationKind, begin: int, endpoint: int) -> Harm:
    """The harm of that kind which begins at a position, at the endpoint of that number."""
    writes = events.writes_by_endpoint[endpoint]
    wrong = int(np.searchsorted(writes.since, begin, side="right")) - 1
    deleted_at = None
    if kind is ViolationKind.STALE:
        good = writes.version >= writes.before[wrong]
    else:
        gone_at = gone_positions(events)[writes.version]
        good, deleted_at = gone_at > writes.since, int(gone_at[wrong])
    later = np.flatnonzero(good[wrong + 1 :])
    return Harm(kind, begin, endpoint, writes, wrong, wrong + 1 + int(later[0]) if len(later) else None, deleted_at)


def first_harm(events: Events) -> Harm | None:
    """The first time that an endpoint resolved to nothing; where none did, the first stale overwrite."""
    for kind, find in ((ViolationKind.DANGLING, spells_without_plan), (ViolationKind.STALE, stale_positions)):
        firsts = [(int(own[0]), number) for number, own in enumerate(find(events)) if len(own)]
        if firsts:
            return harm_at(events, kind, *min(firsts))
    return None


def refusals(events: Events, endpoint: int, begin: int, end: int) -> Ints:
    """The commits and repairs that were refused at an endpoint from one position until before another."""
    part = slice(begin, end)
    mask = events.of("reject", "watch_conflict")[part] & (events.endpoint[part] == endpoint)
    return begin + np.flatnonzero(mask)
