"""Which axis of the guard would have stopped a write: each rule of the store held against what was recorded of it.

This says what follows for this one write, with everything before it as it happened. Under another rule much before
it would have gone otherwise too; what a guard is worth over a whole run is for its verdict to say.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from results.explain.facts import Facts, Hold, Writer
from results.explain.telling import duration
from results.violations import Kind


class Answer(StrEnum):
    """Whether a rule would have kept the harm away."""

    YES = "would have stopped it"
    NO = "would not"
    UNKNOWN = "can't be told"


@dataclass(frozen=True, slots=True)
class Cure:
    """One choice on one axis, and what it would have done."""

    axis: str
    choice: str
    answer: Answer
    why: str


def cures(facts: Facts) -> list[Cure]:
    """Every choice that can be held against the facts, those that would have stopped it first."""
    found: list[Cure] = []
    if facts.newer is not None:
        found += _on_stale(facts, facts.writer, facts.newer)
    if facts.violation.kind is Kind.DANGLING:
        found += _on_deletion(facts)
    order = list(Answer)
    return sorted(found, key=lambda cure: order.index(cure.answer))


def sentence(found: list[Cure]) -> str:
    """Which axes would have stopped it, in one sentence."""
    by_axis: dict[str, list[str]] = {}
    for cure in found:
        if cure.answer is Answer.YES:
            by_axis.setdefault(cure.axis, []).append(cure.choice)
    if not by_axis:
        return "Nothing that was recorded says which choice would have stopped it."
    parts = [f"{axis} ({' or '.join(choices)})" for axis, choices in by_axis.items()]
    return f"What would have stopped this write: {'; '.join(parts)}."


def _on_stale(facts: Facts, writer: Writer, newer: Writer) -> Iterator[Cure]:
    version, over = writer.version, newer.version
    yield Cure("commit", "monotonic", Answer.YES, f"plan {version} is older than plan {over}, which was in force")
    yield _compare(writer, newer)
    if writer.hold is not None:
        yield _owner_checked(writer, writer.hold)
        yield _fenced(facts, writer.hold, writer)
        yield _registered(writer, writer.hold, newer)
    yield _decide(facts, writer, newer)
    yield _exclude(facts, writer, newer)


def _compare(writer: Writer, newer: Writer) -> Cure:
    choice = "compare_and_set"
    if writer.checked is None:
        why = f"{writer.name} read nothing before its write that it could be compared with"
        return Cure("commit", choice, Answer.UNKNOWN, why)
    seen = writer.checked.seen
    if seen != newer.version:
        return Cure(
            "commit", choice, Answer.YES, f"it had read {_plan(seen)}, and plan {newer.version} was in force by then"
        )
    return Cure("commit", choice, Answer.NO, f"it had read plan {seen}, which was still in force")


def _owner_checked(writer: Writer, hold: Hold) -> Cure:
    choice = "owner_checked"
    if hold.expires_s is None:
        return Cure("commit", choice, Answer.UNKNOWN, "the grants of this lease manager leave no event")
    if hold.taken_s is not None and hold.taken_s <= writer.at_s:
        return Cure("commit", choice, Answer.YES, f"the lease had gone to {hold.taken_by} before the write")
    if hold.expires_s < writer.at_s:
        return Cure(
            "commit", choice, Answer.YES, f"the lease had run out {duration(writer.at_s - hold.expires_s)} before"
        )
    left = duration(hold.expires_s - writer.at_s)
    return Cure("commit", choice, Answer.NO, f"{writer.name} held the lease rightfully, for another {left}")


def _fenced(facts: Facts, hold: Hold, writer: Writer) -> Cure:
    choice = "fenced"
    if hold.fence is None:
        return Cure("commit", choice, Answer.UNKNOWN, "this lease manager gives no fencing number")
    events = facts.events
    endpoint = events.endpoints.index(facts.violation.endpoint)
    commits = events.commits_by_endpoint[endpoint]
    before = commits[commits < writer.at]
    highest = int(events.fence[before].max(initial=-1))
    if highest < 0:
        return Cure("commit", choice, Answer.UNKNOWN, "no fencing number had reached this endpoint")
    if highest > hold.fence:
        return Cure("commit", choice, Answer.YES, f"number {highest} had written there before {hold.fence} came")
    return Cure(
        "commit", choice, Answer.NO, f"no higher number than its {hold.fence} had written there (highest {highest})"
    )


def _registered(writer: Writer, hold: Hold, newer: Writer) -> Cure:
    choice = "fence_registered"
    other = newer.hold
    if hold.fence is None or other is None or other.fence is None or other.lease != hold.lease:
        return Cure("commit", choice, Answer.UNKNOWN, "the two writes carry no numbers of one lease")
    if other.fence > hold.fence:
        return Cure(
            "commit", choice, Answer.YES, f"the check of {newer.name} would have registered number {other.fence}"
        )
    if writer.checked is not None and writer.checked.begin_s >= hold.granted_s:
        why = f"number {hold.fence} of {writer.name} is the higher one"
        return Cure("commit", choice, Answer.NO, why)
    why = f"it needs the check inside the lease: {writer.name} would have seen plan {newer.version} there"
    return Cure("commit", choice, Answer.YES if newer.at_s <= hold.granted_s else Answer.UNKNOWN, why)


def _decide(facts: Facts, writer: Writer, newer: Writer) -> Cure:
    check = facts.guard.get("decide", {}).get("check")
    if writer.hold is None:
        if check in ("per_endpoint", "inside"):
            gap = duration(writer.at_s - writer.checked.end_s) if writer.checked else "some time"
            why = f"it did check at each endpoint; the newer plan came in the {gap} between check and write"
            return Cure("decide", "check per_endpoint", Answer.NO, why)
        late = _before_work(writer)
        if late is not None and newer.at_s <= late:
            why = f"plan {newer.version} was in force before {writer.name} began with this endpoint"
            return Cure("decide", "check per_endpoint", Answer.YES, why)
        if late is None:
            return Cure("decide", "check per_endpoint", Answer.UNKNOWN, "when it would have looked is not recorded")
        why = f"plan {newer.version} came in force {duration(newer.at_s - late)} after {writer.name} began with it"
        return Cure("decide", "check per_endpoint", Answer.NO, why)
    if check == "inside":
        why = f"it did check inside its lease; plan {newer.version} came in force after that"
        return Cure("decide", "check inside", Answer.NO, why)
    if newer.at_s <= writer.hold.granted_s:
        why = f"plan {newer.version} was in force when {writer.name} got the lease: a look there would have shown it"
        return Cure("decide", "check inside", Answer.YES, why)
    why = f"plan {newer.version} came in force after {writer.name} had got the lease"
    return Cure("decide", "check inside", Answer.NO, why)


def _exclude(facts: Facts, writer: Writer, newer: Writer) -> Cure:
    if writer.hold is None:
        return Cure(
            "exclude",
            "a lease with the check inside",
            Answer.UNKNOWN,
            "there was none, so who would have waited for whom is not recorded",
        )
    ttl = facts.guard.get("exclude", {}).get("ttl_ms")
    lost = writer.hold.taken_s is not None and writer.hold.taken_s <= writer.at_s
    if not lost:
        why = f"exclusion was kept: nobody else held the lease between the grant to {writer.name} and its write"
        return Cure("exclude", "a longer time to live", Answer.NO, why)
    assert writer.hold.taken_s is not None
    needed = duration(writer.at_s - writer.hold.granted_s)
    why = f"the lease would have had to live for {needed} (it was given for {ttl} ms), as nobody knows beforehand"
    inside = newer.at_s >= writer.hold.granted_s
    return Cure("exclude", "a longer time to live", Answer.YES if inside else Answer.NO, why)


def _before_work(writer: Writer) -> float | None:
    """When a check at the endpoint would have been: before its record tree is built, or else before the commit."""
    first = writer.worked or writer.call
    return None if first is None else first.begin_s


def _on_deletion(facts: Facts) -> Iterator[Cure]:
    version, endpoint = facts.violation.version, facts.violation.endpoint
    if facts.deleted_at is None:
        return
    if facts.deleted_at > facts.writer.at:
        if facts.active > 0:
            why = f"the store counted {facts.active} endpoints at plan {version} when it was deleted"
            yield Cure("clean", "skip_active", Answer.YES, why)
        yield Cure("clean", "quarantine", Answer.YES, f"plan {version} would have gone on resolving at {endpoint}")
        yield Cure("clean", "referential", Answer.NO, f"plan {version} was there when it was applied")
    else:
        why = f"plan {version} was deleted {duration(facts.writer.at_s - facts.seconds(facts.deleted_at))} before it was applied"
        yield Cure("clean", "referential", Answer.YES, why)
        yield Cure("clean", "skip_active", Answer.NO, f"no endpoint pointed at plan {version} when it was deleted")


def _plan(version: int) -> str:
    return f"plan {version}" if version else "no plan"
