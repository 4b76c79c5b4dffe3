"""Whether a lease that had lived longer would have kept two writers apart."""

from leasebench.results.display.phrases import duration
from leasebench.results.explain.commit_rules import Held, RuleAnswer
from leasebench.results.explain.facts import Facts
from leasebench.results.explain.hold import Hold
from leasebench.results.explain.writer import Writer


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
