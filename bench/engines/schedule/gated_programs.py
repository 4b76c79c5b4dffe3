"""The programs of one schedule: each waits at its gate, and is let go one operation at a time."""

import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from time import perf_counter_ns

from leasebench.bench.engines.processes.child import Child
from leasebench.bench.engines.processes.gate import Arrival, Order
from leasebench.bench.engines.processes.local_supervisor import LocalSupervisor, failure_of
from leasebench.bench.engines.processes.supervisor import STOP_WITHIN_S, ProcessFailed
from leasebench.enactors.kind import Ends
from leasebench.leases.operations import Operation, StartRenewal, StopRenewal

ARRIVES_WITHIN_S = 15.0
"""How long one operation may take at most; it takes about a millisecond."""
READY_WITHIN_S = 20.0
ATTEND_EVERY_S = 0.01
GATES = 2
"""The gates of one process: its worker's and its renewer's."""
WORKER, RENEWER = range(GATES)
RENEWER_SUFFIX = "-renewer"


class GatedPrograms:
    """Starts the programs of a supervisor's processes, and knows what each asks for, by the name of its process."""

    def __init__(self, supervisor: LocalSupervisor) -> None:
        self._supervisor = supervisor
        self._asks: dict[str, Operation | None] = {}
        self._renewing: set[str] = set()
        """The renewers that run: their enactors started them, have not stopped them, and they have not ended."""
        start = supervisor.report.start_ns = perf_counter_ns()
        supervisor.send(("start", start), *Ends)
        for name in self.actors:
            self._next_arrival(name)

    @property
    def actors(self) -> frozenset[str]:
        """The names of the processes."""
        return frozenset(child.spec.name for child in self._supervisor.children)

    def asks(self, actor: str) -> Operation | None:
        """What a program asks for at its gate; None for a renewer with nothing to renew. Raises ProcessFailed."""
        if not actor.endswith(RENEWER_SUFFIX):
            return self._asks[actor]
        self._catch_up(actor)
        if actor in self._renewing and self._asks.get(actor) is None:
            self._next_arrival(actor)  # its thread may not have come to its gate yet
        return self._asks.get(actor)

    def let(self, actor: str, skew_ms: float = 0.0) -> Arrival:
        """Let a program do what it asks for, and wait until it asks again. Raises ProcessFailed."""
        self._order(actor, Order("step", skew_ms))
        arrival = self._next_arrival(actor)
        if arrival.asks is None:
            self._renewing.discard(actor)
        return arrival

    def crash(self, actor: str) -> Arrival:
        """Kill a process (SIGKILL) and start its successor. Returns its first arrival. Raises ProcessFailed."""
        child = self._child(actor)
        self._order(actor, Order("crash"))
        child.process.join(ARRIVES_WITHIN_S)
        if child.process.is_alive():
            raise ProcessFailed(f"{actor} was to die, and lived on for {ARRIVES_WITHIN_S:.0f} s")
        self._asks.pop(actor + RENEWER_SUFFIX, None)
        self._renewing.discard(actor + RENEWER_SUFFIX)
        successor = self._supervisor.replace(child)
        self._supervisor.until(lambda: successor.ready, READY_WITHIN_S, f"{actor} was not ready")
        return self._next_arrival(actor)

    def set_free(self, last: int, settle_s: float) -> None:
        """Open every enactor's gates, and wait until all have seen plan `last` in force, at most `settle_s`."""
        enactors = [child for child in self._supervisor.children if child.spec.kind == "enactor"]
        for child in enactors:
            for line in child.gates:
                line.send(Order("free"))
        self._attend_until(lambda: all(child.settled(last) for child in enactors), settle_s)
        for child in enactors:
            child.send(("stop",))

    def stop(self) -> None:
        """End every program where it stands, and wait until all have said goodbye. Raises ProcessFailed."""
        children = self._supervisor.children
        for child in children:
            with suppress(OSError):  # one that was set free may have ended already
                child.gates[WORKER].send(Order("over"))
        self._supervisor.until(lambda: all(child.done for child in children), STOP_WITHIN_S, "a process did not stop")

    def _next_arrival(self, actor: str) -> Arrival:
        """Wait until a program comes to its gate, and note what it says. Raises ProcessFailed."""
        child, line = self._child(actor), self._line(actor)
        if not self._attend_until(lambda: line.poll(0), ARRIVES_WITHIN_S, line):
            raise ProcessFailed(f"{actor} did not come to its gate within {ARRIVES_WITHIN_S:.0f} s")
        try:
            arrival: Arrival = line.recv()
        except (EOFError, OSError):
            raise failure_of(child) from None
        self._note(actor, arrival)
        return arrival

    def _note(self, actor: str, arrival: Arrival) -> None:
        """Note what a program asks for by now, and whether it let its renewer begin or end."""
        self._asks[actor] = arrival.asks
        for operation in arrival.local:
            if isinstance(operation, StartRenewal):
                self._renewing.add(actor + RENEWER_SUFFIX)
            elif isinstance(operation, StopRenewal):
                self._renewing.discard(actor + RENEWER_SUFFIX)

    def _catch_up(self, actor: str) -> None:
        """Note what a renewer has said since. What its enactor made it say arrives before the enactor asks again."""
        line = self._line(actor)
        while line.poll(0):
            self._note(actor, line.recv())

    def _order(self, actor: str, order: Order) -> None:
        try:
            self._line(actor).send(order)
        except OSError:
            raise failure_of(self._child(actor)) from None

    def _attend_until(self, reached: Callable[[], bool], within_s: float, *lines: Connection) -> bool:
        deadline = time.monotonic() + within_s
        while not reached():
            if time.monotonic() > deadline:
                return False
            self._supervisor.attend(ATTEND_EVERY_S, lines)
        return True

    def _child(self, actor: str) -> Child:
        name = actor.removesuffix(RENEWER_SUFFIX)
        return next(child for child in self._supervisor.children if child.spec.name == name)

    def _line(self, actor: str) -> "Connection":
        line: Connection = self._child(actor).gates[RENEWER if actor.endswith(RENEWER_SUFFIX) else WORKER]
        return line
