"""What the faults of a scenario did meanwhile to the servers, to the network and to the writers, from outside them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from leasebench.results.explain.reader import Reader, Stop
from leasebench.results.moment import Moments
from leasebench.results.run import Run
from leasebench.results.violations import Violation

INSIDE = ("pause", "crash", "slow")
"""Faults that strike inside a process: its own journal tells of them."""
PROXIED = {
    "late_write": "the network holds a commit of {name} back",
    "lost_reply": "the reply to a commit of {name} is lost, and its connection stands still",
    "drop": "the network drops what {name} sent",
    "delay": "the network delays what {name} sent",
}
CUT_OFF = "cut off from its servers"
SERVERS = {"lease": "the lease server", "store": "the store's server"}
SUFFERED = {
    "restart": "restarts: away",
    "failover": "fails over to its replica: away",
    "flush": "is flushed",
    "clock": "has its clock stepped",
}
INSTANT = ("flush", "clock", "skew")
"""What is done at once: how long the doing took is not told."""


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault that struck a server, or the way of a process: `name` is the process, None for a server."""

    fault: str
    name: str | None
    server: str
    words: str
    begin_s: float
    end_s: float


def lease_server_struck(run: Run, violation: Violation) -> bool:
    """Whether a fault of the scenario hits the lease server, which is then one of its own."""
    tables = _tables(run, violation.scenario)
    return any("enactors" not in table and table.get("server", "lease") == "lease" for table in tables)


def victims(run: Run, scenario: str, fault: dict[str, Any], enactors: tuple[str, ...]) -> tuple[str, list[str]]:
    """What the harness did to enactors by a row of `faults.json`, and to which; to none where it was no such fault."""
    tables, number = _tables(run, scenario), fault.get("number")
    table = tables[number] if isinstance(number, int) and number < len(tables) else {}
    what = CUT_OFF if fault["fault"] == "network" else "stopped (SIGSTOP)"
    if fault.get("process") != "harness":
        return what, []
    return what, [enactors[one] for one in table.get("enactors", ()) if one < len(enactors)]


def _tables(run: Run, name: str) -> list[dict[str, Any]]:
    scenario: dict[str, Any] = next((one for one in run.suite["scenarios"] if one["name"] == name), {})
    tables: list[dict[str, Any]] = scenario.get("faults", [])
    return tables


def strikes(
    run: Run, violation: Violation, moments: Moments, reader: Reader, names: Iterable[str], begin_s: float, end_s: float
) -> Iterator[Strike | Stop]:
    """What was in force between two instants, and struck one of these processes or a server."""
    if reader.trial is None:
        return
    tables = _tables(run, violation.scenario)
    concerned = [name for name in dict.fromkeys(names) if name in reader.events.enactors]
    for fault in moments.faults:
        if not isinstance(fault.get("start_ns"), int):
            continue
        cell, _, process = str(fault.get("process", "")).rpartition(".")
        number = fault.get("number")
        table = tables[number] if isinstance(number, int) and number < len(tables) else {}
        from_s = reader.seconds(fault["start_ns"])
        to_s = reader.seconds(fault.get("end_ns") or fault["start_ns"])
        if (to_s >= begin_s or fault["fault"] == "skew") and from_s <= end_s and cell in ("", violation.cell):
            what, struck = victims(run, violation.scenario, fault, reader.events.enactors)
            yield from (Stop(name, what, from_s, to_s) for name in struck if name in concerned)
            yield from _told(fault, table, process, concerned, (max(from_s, begin_s), from_s, to_s))


def _told(
    fault: dict[str, Any],
    table: dict[str, Any],
    process: str,
    concerned: list[str],
    when: tuple[float, float, float],
) -> Iterator[Strike]:
    shown_s, from_s, to_s = when
    kind, mode = str(fault["fault"]), str(table.get("mode", ""))
    name = process.removesuffix("-proxy").partition("+")[0]
    if kind == "skew" and name in concerned:
        ahead_ms = float(fault.get("asked_ms") or 0)
        words = f"the clock of {name} is {abs(ahead_ms):g} ms {'ahead' if ahead_ms >= 0 else 'behind'}"
        yield Strike(kind, name, "lease", words, shown_s, shown_s)
    elif process.endswith("-proxy") and name in concerned:
        words = PROXIED.get(mode, "the fault network strikes {name}").format(name=name)
        yield Strike(kind, name, "store", words, from_s, to_s)
    elif process == "harness" and "enactors" not in table and kind not in INSIDE:
        server = "store" if table.get("server") == "store" else "lease"
        words = f"{SERVERS[server]} {SUFFERED.get(kind, f'suffers the fault {kind}')}"
        yield Strike(kind, None, server, words, from_s, from_s if kind in INSTANT else to_s)
