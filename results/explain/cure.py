"""Finds the axis of the guard that would have stopped a violation: tests each rule against the record of both writes.

This says what follows for these writes, with everything before them as it happened. Under another rule much before
would have gone otherwise too; what a guard is worth over a whole run is for its verdict to say. Where the records do
not decide, the answer is that it can't be told.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from leasebench.results.checks.harm import ViolationKind
from leasebench.results.display.phrases import count, duration, plan
from leasebench.results.explain import commit_rules
from leasebench.results.explain.commit_rules import Held, RuleAnswer, of_own_rule
from leasebench.results.explain.facts import Facts
from leasebench.results.explain.hold import Hold
from leasebench.results.explain.writer import Writer

__all__ = ["Cure", "RuleAnswer", "cures", "sentence"]


@dataclass(frozen=True, slots=True)
class Cure:
    """One choice on one axis, and what it would have done."""

    axis: str
    choice: str
    answer: RuleAnswer
    why: str


def cures(facts: Facts) -> list[Cure]:
    """Every choice that can be held against the facts, those that would have stopped it first."""
    found: list[Cure] = []
    if facts.newer is not None and facts.writer.kind == "commit":
        rules = commit_rules.rules(facts, facts.writer, facts.newer)
        found += [Cure("commit", choice, *_own(facts, choice, held)) for choice, held in rules]
        found.append(Cure("decide", *_decide(facts, facts.writer, facts.newer)))
        found.append(_exclude(facts, facts.writer, facts.newer))
    if facts.violation.kind is ViolationKind.DANGLING:
        found += [Cure("clean", choice, *_own(facts, choice, held)) for choice, held in _clean(facts)]
    order = list(RuleAnswer)
    return sorted(found, key=lambda cure: order.index(cure.answer))


def sentence(found: list[Cure]) -> str:
    """Which axes would have stopped it, in one sentence; before it which rule of its own the store broke."""
    broken, cured = _by_axis(found, RuleAnswer.BROKEN), _by_axis(found, RuleAnswer.YES)
    told = f"The store broke this guard's own rule: {broken}; the trial is not to be trusted. " if broken else ""
    if not cured:
        return told or "Nothing that was recorded says which choice would have stopped it."
    return f"{told}What would have stopped it: {cured}."


def _by_axis(found: list[Cure], answer: RuleAnswer) -> str:
    """The choices with one answer, as `axis (choice or choice); axis (choice)`."""
    by_axis: dict[str, list[str]] = {}
    for cure in found:
        if cure.answer is answer:
            by_axis.setdefault(cure.axis, []).append(cure.choice)
    return "; ".join(f"{axis} ({' or '.join(choices)})" for axis, choices in by_axis.items())


def _own(facts: Facts, choice: str, held: Held) -> Held:
    """An answer, unless the choice is the guard's own."""
    clean = facts.guard.clean
    own = {facts.guard.commit, clean.rule, *(["referential"] if clean.referential else [])}
    return of_own_rule(facts, choice, held) if choice in own else held


def _decide(facts: Facts, writer: Writer, newer: Writer) -> tuple[str, RuleAnswer, str]:
    """A check at the endpoint, as late as a guard can make it: inside the lease, if there was one."""
    choice = "check inside" if writer.hold else "check per_endpoint"
    done = facts.guard.check
    checked, version = writer.checked, writer.version
    if done in ("per_endpoint", "inside") and (done == "inside" or writer.hold is None):
        if checked is None or checked.seen >= version:
            return choice, RuleAnswer.UNKNOWN, "what its check saw is not recorded"
        gap = duration(writer.at_s - checked.end_s)
        why = f"it did check, and saw {plan(checked.seen)}: plan {newer.version} came in the {gap} until the write"
        return choice, RuleAnswer.NO, why
    there = facts.shown_to(writer)
    if there is None:
        return (
            choice,
            RuleAnswer.UNKNOWN,
            f"what {writer.name} would have seen there is not recorded, or too close to call",
        )
    where = "with its lease" if writer.hold else "with this endpoint"
    when = f"{plan(there)} was in force when {writer.name} began {where}"
    if there > version:
        return choice, RuleAnswer.YES, f"{when}: it would have seen that"
    return choice, RuleAnswer.NO, when


def _exclude(facts: Facts, writer: Writer, newer: Writer) -> Cure:
    if facts.guard.exclude is None:
        why = "there was none, so who would have waited for whom is not recorded"
        return Cure("exclude", "a lease with the check inside", RuleAnswer.UNKNOWN, why)
    return Cure("exclude", "a longer time to live", *longer_lease(facts, writer, newer))


def _clean(facts: Facts) -> Iterator[tuple[str, Held]]:
    """Rules for whoever deletes plans, and for a commit of one that is gone."""
    version, endpoint = facts.violation.version, facts.violation.endpoint
    if facts.deleted_at is None:
        return
    if facts.active > 0:
        why = f"{count(facts.active, 'endpoint')} pointed at plan {version} when it was deleted"
        yield "skip_active", Held(RuleAnswer.YES, why)
    else:
        yield "skip_active", Held(RuleAnswer.NO, f"no endpoint pointed at plan {version} when it was deleted")
    if facts.deleted_at > facts.writer.at:
        yield "quarantine", Held(RuleAnswer.YES, f"plan {version} would have gone on resolving at {endpoint}")
        yield "referential", Held(RuleAnswer.NO, f"plan {version} was there when it was put in force")
    elif facts.writer.kind == "commit":
        before = duration(facts.writer.at_s - facts.seconds(facts.deleted_at))
        why = f"plan {version} was deleted {before} before it was applied: the store would have refused it"
        yield "referential", Held(RuleAnswer.YES, why)
        why = f"plan {version} would have been in quarantine, and none is applied from there"
        yield "quarantine", Held(RuleAnswer.YES, why)


def longer_lease(facts: Facts, writer: Writer, newer: Writer) -> Held:
    """Look at whose lease had come to an end before its owner wrote: that of the stale writer, or of the newer one."""
    hold = writer.hold
    if hold is None:
        return Held(RuleAnswer.UNKNOWN, f"nothing is recorded of the lease of {writer.name}")
    if hold.returned_s is not None:
        before = duration(writer.at_s - hold.returned_s)
        return Held(RuleAnswer.NO, f"{writer.name} had given its lease back itself, {before} before")
    if hold.taken_s is None:
        return _of_the_newer(facts, writer, newer)
    return _not_by_time(hold) or _by_time(writer, hold, newer)


def _by_time(writer: Writer, hold: Hold, newer: Writer) -> Held:
    """Whether the newer plan was written under the lease that had run out."""
    if newer.at_s < hold.granted_s:
        return Held(RuleAnswer.NO, f"plan {newer.version} was in force before {writer.name} had the lease")
    if newer.hold is None or newer.hold.granted_s < hold.granted_s:
        return Held(RuleAnswer.UNKNOWN, f"{newer.name} did not write under this lease")
    if writer.gave_up:
        why = f"{writer.name} had given up on its commit: when it would have given the lease back is not recorded"
        return Held(RuleAnswer.UNKNOWN, why)
    needed, given = duration(writer.at_s - hold.granted_s), duration(hold.ttl_s)
    why = f"{newer.name} would have waited, had it lived for {needed} (given: {given}), which nobody knows beforehand"
    return Held(RuleAnswer.YES, why)


def _not_by_time(hold: Hold) -> Held | None:
    """Why a lease went to another, other than by the end of its time; None where that was why."""
    if hold.own_clock and hold.until_s is not None and hold.taken_s is not None and hold.taken_s < hold.until_s:
        early = duration(hold.until_s - hold.taken_s)
        why = (
            f"{hold.taken_by} took it {early} before its end by its owner's clock: how far the clocks are apart counts"
        )
        return Held(RuleAnswer.UNKNOWN, why)
    if hold.taken_early is None:
        return Held(RuleAnswer.UNKNOWN, "why the lease server gave it to another is not recorded")
    if hold.taken_early:
        why = f"the server gave it to {hold.taken_by} before its time was over, whatever that time is"
        return Held(RuleAnswer.NO, why)
    return None


def _of_the_newer(facts: Facts, writer: Writer, newer: Writer) -> Held:
    """Whether it was the lease of the newer plan's writer that did not live long enough."""
    other = newer.hold
    kept = f"nobody else held it between its grant to {writer.name} and the write"
    if other is None or other.taken_s is None or other.returned_s is not None:
        return Held(RuleAnswer.NO, kept)
    if other.taken_early is not False or facts.rewritten:
        return Held(RuleAnswer.UNKNOWN, f"{kept}, but {newer.name} had lost it before it wrote plan {newer.version}")
    needed = duration(newer.at_s - other.granted_s)
    lost = f"had the lease of {newer.name}, lost before it wrote plan {newer.version}, lived for {needed}"
    if facts.guard.check == "inside":
        return Held(RuleAnswer.YES, f"{lost}, {writer.name} would have come later and seen that plan")
    return Held(RuleAnswer.NO, f"{lost}, {writer.name} would have come later, and written without a look all the same")
