"""A violation in words, in the order in which things happened; and the messages that a sequence diagram shows."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from math import isnan

from leasebench.results.checks.harm import ViolationKind
from leasebench.results.display.phrases import (
    age,
    count,
    deletes_plan,
    duration,
    over,
    plan,
    puts_in_force,
    refuses_plan,
    writes_plan,
)
from leasebench.results.explain.facts import Facts
from leasebench.results.explain.hold import Hold
from leasebench.results.explain.reader import Stop
from leasebench.results.explain.writer import Writer

PLANNER, STORE, LEASES, OPERATOR = "planner", "store", "leases", "operator"
LONG_S = 0.02
"""A commit that takes longer from its beginning to its event was held up; work that takes longer is told."""


class Look(StrEnum):
    """How a message is drawn."""

    CALL = "call"
    REPLY = "reply"
    HARM = "harm"
    NOTE = "note"
    STOP = "stop"


class About(StrEnum):
    """What happened."""

    PUBLISH = "publish"
    PICK = "pick"
    CHECK = "check"
    WORK = "work"
    SEND = "send"
    NO_ANSWER = "no answer"
    PUT_IN_FORCE = "put in force"
    OVERWRITE = "overwrite"
    RESTART = "restart"
    DELETE = "delete"
    REFUSE = "refuse"
    MEND = "mend"
    LEASE_GRANTED = "lease granted"
    LEASE_RENEWED = "lease renewed"
    LEASE_EXPIRED = "lease expired"
    LEASE_LOSS_TOLD = "lease loss told"
    LEASE_RETURNED = "lease returned"
    LEASE_TAKEN = "lease taken"
    STOP = "stop"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Message:
    """One thing that happened: what, when (seconds on the axis of the Reader), between which lanes, in few words.

    A NOTE or STOP stays in its own lane. `words` is the sentence that tells it.
    """

    about: About
    at_s: float
    source: str
    target: str
    label: str
    words: str
    look: Look = Look.CALL


def messages(facts: Facts) -> list[Message]:
    """All that is known to have happened, in its order; of equal times the order in which it is told."""
    told = [*_before(facts, facts.writer)]
    if facts.newer is not None:
        told += _before(facts, facts.newer)
        told.append(_put_in_force(facts, facts.newer))
    told += [*_faults(facts), *_harm(facts), *_aftermath(facts)]
    ordered = sorted((one for one in told if not isnan(one.at_s)), key=lambda one: one.at_s)
    return list(dict.fromkeys(ordered))


def headline(facts: Facts) -> str:
    """The violation in one sentence."""
    violation, writer, newer = facts.violation, facts.writer, facts.newer
    place = violation.endpoint if facts.cells == 1 else f"{violation.endpoint} of cell {violation.cell}"
    if violation.kind is ViolationKind.STALE and newer is not None:
        back = count(violation.over - violation.version, "generation")
        after = duration(writer.at_s - newer.at_s)
        how = f"{newer.name} had put it in force" if newer.name != writer.name else "it had put that in force itself"
        if newer.kind == "restart":
            how = "the store had come back with it"
        return (
            f"{writer.name} wrote plan {violation.version} over the newer plan {violation.over} at {place}, "
            f"{back} back, {after} after {how}; {_until(facts, 'behind')}."
        )
    if facts.deleted_at is not None and facts.deleted_at > writer.at:
        how = f"{facts.cleaner} deleted plan {violation.version} while {place} pointed at it"
    else:
        before = (
            "" if facts.deleted_at is None else f" {duration(writer.at_s - facts.seconds(facts.deleted_at))} before"
        )
        verb = "The store came back with" if writer.kind == "restart" else f"{writer.name} pointed"
        how = f"{verb} {place} at plan {violation.version}, which was deleted{before}"
    return f"{how}: it resolved to nothing; {_until(facts, 'empty')}."


def _until(facts: Facts, state: str) -> str:
    begin_s = facts.seconds(facts.violation.position)
    if facts.mended_at is None:
        return f"it was still {state} when the trial ended"
    return f"it was {state} for {duration(facts.seconds(facts.mended_at) - begin_s)}"


def _before(facts: Facts, writer: Writer) -> Iterator[Message]:
    """What a writer did from the publication of its plan until its commit reached the store."""
    version, endpoint, name = writer.version, facts.violation.endpoint, writer.name
    if writer.published_s is not None:
        words, lane = f"the planner publishes plan {version}", PLANNER
        if writer.rollback_to is not None:
            words, lane = (
                f"an operator publishes plan {version} with the content of plan {writer.rollback_to}",
                OPERATOR,
            )
        yield Message(About.PUBLISH, writer.published_s, lane, STORE, f"publish plan {version}", words)
    if writer.picked is not None:
        old = "" if writer.published_s is None else f", {duration(writer.picked.end_s - writer.published_s)} old"
        words = f"{name} picks plan {version}{old}"
        yield Message(About.PICK, writer.picked.end_s, STORE, name, f"picks plan {version}", words, Look.REPLY)
    if writer.hold is not None:
        yield from _hold(name, writer.hold)
    if writer.checked is not None:
        seen, place = plan(writer.checked.seen), ""
        if writer.hold is not None:
            inside = writer.checked.begin_s >= (writer.hold.asked_s or writer.hold.granted_s)
            place = " inside its lease" if inside else " before it has the lease"
        words = f"{name} checks {endpoint}{place} and sees {seen}"
        yield Message(About.CHECK, writer.checked.end_s, STORE, name, f"{endpoint}: sees {seen}", words, Look.REPLY)
    if writer.worked is not None and writer.worked.end_s - writer.worked.begin_s > LONG_S:
        lasted = duration(writer.worked.end_s - writer.worked.begin_s)
        words = f"{name} works for {lasted} on the records of {endpoint}"
        yield Message(About.WORK, writer.worked.begin_s, name, name, f"works {lasted}", words, Look.NOTE)
    yield from (_stop(stop) for stop in writer.stops)
    yield from _sent(writer, endpoint)


def _stop(stop: Stop) -> Message:
    lasted = "" if isnan(stop.end_s) else f" for {duration(stop.end_s - stop.begin_s)}"
    who = f"the renewer of {stop.name}" if stop.renewer else stop.name
    label = f"{'renewer ' if stop.renewer else ''}{stop.what}{lasted.removeprefix(' for')}"
    return Message(About.STOP, stop.begin_s, stop.name, stop.name, label, f"{who} is {stop.what}{lasted}", Look.STOP)


def _sent(writer: Writer, endpoint: str) -> Iterator[Message]:
    """How the commit reached the store, if that took long or its reply never came."""
    call, name, version = writer.call, writer.name, writer.version
    if call is None:
        return
    if writer.first_s is not None:
        words = (
            f"the store executes the commit of plan {version} by {name} a first time, whose client does not hear of it"
        )
        yield Message(About.SEND, writer.first_s, name, STORE, f"{endpoint} = {version}", words)
    elif writer.at_s - call.begin_s > LONG_S:
        late = duration(writer.at_s - call.begin_s)
        words = f"{name} begins its commit of plan {version}, which the store executes {late} later"
        yield Message(About.SEND, call.begin_s, name, name, f"sends plan {version}", words, Look.NOTE)
    if writer.gave_up:
        words = f"{name} gives up waiting for an answer; its commit of plan {version} is still on its way"
        yield Message(About.NO_ANSWER, call.end_s, name, name, "no answer", words, Look.NOTE)


def _hold(name: str, hold: Hold) -> Iterator[Message]:
    """A lease from its grant to the write."""
    fence = f", fencing number {hold.fence}" if hold.fence else ""
    waited, given, own = "", "", " by its own clock" if hold.own_clock else ""
    if hold.asked_s is not None and hold.granted_s - hold.asked_s > 0.001:
        waited = f" after waiting {duration(hold.granted_s - hold.asked_s)}"
    if hold.until_s is not None and hold.renewed_s is None:
        given = f", good for {duration(hold.until_s - hold.granted_s)}{own}"
    words = f"{name} gets the lease on {hold.lease}{waited}{given}{fence}"
    label = "lease" + (f", fence {hold.fence}" if hold.fence else "")
    yield Message(About.LEASE_GRANTED, hold.granted_s, LEASES, name, label, words, Look.REPLY)
    if hold.renewed_s is not None:
        until = "" if hold.until_s is None else f", for {duration(hold.until_s - hold.renewed_s)} more"
        words = f"the lease of {name} is renewed for the last time{until}"
        yield Message(About.LEASE_RENEWED, hold.renewed_s, name, LEASES, "renews", words)
    ends_s = hold.returned_s if hold.taken_s is None else hold.taken_s
    if hold.until_s is not None and ends_s is not None and hold.until_s <= ends_s:
        told = "" if hold.told_s is not None and hold.told_s <= hold.until_s else "; nobody tells it"
        words = f"the lease of {name} runs out{own}{told}"
        yield Message(About.LEASE_EXPIRED, hold.until_s, LEASES, LEASES, f"{name}'s runs out", words, Look.NOTE)
    if hold.told_s is not None:
        yield Message(
            About.LEASE_LOSS_TOLD,
            hold.told_s,
            LEASES,
            name,
            "lost",
            f"{name} is told that its lease is lost",
            Look.REPLY,
        )
    if hold.returned_s is not None:
        yield Message(About.LEASE_RETURNED, hold.returned_s, name, LEASES, "gives back", f"{name} gives its lease back")
    if hold.taken_s is not None:
        knows = hold.taken_by == name or (hold.told_s is not None and hold.told_s <= hold.taken_s)
        belief = "" if knows else f", while {name} believes to hold it"
        early = " before its time" if hold.taken_early else ""
        words = f"the lease of {name} goes to {hold.taken_by}{early}{belief}"
        yield Message(
            About.LEASE_TAKEN, hold.taken_s, LEASES, LEASES, f"{name}'s goes to {hold.taken_by}", words, Look.NOTE
        )


def _faults(facts: Facts) -> Iterator[Message]:
    for record in facts.fault_records:
        lane = record.name or (STORE if record.server == "store" else LEASES)
        lasted = record.end_s - record.begin_s
        words = record.words + (f" for {duration(lasted)}" if lasted > 0 else "")
        yield Message(About.FAULT, record.begin_s, lane, lane, f"fault: {record.fault}", words, Look.STOP)


def _age(writer: Writer) -> str:
    return age(None if writer.published_s is None else duration(writer.at_s - writer.published_s))


def _put_in_force(facts: Facts, writer: Writer, look: Look = Look.CALL, more: str = "") -> Message:
    """The write of an enactor, an operator or a restart; `more` says what it did."""
    endpoint, version, name = facts.violation.endpoint, writer.version, writer.name
    label = f"{endpoint} = {version}"
    if writer.kind == "restart":
        words = f"the store comes back without its last events: {endpoint} is at {plan(version)} again"
        return Message(About.RESTART, writer.at_s, STORE, STORE, label, words, Look.STOP if look is Look.CALL else look)
    if writer.kind == "repair":
        words = f"the operator sets {endpoint} to plan {version}{_age(writer)}"
    elif more:
        again = "" if writer.first_s is None else " sends it again and"
        words = writes_plan(f"{name}{again}", version, _age(writer), more)
    else:
        words = f"{puts_in_force(name, version, _age(writer))} at {endpoint}"
    return Message(About.OVERWRITE if more else About.PUT_IN_FORCE, writer.at_s, name, STORE, label, words, look)


def _harm(facts: Facts) -> Iterator[Message]:
    """The write and, where there was one, the deletion."""
    violation, writer = facts.violation, facts.writer
    more = "" if facts.newer is None else over(writer.version, facts.newer.version)
    look = Look.HARM if violation.position == writer.at else Look.CALL
    yield _put_in_force(facts, writer, look, more)
    if facts.deleted_at is not None:
        words = deletes_plan(facts.cleaner, violation.version)
        if facts.active > 0:
            verb = "points" if facts.active == 1 else "point"
            words += f" while {count(facts.active, 'endpoint')} {verb} at it"
        look = Look.HARM if violation.position == facts.deleted_at else Look.CALL
        at_s, label = facts.seconds(facts.deleted_at), f"delete plan {violation.version}"
        yield Message(About.DELETE, at_s, facts.cleaner or "", STORE, label, words, look)


def _aftermath(facts: Facts) -> Iterator[Message]:
    """Refusals until it was mended, and what mended it."""
    events, endpoint = facts.events, facts.violation.endpoint
    if len(facts.refusals):
        first = int(facts.refusals[0])
        reason = events.reasons[int(events.reason[first])] if events.reason[first] >= 0 else "no reason given"
        name = events.enactors[int(events.enactor[first])] if events.enactor[first] >= 0 else OPERATOR
        until = "the end" if facts.mended_at is None else "then"
        more = f", the first of {len(facts.refusals)} refusals until {until}" if len(facts.refusals) > 1 else ""
        words = f"{refuses_plan(events.version[first], name)} at {endpoint}: {reason}{more}"
        yield Message(About.REFUSE, facts.seconds(first), STORE, name, f"refused: {reason}", words, Look.REPLY)
    if facts.mended_at is not None:
        yield _mending(facts, facts.mended_at)


def _mending(facts: Facts, at: int) -> Message:
    events, endpoint = facts.events, facts.violation.endpoint
    here = int(facts.writes.since.searchsorted(at))
    version, at_s = int(facts.writes.version[here]), facts.seconds(at)
    code, repaired, restarted = int(events.enactor[at]), events.of("repair")[at], events.of("restart")[at]
    result = "resolves again"
    if facts.violation.kind is ViolationKind.STALE:
        result = f"is no longer behind plan {facts.violation.over}"
        if version < facts.violation.over:
            result = "has what the operator wants"
    label = f"{endpoint} = {version}"
    if restarted:
        words = f"the store comes back without its last events: at plan {version}, {endpoint} {result}"
        return Message(About.MEND, at_s, STORE, STORE, label, words, Look.STOP)
    name = events.enactors[code] if code >= 0 else OPERATOR
    words = f"{writes_plan(name, version)}: {endpoint} {result}"
    if repaired:
        words = f"the operator sets {endpoint} to plan {version}: it {result}"
    return Message(About.MEND, at_s, name, STORE, label, words)
