"""A violation in words, in the order in which things happened; and the messages that a sequence diagram shows."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from math import isnan

from results.explain.facts import Facts, Hold, Writer
from results.violations import Kind

PLANNER, STORE, LEASES = "planner", "store", "leases"


class Look(StrEnum):
    """How a message is drawn."""

    CALL = "call"
    REPLY = "reply"
    HARM = "harm"
    NOTE = "note"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Message:
    """One thing that happened: when (seconds since the trial's first event), between which lanes, in few words.

    A NOTE or STOP stays in its own lane. `words` is the sentence that tells it.
    """

    at_s: float
    source: str
    target: str
    label: str
    words: str
    look: Look = Look.CALL


def messages(facts: Facts) -> list[Message]:
    """All that is known to have happened, in its order; of equal times the order in which it is told."""
    told = [*_writer(facts, facts.writer)]
    if facts.newer is not None:
        told += _writer(facts, facts.newer)
    told += [*_faults(facts), *_harm(facts), *_aftermath(facts)]
    return sorted((one for one in told if not isnan(one.at_s)), key=lambda one: one.at_s)


def headline(facts: Facts) -> str:
    """The violation in one sentence."""
    violation, writer = facts.violation, facts.writer
    if violation.kind is Kind.STALE and facts.newer is not None:
        back = count(violation.over - violation.version, "generation")
        after = duration(writer.at_s - facts.newer.at_s)
        return (
            f"{writer.name} wrote plan {violation.version} over the newer plan {violation.over} at {violation.endpoint}, "
            f"{back} back, {after} after {facts.newer.name} had put it in force; {_until(facts)}."
        )
    if violation.kind is Kind.DANGLING:
        how = (
            f"{facts.cleaner} deleted plan {violation.version} while {violation.endpoint} pointed at it"
            if facts.deleted_at is not None and facts.deleted_at > writer.at
            else f"{writer.name} pointed {violation.endpoint} at plan {violation.version}, which was deleted"
        )
        return f"{how}: it resolved to nothing; {_until(facts)}."
    return f"{writer.name} wrote plan {violation.version} at {violation.endpoint}; {_until(facts)}."


def duration(seconds: float) -> str:
    """A time in words; 'an unknown time' where the clock stepped back."""
    if isnan(seconds):
        return "an unknown time"
    if abs(seconds) < 0.01:
        return f"{seconds * 1000:.1f} ms"
    return f"{seconds * 1000:.0f} ms" if abs(seconds) < 1 else f"{seconds:.2f} s"


def count(number: int, noun: str) -> str:
    """`1 generation`, `2 generations`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _until(facts: Facts) -> str:
    state = "behind" if facts.violation.kind is Kind.STALE else "empty"
    begin_s = facts.seconds(facts.violation.position)
    if facts.mended_at is None:
        return f"it was still {state} when the trial ended"
    return f"it was {state} for {duration(facts.seconds(facts.mended_at) - begin_s)}"


def _writer(facts: Facts, writer: Writer) -> Iterator[Message]:
    """What a writer did from the publication of its plan to its commit."""
    version, endpoint, name = writer.version, facts.violation.endpoint, writer.name
    if writer.published_s is not None:
        words = f"the planner publishes plan {version}"
        yield Message(writer.published_s, PLANNER, STORE, f"publish plan {version}", words)
    if writer.picked is not None:
        old = "" if writer.published_s is None else f", {duration(writer.picked.end_s - writer.published_s)} old"
        yield Message(
            writer.picked.end_s, STORE, name, f"picks plan {version}", f"{name} picks plan {version}{old}", Look.REPLY
        )
    if writer.hold is not None:
        yield from _hold(name, writer.hold)
    if writer.checked is not None:
        seen = f"plan {writer.checked.seen}" if writer.checked.seen else "no plan"
        place = "" if writer.hold is None else _in_lease(writer)
        words = f"{name} checks {endpoint}{place} and sees {seen}"
        yield Message(writer.checked.end_s, STORE, name, f"{endpoint}: sees {seen}", words, Look.REPLY)
    for stop in writer.stops:
        lasted = duration(stop.end_s - stop.begin_s)
        yield Message(
            stop.begin_s, name, name, f"{stop.what} {lasted}", f"{name} is {stop.what} for {lasted}", Look.STOP
        )
    if writer.call is not None and writer.at_s - writer.call.begin_s > SENT_LONG_S:
        words = f"{name} sends its commit of plan {version}, which is on its way for {duration(writer.at_s - writer.call.begin_s)}"
        yield Message(writer.call.begin_s, name, name, f"sends plan {version}", words, Look.NOTE)
    if writer is facts.newer:
        age = "" if writer.published_s is None else f" ({duration(writer.at_s - writer.published_s)} old)"
        words = f"{name} puts plan {version}{age} in force at {endpoint}"
        yield Message(writer.at_s, name, STORE, f"{endpoint} = {version}", words)


SENT_LONG_S = 0.02
"""A commit that takes longer from its start to its event was held up on its way."""


def _hold(name: str, hold: Hold) -> Iterator[Message]:
    fence = f", fencing number {hold.fence}" if hold.fence else ""
    waited = ""
    if hold.asked_s is not None and hold.granted_s - hold.asked_s > 0.001:
        waited = f" after waiting {duration(hold.granted_s - hold.asked_s)}"
    until = "" if hold.expires_s is None else f", good for {duration(hold.expires_s - hold.granted_s)}"
    words = f"{name} gets the lease on {hold.lease}{waited}{until}{fence}"
    label = "lease" + (f", fence {hold.fence}" if hold.fence else "")
    yield Message(hold.granted_s, LEASES, name, label, words, Look.REPLY)
    if hold.expires_s is not None and hold.taken_s is not None and hold.expires_s <= hold.taken_s:
        words = f"the lease of {name} runs out; nobody tells it"
        yield Message(hold.expires_s, LEASES, LEASES, f"{name}'s runs out", words, Look.NOTE)
    if hold.taken_s is not None:
        words = f"the lease goes to {hold.taken_by}, while {name} believes to hold it"
        yield Message(hold.taken_s, LEASES, hold.taken_by or "", "lease", words, Look.REPLY)


def _in_lease(writer: Writer) -> str:
    assert writer.checked is not None
    assert writer.hold is not None
    return " inside its lease" if writer.checked.begin_s >= writer.hold.granted_s else " before it has the lease"


def _faults(facts: Facts) -> Iterator[Message]:
    for fault in facts.faults:
        lasted = duration(fault["end_s"] - fault["begin_s"])
        place = LEASES if fault["process"] == "harness" else fault["process"].removesuffix("-proxy")
        words = f"the fault {fault['fault']} strikes for {lasted}"
        yield Message(fault["begin_s"], place, place, f"fault: {fault['fault']}", words, Look.STOP)


def _harm(facts: Facts) -> Iterator[Message]:
    """The write and, where there was one, the deletion."""
    violation, writer = facts.violation, facts.writer
    endpoint, version = violation.endpoint, violation.version
    age = "" if writer.published_s is None else f" ({duration(writer.at_s - writer.published_s)} old)"
    if facts.newer is not None:
        older = facts.newer.version
        back = count(older - writer.version, "generation")
        words = f"{writer.name} writes plan {writer.version}{age} over plan {older}, {back} back"
    else:
        words = f"{writer.name} puts plan {writer.version}{age} in force at {endpoint}"
    look = Look.HARM if violation.position == writer.at else Look.CALL
    yield Message(writer.at_s, writer.name, STORE, f"{endpoint} = {writer.version}", words, look)
    if facts.deleted_at is not None:
        pointing = count(facts.active, "endpoint")
        words = f"{facts.cleaner} deletes plan {version} while {pointing} pointed at it"
        if facts.deleted_at < writer.at:
            words = f"{facts.cleaner} deletes plan {version}"
        at_s = facts.seconds(facts.deleted_at)
        look = Look.HARM if violation.position == facts.deleted_at else Look.CALL
        yield Message(at_s, facts.cleaner or "", STORE, f"delete plan {version}", words, look)


def _aftermath(facts: Facts) -> Iterator[Message]:
    """Refusals until it was mended, and what mended it."""
    events, endpoint = facts.events, facts.violation.endpoint
    if len(facts.refusals):
        first = int(facts.refusals[0])
        reason = events.reasons[int(events.reason[first])] if events.reason[first] >= 0 else "refused"
        name = events.enactors[int(events.enactor[first])] if events.enactor[first] >= 0 else "somebody"
        more = f" ({count(len(facts.refusals), 'refusal')} until it is mended)" if len(facts.refusals) > 1 else ""
        words = f"the store refuses plan {events.version[first]} of {name}: {reason}{more}"
        yield Message(facts.seconds(first), STORE, name, f"refused: {reason}", words, Look.REPLY)
    if facts.mended_at is not None:
        at = facts.mended_at
        code = int(events.enactor[at])
        name = events.enactors[code] if code >= 0 else "operator"
        words = f"{name} writes plan {events.version[at]}: {endpoint} has {_mended_word(facts)}"
        yield Message(facts.seconds(at), name, STORE, f"{endpoint} = {events.version[at]}", words)


def _mended_word(facts: Facts) -> str:
    return "caught up" if facts.violation.kind is Kind.STALE else "a plan again"
