"""What the faults of a scenario did meanwhile to servers, to the network and to processes, from outside them.

A fault says itself whom it hit and in which words (`faults.json`); nothing here knows kinds of faults.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from leasebench.results.explain.reader import Reader, Stop, state
from leasebench.results.moment import Moments
from leasebench.results.record.process import Process
from leasebench.results.violations import Violation

SERVERS = {"lease": "the lease server", "store": "the store's server"}


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault that hit a server, or the route of a process: `name` is the process, None for a server."""

    fault: str
    name: str | None
    server: str
    words: str
    begin_s: float
    end_s: float


def lease_server_struck(moments: Moments) -> bool:
    """Whether the trial had a lease server of its own, for a fault to hit."""
    return "lease" in moments.facts.get("own_servers", ())


def victims(fault: dict[str, Any], enactors: tuple[str, ...]) -> tuple[str, list[str]]:
    """What the harness did to enactors by a row of `faults.json`, and to which; to none where it was no such fault."""
    tells = str(fault.get("tells", ""))
    what = state(tells)
    names = [Process.parse(str(target)).name for target in fault.get("targets", ())]
    return what, [name for name in dict.fromkeys(names) if name in enactors] if _from_outside(fault) else []


def strikes(
    violation: Violation, moments: Moments, reader: Reader, names: Iterable[str], begin_s: float, end_s: float
) -> Iterator[Strike | Stop]:
    """What was in force between two instants, and hit one of these processes or a server."""
    if reader.trial is None:
        return
    concerned = [name for name in dict.fromkeys(names) if name in reader.events.enactors]
    for fault in moments.faults:
        if not isinstance(fault.get("start_ns"), int):
            continue
        from_s = reader.seconds(fault["start_ns"])
        to_s = reader.seconds(fault.get("end_ns") or fault["start_ns"])
        # What a process was done to at once stays done: a clock that was set wrong is wrong from then on.
        lasts = bool(fault.get("instant")) and not _from_outside(fault)
        if (to_s >= begin_s or lasts) and from_s <= end_s:
            what, hit = victims(fault, reader.events.enactors)
            yield from (Stop(name, what, from_s, to_s) for name in hit if name in concerned)
            yield from _told(fault, violation.cell, concerned, (max(from_s, begin_s), from_s, to_s))


def _told(fault: dict[str, Any], cell: str, concerned: list[str], when: tuple[float, float, float]) -> Iterator[Strike]:
    shown_s, from_s, to_s = when
    kind, tells, instant = str(fault["fault"]), str(fault.get("tells", "")), bool(fault.get("instant"))
    server = fault.get("server")
    if server in SERVERS:
        yield Strike(kind, None, str(server), tells.format(target=SERVERS[server]), from_s, from_s if instant else to_s)
    elif not _from_outside(fault) and fault.get("action") == "fault":
        for target in fault.get("targets", ()):
            who = Process.parse(str(target))
            name = who.name
            if who.cell == cell and name in concerned:
                words = tells.format(target=name)
                server, begin_s, end_s = ("lease", shown_s, shown_s) if instant else ("store", from_s, to_s)
                yield Strike(kind, name, server, words, begin_s, end_s)


def _from_outside(fault: dict[str, Any]) -> bool:
    """Whether the harness did it, all at once, and not the process itself or its proxy."""
    return bool(fault.get("process") == "harness")
