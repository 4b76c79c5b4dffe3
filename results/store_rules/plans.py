"""Plans: which exist, which may be applied, and which an endpoint points at."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from leasebench.enactors.store.events import KINDS, rollback_target
from leasebench.results.evidence.columns import pieces
from leasebench.results.evidence.events import POSITION_BITS, Events, Ints, Mask
from leasebench.results.store_rules.breach import PLACE, Breach, Preceding, Things, who
from leasebench.results.store_rules.lives import Life
from leasebench.results.store_rules.promised import Promised

PUBLISH, QUARANTINE, DELETE, REJECT = map(KINDS.index, ("publish", "quarantine", "delete", "reject"))
NEVER = -1


@dataclass(frozen=True)
class PlanLifetimes:
    """The plans of one life. A plan is meant by a small number: where its version stands among all that occur."""

    events: Events

    @cached_property
    def versions(self) -> Ints:
        """Every version that an event names, ascending."""
        return np.unique(self.events.version)

    @cached_property
    def code(self) -> Things:
        """The number of the plan that each event names."""
        version = self.events.version
        code = np.empty(len(version), dtype=np.int32)
        for part in pieces(len(version)):
            code[part] = np.searchsorted(self.versions, version[part])
        return code

    def code_of(self, version: Ints) -> Ints:
        """The numbers of any versions; one past the last for those that no event names."""
        found = np.searchsorted(self.versions, version)
        there = self.versions[np.minimum(found, len(self.versions) - 1)] == version
        return np.where(there, found, len(self.versions))

    def last_word(self, code: Things, at: Ints) -> tuple[Ints, Ints]:
        """The last event before each place that published, quarantined or deleted a plan, and its kind (or NEVER)."""
        last = self._words.before(code, at)
        return last, np.where(last >= 0, self.events.kind[last], NEVER)

    @cached_property
    def _words(self) -> Preceding:
        at = np.flatnonzero(self.events.of("publish", "quarantine", "delete"))
        return Preceding.of(self.code[at], at)

    def active(self, at: Ints) -> Ints:
        """How many endpoints pointed at the plan of the event at each place, just before it."""
        if not len(at):
            return at
        writes = np.flatnonzero(self.events.of("commit", "repair"))
        came = Preceding.of(self.code[writes], writes).number_before(self.code[at], at)
        return came - self._left(writes).number_before(self.code[at], at)

    def _left(self, writes: Ints) -> Preceding:
        """The writes by which an endpoint left a plan, by that plan."""
        keys = Preceding.of(self.events.endpoint[writes], writes).keys
        left, found = np.empty(len(keys), dtype=np.int64), 0
        for part in pieces(len(keys) - 1):
            earlier, later = keys[part], keys[part.start + 1 : part.stop + 1]
            same = earlier >> POSITION_BITS == later >> POSITION_BITS
            plan = self.code[earlier[same] & PLACE].astype(np.int64)
            left[found : found + len(plan)] = plan << POSITION_BITS | (later[same] & PLACE)
            found += len(plan)
        return Preceding(np.sort(left[:found]))


def published_newest(life: Life, plans: PlanLifetimes) -> Iterator[Breach]:
    """Publications of a plan that is not newer than every one before, or with the content of one that is gone."""
    events, at = life.events, life.of("publish")
    every = np.flatnonzero(events.of("publish"))
    highest = np.maximum.accumulate(events.version[every]) if len(every) else every
    number = np.searchsorted(every, at)
    highest_before = np.concatenate(([-1], highest))[number]
    for place, newest in zip(
        *(one[events.version[at] <= highest_before].tolist() for one in (at, highest_before)), strict=True
    ):
        other = int(every[np.flatnonzero(events.version[every] == newest)[0]])
        done = f"publishes plan {events.version[place]} for {who(events, place)}"
        yield _breach(life, place, other, "published newest", done, f"had published plan {newest}")
    targets = (rollback_target(reason) for reason in events.reasons)
    content = np.array([NEVER if target is None else target for target in targets] or [NEVER], dtype=np.int64)
    taken = np.where(events.reason[at] >= 0, content[events.reason[at]], NEVER)
    back, taken = at[taken != NEVER], taken[taken != NEVER]
    last, word = plans.last_word(plans.code_of(taken), back)
    yield from _gone(
        life, back, last, ~_exists(word), taken, "content of a plan that is there", "publishes the content"
    )


def applied_while_there(life: Life, plans: PlanLifetimes, promised: Promised) -> Iterator[Breach]:
    """Commits of a plan that may not be applied any more, or over one that can't be rolled back to; repairs to one."""
    events, at = life.events, life.of("commit")
    if promised.referential:
        for part in pieces(len(at)):
            here = at[part]
            last, word = plans.last_word(plans.code[here], here)
            yield from _gone(life, here, last, word != PUBLISH, events.version[here], "referential", "applies")
    if promised.rollback:
        for part in pieces(len(at)):
            over = at[part][events.previous[at[part]] > 0]
            kept = events.previous[over]
            last, word = plans.last_word(plans.code_of(kept), over)
            yield from _gone(life, over, last, ~_exists(word), kept, "rollback record", "keeps for a rollback")
    repaired = life.of("repair")
    last, word = plans.last_word(plans.code[repaired], repaired)
    yield from _gone(
        life, repaired, last, ~_exists(word), events.version[repaired], "repaired to a plan that is there", "points at"
    )


def deleted_once(life: Life, plans: PlanLifetimes) -> Iterator[Breach]:
    """Deletions of a plan that is gone, and quarantines of one that may not be applied already."""
    for kind, rule, does in (("delete", "deleted once", "deletes"), ("quarantine", "quarantined once", "quarantines")):
        at = life.of(kind)
        last, word = plans.last_word(plans.code[at], at)
        wrong = ~_exists(word) if kind == "delete" else word != PUBLISH
        yield from _gone(life, at, last, wrong, life.events.version[at], rule, does)


def deleted_when_unused(life: Life, plans: PlanLifetimes, promised: Promised) -> Iterator[Breach]:
    """Deletions of a plan that an endpoint points at, where that is forbidden; and any count of those that is wrong."""
    events = life.events
    at = life.of("delete", "quarantine", "reject")
    # A refusal that is no deletion's has no count; what was deleted has one, though it may be below zero.
    at = at[(events.kind[at] != REJECT) | (events.active_endpoints[at] >= 0)]
    active = plans.active(at)
    wrong = events.active_endpoints[at] != active
    told = [f"counts {count} endpoints that point at plan" for count in events.active_endpoints[at[wrong]].tolist()]
    yield from _pointing(life, plans, at[wrong], active[wrong], "endpoints are counted", told)
    if promised.skip_active:
        used = (events.kind[at] == DELETE) & (active > 0)
        told = ["deletes plan"] * np.count_nonzero(used)
        yield from _pointing(life, plans, at[used], active[used], "skip_active", told)


def _pointing(life: Life, plans: PlanLifetimes, at: Ints, active: Ints, rule: str, told: list[str]) -> Iterator[Breach]:
    """Each deletion beside the last write that pointed an endpoint at its plan."""
    events = life.events
    writes = np.flatnonzero(events.of("commit", "repair"))
    last = Preceding.of(plans.code[writes], writes).before(plans.code[at], at)
    for place, other, count, does in zip(at.tolist(), last.tolist(), active.tolist(), told, strict=True):
        done = f"{does} {events.version[place]} for {who(events, place)}"
        why = "no endpoint ever did" if other < 0 else f"had pointed one there, and {count} did by then"
        yield _breach(life, place, other, rule, done, why)


def _gone(life: Life, at: Ints, last: Ints, wrong: Mask, version: Ints, rule: str, does: str) -> Iterator[Breach]:
    events = life.events
    for number in np.flatnonzero(wrong).tolist():
        place, other = int(at[number]), int(last[number])
        where = f" at {events.endpoints[int(events.endpoint[place])]}" if events.endpoint[place] >= 0 else ""
        done = f"{does} plan {version[number]}{where} for {who(events, place)}"
        why = "nobody had published it"
        if other >= 0:
            why = {DELETE: "had deleted it", QUARANTINE: "had put it in quarantine"}.get(int(events.kind[other]), "")
        yield _breach(life, place, other, rule, done, why)


def _exists(word: Ints) -> Mask:
    there: Mask = (word == PUBLISH) | (word == QUARANTINE)
    return there


def _breach(life: Life, place: int, other: int, rule: str, done: str, why: str) -> Breach:
    by = None if other < 0 else int(life.position[other])
    return Breach(int(life.position[place]), by, rule, done, why)
