"""The processes of one schedule: real ones, each held at its gates, let go one operation at a time."""

import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import wait
from time import perf_counter_ns
from typing import Any, Self

from leasebench.bench.engines.forkserver import running_forkserver, undisturbed
from leasebench.bench.engines.gate import Order, Report
from leasebench.bench.engines.member import Member
from leasebench.bench.engines.processes import MAX_LIVES, ProcessFailed, ending
from leasebench.bench.engines.processes import Report as Seen
from leasebench.bench.engines.schedule.heldwire import HeldWire
from leasebench.bench.engines.spec import ProcessSpec, Role
from leasebench.enactors.operations import Operation, StartRenewal, StopRenewal
from leasebench.results.journal import Live, State

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
        self._members: dict[str, Member] = {}
        self._asks: dict[str, Operation | None] = {}
        self._renewing: set[str] = set()
        """The renewers whose enactors let them begin, and neither stopped them nor saw them end."""
        self._context: Any = None

    def __enter__(self) -> Self:
        try:
            self._context = running_forkserver()
            for spec in self._specs:
                self._members[spec.name] = self._born(spec)
            for member in self._members.values():
                self._await_ready(member)
            start = self._seen.start_ns = perf_counter_ns()
            for name in self._members:
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
        return frozenset(self._members)

    def asks(self, actor: str) -> Operation | None:
        """What a program asks for at its gate; None for a renewer with nothing to renew. Raises ProcessFailed."""
        if not actor.endswith(RENEWER_SUFFIX):
            return self._asks[actor]
        self._catch_up(actor)
        if actor in self._renewing and self._asks.get(actor) is None:
            self._take_in(actor, self._heard(actor))  # its thread may not have come to its gate yet
        return self._asks.get(actor)

    def let(self, actor: str, skew_ms: float = 0.0) -> Report:
        """Let a program do what it asks for, and wait until it asks again. Raises ProcessFailed."""
        self._tell(actor, Order("step", skew_ms))
        report = self._heard(actor)
        self._take_in(actor, report)
        if report.asks is None:
            self._renewing.discard(actor)
        return report

    def crash(self, actor: str) -> Report:
        """Kill a process (SIGKILL) and start its successor. Returns what that one says first. Raises ProcessFailed."""
        member = self._members[actor]
        if member.spec.life + 1 >= MAX_LIVES:
            raise ProcessFailed(f"{actor} was killed {MAX_LIVES} times, this is the bound")
        self._tell(actor, Order("crash"))
        member.process.join(HEARD_WITHIN_S)
        if member.process.is_alive():
            raise ProcessFailed(f"{actor} was to die, and lived on for {HEARD_WITHIN_S:.0f} s")
        member.end()
        self._asks.pop(actor + RENEWER_SUFFIX, None)
        self._renewing.discard(actor + RENEWER_SUFFIX)
        member = self._members[actor] = self._born(replace(member.spec, life=member.spec.life + 1))
        self._await_ready(member)
        return self._begin(actor, self._seen.start_ns)

    def set_free(self, last: int, settle_s: float) -> None:
        """Open every enactor's gates, and wait until all have seen plan `last` in force, at most `settle_s`."""
        enactors = [member for member in self._members.values() if member.spec.role is Role.ENACTOR]
        for member in enactors:
            for line in member.gates:
                line.send(Order("free"))
        deadline = time.monotonic() + settle_s
        while time.monotonic() < deadline and not all(_at_rest(member, last) for member in enactors):
            self._look(enactors, LOOK_EVERY_S)
        for member in enactors:
            member.control.send(("stop",))

    def stop(self) -> None:
        """End every program where it stands, and wait until all have said goodbye. Raises ProcessFailed."""
        for member in self._members.values():
            with suppress(OSError):  # one that was set free may have ended already
                member.gates[WORKER].send(Order("over"))
        deadline = time.monotonic() + STOP_WITHIN_S
        while not all(member.done for member in self._members.values()):
            if time.monotonic() > deadline:
                raise ProcessFailed(f"a process did not stop within {STOP_WITHIN_S:.0f} s")
            self._look([member for member in self._members.values() if not member.done], LOOK_EVERY_S)

    def _born(self, spec: ProcessSpec) -> Member:
        with undisturbed():
            return Member(self._context, spec, gates=2)

    def _await_ready(self, member: Member) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while not member.ready:
            if time.monotonic() > deadline:
                raise ProcessFailed(f"{member.spec.name} was not ready within {READY_WITHIN_S:.0f} s")
            self._look([member], LOOK_EVERY_S)

    def _begin(self, actor: str, start_ns: int) -> Report:
        self._members[actor].control.send(("start", start_ns))
        report = self._heard(actor)
        self._take_in(actor, report)
        return report

    def _take_in(self, actor: str, report: Report) -> None:
        """Note what a program asks for by now, and whether it let its renewer begin or end."""
        self._asks[actor] = report.asks
        for operation in report.quiet:
            if isinstance(operation, StartRenewal):
                self._renewing.add(actor + RENEWER_SUFFIX)
            elif isinstance(operation, StopRenewal):
                self._renewing.discard(actor + RENEWER_SUFFIX)

    def _line(self, actor: str) -> tuple[Member, Any]:
        member = self._members[actor.removesuffix(RENEWER_SUFFIX)]
        return member, member.gates[RENEWER if actor.endswith(RENEWER_SUFFIX) else WORKER]

    def _tell(self, actor: str, order: Order) -> None:
        member, line = self._line(actor)
        try:
            line.send(order)
        except OSError:
            raise self._ended(member) from None

    def _catch_up(self, actor: str) -> None:
        """Take in what a renewer has said since: what its enactor made it say is here before that one asks again."""
        _, line = self._line(actor)
        while line.poll(0):
            self._take_in(actor, line.recv())

    def _heard(self, actor: str) -> Report:
        """Wait for what a program says, and move the wires meanwhile. Raises ProcessFailed."""
        member, line = self._line(actor)
        deadline = time.monotonic() + HEARD_WITHIN_S
        while not line.poll(0):
            if time.monotonic() > deadline:
                raise ProcessFailed(f"{actor} did not come to its gate within {HEARD_WITHIN_S:.0f} s")
            self._look([member], LOOK_EVERY_S, (line,))
        try:
            report: Report = line.recv()
        except (EOFError, OSError):
            raise self._ended(member) from None
        return report

    def _look(self, members: Collection[Member], within_s: float, lines: Sequence[Any] = ()) -> None:
        """Wait for news, at most `within_s`; move the wires. Raises ProcessFailed if a process ended by itself."""
        controls = {member.control: member for member in members}
        sentinels = {member.process.sentinel: member for member in members}
        sources = [source for wire in self._wires.values() for source in wire.sources()]
        ready = wait([*controls, *sentinels, *lines, *sources], within_s)
        for wire in self._wires.values():
            wire.move(ready)
        for control in controls.keys() & set(ready):
            self._hear(controls[control])
        for sentinel in sentinels.keys() & set(ready):
            member = sentinels[sentinel]
            if not member.done and not member.control.poll(0):
                raise self._ended(member)

    def _hear(self, member: Member) -> None:
        try:
            news = member.control.recv()
        except (EOFError, OSError):
            raise self._ended(member) from None
        if news[0] == "ready":
            member.watch()
            process = {"name": member.spec.process, "life": member.spec.life, "pid": news[1], "affinity": news[2]}
            self._seen.processes.append(process)
        elif news[0] == "done":
            member.done = True
        elif news[0] == "failed":
            raise ProcessFailed(f"{member.spec.name}: {news[1]}")

    @staticmethod
    def _ended(member: Member) -> ProcessFailed:
        member.process.join(STOP_WITHIN_S)
        return ProcessFailed(f"{member.spec.name} {ending(member.process.exitcode)}")

    def _end(self) -> None:
        for member in self._members.values():
            if not member.ended and member.process.is_alive():
                member.process.kill()
        for member in self._members.values():
            member.end()


def _at_rest(member: Member, last: int) -> bool:
    """Whether an enactor has seen the last plan in force, and waits for another one."""
    return member.show(Live.STATE) == State.IDLE and member.show(Live.VERSION) >= last
