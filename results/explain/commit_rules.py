"""What each rule of the store would have done with the two writes of a stale overwrite.

A rule stops it in one of two ways: it refuses the stale write; or it refuses the newer one before it, whose writer had
lost its lease by then, so that the other is no step back.
"""

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import NamedTuple

from leasebench.registry import plugins
from leasebench.results.display.phrases import duration, plan
from leasebench.results.explain.facts import Facts
from leasebench.results.explain.hold import Hold
from leasebench.results.explain.writer import Writer


class RuleAnswer(StrEnum):
    """Whether a commit rule would have prevented the harm. BROKEN: the guard has this rule, and the store broke it."""

    BROKEN = "should have stopped it"
    YES = "would have stopped it"
    NO = "would not"
    UNKNOWN = "can't be told"


class Held(NamedTuple):
    """An answer and its reason."""

    answer: RuleAnswer
    why: str


Counterfactual = Callable[[Facts, Writer, Writer], Held | None]
"""What a rule would have done, given the facts, the writer of the stale plan and the one of the newer plan before it.

None: it can't be held against them, as a rule that needs a lease where there was none.
"""
PARTS = {"quarantine": ("referential", "skip_active")}
"""Choices that are made of other rules."""


def of_own_rule(facts: Facts, choice: str, held: Held) -> Held:
    """What is said of a rule that is the guard's own: the store broke it, or it was no obstacle to these writes.

    Which of the two is for the one place to say that holds every history against its rules (`results.store_rules`).
    """
    if facts.breaches is None:
        return Held(
            RuleAnswer.UNKNOWN, "it is this guard's own, and the journal that tells whether it was kept is missing"
        )
    broken = next((one for one in facts.breaches if one.rule in PARTS.get(choice, (choice,))), None)
    if broken is not None:
        return Held(RuleAnswer.BROKEN, f"it is this guard's own: {broken.sentence(facts.events)}")
    return (
        held
        if held.answer is not RuleAnswer.YES
        else Held(RuleAnswer.NO, "it is this guard's own, and the store kept to it")
    )


def rules(facts: Facts, writer: Writer, newer: Writer) -> Iterator[tuple[str, Held]]:
    """Each rule that can be held against the facts, with its answer; another package's rule by its part `explain`."""
    brought = {
        name: rule.parts["explain"] for name, rule in plugins("leases.commit_rules").items() if "explain" in rule.parts
    }
    for name, hold_against in {**HELD_AGAINST, **brought}.items():
        held = hold_against(facts, writer, newer)
        if held is not None:
            yield name, held


def _monotonic(facts: Facts, writer: Writer, newer: Writer) -> Held:
    over = facts.violation.over or newer.version
    return Held(RuleAnswer.YES, f"plan {writer.version} is older than plan {over}, which was in force")


def _compare(facts: Facts, writer: Writer, newer: Writer) -> Held:  # noqa: ARG001
    if writer.checked is None:
        why = f"with the check that it needs: that sees what is newer, or what plan {newer.version} replaced"
        return Held(RuleAnswer.YES, why)
    seen = writer.checked.seen
    if seen != newer.version:
        return Held(RuleAnswer.YES, f"it had read {plan(seen)}, and plan {newer.version} was in force by then")
    return Held(RuleAnswer.NO, f"it had read {plan(seen)}, which was still in force")


def _by_lease(judge: Callable[[Facts, Writer, Hold, Writer], Held]) -> Counterfactual:
    """A rule that looks at leases can be held against a writer that had one."""
    return lambda facts, writer, newer: None if writer.hold is None else judge(facts, writer, writer.hold, newer)


def _owner_checked(facts: Facts, writer: Writer, hold: Hold, newer: Writer) -> Held:
    if facts.leases_apart:
        return Held(RuleAnswer.UNKNOWN, "the leases are on a server of their own: no transaction sees both")
    if (lost := _lost(hold, writer)) is not None:
        return Held(RuleAnswer.YES, f"the lease of {writer.name} {lost} before the write")
    if newer.hold is not None and (lost := _lost(newer.hold, newer)) is not None:
        why = f"the lease of {newer.name} {lost} before {_newer_write(newer)}"
        return _without_newer(facts, writer, why)
    if hold.until_s is None:
        return Held(RuleAnswer.UNKNOWN, "when this lease ran out is not recorded")
    left = "" if hold.until_s < writer.at_s else f", for another {duration(hold.until_s - writer.at_s)}"
    return Held(RuleAnswer.NO, f"{writer.name} held the lease rightfully{left}")


def _lost(hold: Hold, writer: Writer) -> str | None:
    """How a lease had come to an end before a write; None if it had not, as far as is known."""
    if hold.returned_s is not None:
        return f"had been given back {duration(writer.at_s - hold.returned_s)}"
    if hold.taken_s is not None:
        return f"had gone to {hold.taken_by} {duration(writer.at_s - hold.taken_s)}"
    if hold.until_s is not None and hold.until_s < writer.at_s and not hold.own_clock:
        return f"had run out {duration(writer.at_s - hold.until_s)}"
    return None


def _fenced(facts: Facts, writer: Writer, hold: Hold, newer: Writer) -> Held:
    if hold.fence is None:
        return Held(RuleAnswer.UNKNOWN, "this lease manager gives no fencing number")
    highest = _highest(facts, writer.at)
    if highest > hold.fence:
        return Held(RuleAnswer.YES, f"number {highest} had written there before {hold.fence} came{_too(facts, newer)}")
    other = None if newer.hold is None else newer.hold.fence
    if other is not None and (before := _highest(facts, newer.at)) > other:
        why = f"number {before} had written there before {_newer_write(newer)} with {other}"
        return _without_newer(facts, writer, why)
    if highest < 0:
        return Held(RuleAnswer.NO, "no fencing number had written there before")
    return Held(RuleAnswer.NO, f"no higher number than its {hold.fence} had written there (highest {highest})")


def _registered(facts: Facts, writer: Writer, hold: Hold, newer: Writer) -> Held:
    """A number is registered by a check inside the lease; a guard without one would look before its work."""
    if hold.fence is None:
        return Held(RuleAnswer.UNKNOWN, "this lease manager gives no fencing number")
    other = None if newer.hold is None else newer.hold.fence
    highest = max(_highest(facts, writer.at), -1 if other is None else other)
    if highest > hold.fence:
        return Held(RuleAnswer.YES, f"number {highest} had been there before {hold.fence} came{_too(facts, newer)}")
    there = facts.shown_to(writer)
    if there is not None and there > writer.version:
        return Held(RuleAnswer.YES, f"its check inside the lease would have shown plan {there} to {writer.name}")
    if other is not None and other < hold.fence and there is not None:
        why = f"the check of {writer.name} would have registered {hold.fence} before {_newer_write(newer)} with {other}"
        return _without_newer(facts, writer, why)
    if there is None or (hold.taken_s is not None and other is None):
        return Held(
            RuleAnswer.UNKNOWN, f"whether a higher number than {hold.fence} was registered there is not recorded"
        )
    return Held(RuleAnswer.NO, f"no higher number than its {hold.fence} had come there (highest {highest})")


def _newer_write(newer: Writer) -> str:
    return f"{newer.name} wrote plan {newer.version}"


def _too(facts: Facts, newer: Writer) -> str:
    """If the lease server lost its count, a rule that refuses the old plan refuses the new one too."""
    if newer.hold is None or newer.hold.fence is None or _highest(facts, newer.at) <= newer.hold.fence:
        return ""
    return f"; but it would have refused plan {newer.version} too, which came with {newer.hold.fence}"


def _highest(facts: Facts, before: int) -> int:
    """The highest fencing number that had written at the endpoint before an event, and was not forgotten; -1: none."""
    events = facts.events
    commits = events.commits_by_endpoint[events.endpoints.index(facts.violation.endpoint)]
    commits = commits[commits < before]
    if len(events.restarts):
        commits = commits[~events.gone_by(before)[commits]]
    return int(events.fence[commits].max(initial=-1))


def _without_newer(facts: Facts, writer: Writer, why: str) -> Held:
    """What follows if the newer plan's write had been refused, for the reason given."""
    why += ": that would have been refused"
    if facts.rewritten:
        return Held(RuleAnswer.UNKNOWN, f"{why}; but it was written again after that")
    if facts.before_newer > writer.version:
        return Held(RuleAnswer.NO, f"{why}; but plan {facts.before_newer} was in force before it")
    return Held(RuleAnswer.YES, why)


HELD_AGAINST: dict[str, Counterfactual] = {
    "monotonic": _monotonic,
    "compare_and_set": _compare,
    "owner_checked": _by_lease(_owner_checked),
    "fenced": _by_lease(_fenced),
    "fence_registered": _by_lease(_registered),
}
"""A rule that is left out would have done as another does, or is wrong on purpose."""
