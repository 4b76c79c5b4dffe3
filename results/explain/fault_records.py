"""What the faults of a scenario did meanwhile to servers, to the network and to processes, from outside them.

A fault says itself whom it hit and in which words (`faults.json`); nothing here knows kinds of faults.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from leasebench.results.evidence.moment import Moments
from leasebench.results.explain.reader import Reader, Stop, state
from leasebench.results.reading.violations import Violation
from leasebench.results.record.faults import FaultRow

SERVERS = {"lease": "the lease server", "store": "the store's server"}


@dataclass(frozen=True, slots=True)
class FaultRecord:
    """A fault that hit a server, or the route of a process: `name` is the process, None for a server."""

    fault: str
    name: str | None
    server: str
    words: str
    begin_s: float
    end_s: float


def has_lease_server_of_its_own(moments: Moments) -> bool:
    """Whether the trial had a lease server of its own, for a fault to hit."""
    return "lease" in moments.facts.own_servers


def victims(fault: FaultRow, enactors: tuple[str, ...]) -> tuple[str, list[str]]:
    """What the harness did to enactors by a row of `faults.json`, and to which; to none where it was no such fault."""
    names = dict.fromkeys(target.name for target in fault.targets) if fault.from_outside else ()
    return state(fault), [name for name in names if name in enactors]


def fault_records(
    violation: Violation, moments: Moments, reader: Reader, names: Iterable[str], begin_s: float, end_s: float
) -> Iterator[FaultRecord | Stop]:
    """What was in force between two instants, and hit one of these processes or a server."""
    if reader.trial is None:
        return
    concerned = [name for name in dict.fromkeys(names) if name in reader.events.enactors]
    for fault in moments.faults:
        if fault.span_ns is None:
            continue
        from_s, to_s = map(reader.seconds, fault.span_ns)
        # What a process was done to at once stays done: a clock that was set wrong is wrong from then on.
        lasts = fault.instant and not fault.from_outside
        if (to_s >= begin_s or lasts) and from_s <= end_s:
            what, hit = victims(fault, reader.events.enactors)
            yield from (Stop(name, what, from_s, to_s) for name in hit if name in concerned)
            yield from _told(fault, violation.cell, concerned, (max(from_s, begin_s), from_s, to_s))


def _told(fault: FaultRow, cell: str, concerned: list[str], when: tuple[float, float, float]) -> Iterator[FaultRecord]:
    shown_s, from_s, to_s = when
    if fault.server in SERVERS:
        words = fault.said_of(SERVERS[fault.server])
        yield FaultRecord(fault.fault, None, fault.server, words, from_s, from_s if fault.instant else to_s)
    elif not fault.from_outside and fault.action == "fault":
        for target in fault.targets:
            if target.cell == cell and target.name in concerned:
                words = fault.said_of(target.name)
                server, begin_s, end_s = ("lease", shown_s, shown_s) if fault.instant else ("store", from_s, to_s)
                yield FaultRecord(fault.fault, target.name, server, words, begin_s, end_s)
