"""The processes of one schedule: real ones, each held at its gates, let go one operation at a time."""

import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import wait
from time import perf_counter_ns
from typing import Any, Self

from leasebench.bench.engines.processes.child import Child
from leasebench.bench.engines.processes.gate import Arrival, Order
from leasebench.bench.engines.processes.spec import ProcessSpec
from leasebench.bench.engines.processes.supervisor import MAX_LIVES, ProcessFailed, ending
from leasebench.bench.engines.processes.supervisor import Report as Seen
from leasebench.bench.engines.schedule.heldwire import HeldWire
from leasebench.bench.failure import with_evidence
from leasebench.bench.hosts.forkserver import running_forkserver, undisturbed
from leasebench.leases.operations import Operation, StartRenewal, StopRenewal

READY_WITHIN_S = 20.0
HEARD_WITHIN_S = 15.0
"""How long one operation may take; it takes about a millisecond."""
STOP_WITHIN_S = 5.0
LOOK_EVERY_S = 0.01
WORKER, RENEWER = 0, 1
"""Which gate of a process is whose."""
RENEWER_SUFFIX = "-renewer"


class Cast:
    """A context: at its end no process is left. `wires` are the held ways of those processes that have one, by name."""

    def __init__(self, specs: Sequence[ProcessSpec], seen: Seen, wires: Mapping[str, HeldWire]) -> None:
        self._specs, self._seen, self._wires = specs, seen, wires
        self._children: dict[str, Child] = {}
        self._asks: dict[str, Operation | None] = {}
        self._renewing: set[str] = set()
        """The renewers whose enactors let them begin, and neither stopped them nor saw them end."""
        self._context: Any = None

    def __enter__(self) -> Self:
        try:
            self._context = running_forkserver()
            for spec in self._specs:
                self._children[spec.name] = self._born(spec)
            for child in self._children.values():
                self._await_ready(child)
            start = self._seen.start_ns = perf_counter_ns()
            for name in self._children:
                self._begin(name, start)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    @property
    def actors(self) -> frozenset[str]:
        """The names of the processes."""
        return frozenset(self._children)

    def asks(self, actor: str) -> Operation | None:
        """What a program asks for at its gate; None for a renewer with nothing to renew. Raises ProcessFailed."""
        if not actor.endswith(RENEWER_SUFFIX):
            return self._asks[actor]
        self._catch_up(actor)
        if actor in self._renewing and self._asks.get(actor) is None:
            self._take_in(actor, self._heard(actor))  # its thread may not have come to its gate yet
        return self._asks.get(actor)

    def let(self, actor: str, skew_ms: float = 0.0) -> Arrival:
        """Let a program do what it asks for, and wait until it asks again. Raises ProcessFailed."""
        self._tell(actor, Order("step", skew_ms))
        report = self._heard(actor)
        self._take_in(actor, report)
        if report.asks is None:
            self._renewing.discard(actor)
        return report

    def crash(self, actor: str) -> Arrival:
        """Kill a process (SIGKILL) and start its successor. Returns what that one says first. Raises ProcessFailed."""
        child = self._children[actor]
        if child.spec.life + 1 >= MAX_LIVES:
            raise ProcessFailed(f"{actor} was killed {MAX_LIVES} times, this is the bound")
        self._tell(actor, Order("crash"))
        child.process.join(HEARD_WITHIN_S)
        if child.process.is_alive():
            raise ProcessFailed(f"{actor} was to die, and lived on for {HEARD_WITHIN_S:.0f} s")
        child.end()
        self._asks.pop(actor + RENEWER_SUFFIX, None)
        self._renewing.discard(actor + RENEWER_SUFFIX)
        child = self._children[actor] = self._born(replace(child.spec, life=child.spec.life + 1))
        self._await_ready(child)
        return self._begin(actor, self._seen.start_ns)

    def set_free(self, last: int, settle_s: float) -> None:
        """Open every enactor's gates, and wait until all have seen plan `last` in force, at most `settle_s`."""
        enactors = [child for child in self._children.values() if child.spec.kind == "enactor"]
        for child in enactors:
            for line in child.gates:
                line.send(Order("free"))
        deadline = time.monotonic() + settle_s
        while time.monotonic() < deadline and not all(child.settled(last) for child in enactors):
            self._look(enactors, LOOK_EVERY_S)
        for child in enactors:
            child.control.send(("stop",))

    def stop(self) -> None:
        """End every program where it stands, and wait until all have said goodbye. Raises ProcessFailed."""
        for child in self._children.values():
            with suppress(OSError):  # one that was set free may have ended already
                child.gates[WORKER].send(Order("over"))
        deadline = time.monotonic() + STOP_WITHIN_S
        while not all(child.done for child in self._children.values()):
            if time.monotonic() > deadline:
                raise ProcessFailed(f"a process did not stop within {STOP_WITHIN_S:.0f} s")
            self._look([child for child in self._children.values() if not child.done], LOOK_EVERY_S)

    def _born(self, spec: ProcessSpec) -> Child:
        with undisturbed():
            return Child(self._context, spec, gates=2)

    def _await_ready(self, child: Child) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while not child.ready:
            if time.monotonic() > deadline:
                raise ProcessFailed(f"{child.spec.name} was not ready within {READY_WITHIN_S:.0f} s")
            self._look([child], LOOK_EVERY_S)

    def _begin(self, actor: str, start_ns: int) -> Arrival:
        self._children[actor].control.send(("start", start_ns))
        report = self._heard(actor)
        self._take_in(actor, report)
        return report

    def _take_in(self, actor: str, report: Arrival) -> None:
        """Note what a program asks for by now, and whether it let its renewer begin or end."""
        self._asks[actor] = report.asks
        for operation in report.local:
            if isinstance(operation, StartRenewal):
                self._renewing.add(actor + RENEWER_SUFFIX)
            elif isinstance(operation, StopRenewal):
                self._renewing.discard(actor + RENEWER_SUFFIX)

    def _line(self, actor: str) -> tuple[Child, Any]:
        child = self._children[actor.removesuffix(RENEWER_SUFFIX)]
        return child, child.gates[RENEWER if actor.endswith(RENEWER_SUFFIX) else WORKER]

    def _tell(self, actor: str, order: Order) -> None:
        child, line = self._line(actor)
        try:
            line.send(order)
        except OSError:
            raise self._ended(child) from None

    def _catch_up(self, actor: str) -> None:
        """Take in what a renewer has said since: what its enactor made it say is here before that one asks again."""
        _, line = self._line(actor)
        while line.poll(0):
            self._take_in(actor, line.recv())

    def _heard(self, actor: str) -> Arrival:
        """Wait for what a program says, and move the wires meanwhile. Raises ProcessFailed."""
        child, line = self._line(actor)
        deadline = time.monotonic() + HEARD_WITHIN_S
        while not line.poll(0):
            if time.monotonic() > deadline:
                raise ProcessFailed(f"{actor} did not come to its gate within {HEARD_WITHIN_S:.0f} s")
            self._look([child], LOOK_EVERY_S, (line,))
        try:
            report: Arrival = line.recv()
        except (EOFError, OSError):
            raise self._ended(child) from None
        return report

    def _look(self, childs: Collection[Child], within_s: float, lines: Sequence[Any] = ()) -> None:
        """Wait for news, at most `within_s`; move the wires. Raises ProcessFailed if a process ended by itself."""
        controls = {child.control: child for child in childs}
        sentinels = {child.process.sentinel: child for child in childs}
        sources = [source for wire in self._wires.values() for source in wire.sources()]
        ready = wait([*controls, *sentinels, *lines, *sources], within_s)
        for wire in self._wires.values():
            wire.move(ready)
        for control in controls.keys() & set(ready):
            self._hear(controls[control])
        for sentinel in sentinels.keys() & set(ready):
            child = sentinels[sentinel]
            if not child.done and not child.control.poll(0):
                raise self._ended(child)

    def _hear(self, child: Child) -> None:
        try:
            news = child.control.recv()
        except (EOFError, OSError):
            raise self._ended(child) from None
        if news[0] == "ready":
            child.watch()
            process = {"name": child.spec.process, "life": child.spec.life, "pid": news[1], "affinity": news[2]}
            self._seen.processes.append(process)
        elif news[0] == "done":
            child.done = True
        elif news[0] == "failed":
            raise with_evidence(ProcessFailed(f"{child.spec.name}: {news[1]}"), child.spec.process, news[2])

    @staticmethod
    def _ended(child: Child) -> ProcessFailed:
        child.process.join(STOP_WITHIN_S)
        return ProcessFailed(f"{child.spec.name} {ending(child.process.exitcode)}")

    def _end(self) -> None:
        for child in self._children.values():
            if not child.ended and child.process.is_alive():
                child.process.kill()
        for child in self._children.values():
            child.end()
