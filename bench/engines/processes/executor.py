"""Executes the operations of one program: the one place where each is timed, journalled and met by faults.

Where a fault says so, the process is stopped, killed or held up at the boundary of an operation.
"""

import logging
import os
import signal
import threading
from collections.abc import Callable
from random import Random
from time import perf_counter_ns, sleep
from typing import Any, NoReturn

from leasebench.bench.engines.processes.client import ProcessClient
from leasebench.bench.engines.processes.gate import OperationGate
from leasebench.bench.engines.processes.spec import ProcessSpec
from leasebench.bench.faults.fault import Action, Boundary, Delay, Kill, Pause, Thread, Victim
from leasebench.bench.hosts.clock import own_clock
from leasebench.enactors.kind import NoObserver, Observer
from leasebench.enactors.operations import Work
from leasebench.leases.errors import ReplyUnknown, ServerDown
from leasebench.leases.foreign.process import signal_groups
from leasebench.leases.lease import CELL_LEASE, Lease
from leasebench.leases.operations import Operation
from leasebench.leases.outcome import UNKNOWN, Done, Reason, Refused
from leasebench.results.evidence.journal import Journal
from leasebench.results.record.journal import CELL_RESOURCE, NO_ENDPOINT, RowKind, RowOutcome
from leasebench.results.record.lock_writes import token_digest
from leasebench.results.record.process import RENEWER

logger = logging.getLogger(__name__)

ATTEMPTS_OF_A_LIFE = 1 << 32
"""Attempt numbers of a process that took the place of a killed one begin that much higher."""
AFTER_OUTAGE_S = 0.002
"""Before a process goes on without the answer of a server that is away."""
NOT_JOURNALLED = 0
# Looked up once: an enum's member costs 60 ns each time (Python 3.11).
_DONE, _REFUSED = int(RowOutcome.DONE), int(RowOutcome.REFUSED)
_UNKNOWN, _NOTHING = int(RowOutcome.UNKNOWN), int(RowOutcome.NOTHING)


class ControlLine:
    """The process's line to its supervisor: any thread may speak, one at a time."""

    def __init__(self, control: Any) -> None:
        self._control = control
        self._lock = threading.Lock()

    def say(self, *message: Any) -> None:
        """Send a message."""
        with self._lock:
            self._control.send(message)

    def last_word(self, *message: Any) -> None:
        """Send a message; no thread can speak after it, so that none is cut off in the middle."""
        self._lock.acquire()
        self._control.send(message)


class Executor:
    """Executes operations on `client`: times and journals each, and tells the observer what came of it.

    `faults_are_over` is asked before a fault acts; `hold` holds this thread up for so many seconds, for a fault;
    `first_attempt` is what its attempt numbers follow.
    """

    def __init__(
        self,
        spec: ProcessSpec,
        thread: Thread,
        line: ControlLine,
        client: ProcessClient,
        faults_are_over: Callable[[], bool],
        *,
        gate: OperationGate | None = None,
        hold: Callable[[float], Any] = sleep,
        first_attempt: int = 0,
    ) -> None:
        self.spec, self.client, self.gate = spec, client, gate
        self._thread, self._line, self._hold = thread, line, hold
        self._faults_are_over = faults_are_over
        client.attempt = spec.life * ATTEMPTS_OF_A_LIFE + first_attempt
        part = RENEWER if thread is Thread.RENEWER else ""
        self.journal = Journal(spec.journal(part), spec.identity(part), own_clock())
        self.observer: Observer = NoObserver()
        self.numbers = {name: number for number, name in enumerate(spec.cell.endpoints)}
        self.numbers[CELL_LEASE] = CELL_RESOURCE
        self._kinds: dict[type[Operation], int] = {}
        """How operations are journalled, by type; filled as they are met."""
        if spec.load.work.median_ms == 0:
            self._kinds[Work] = NOT_JOURNALLED
        self._service_ns = 0
        self._opaque = spec.library is not None
        self._boundaries = self._arm_faults()
        if client.foreign is not None:
            client.foreign.listener = self

    def execute(self, operation: Operation) -> Any:
        """Execute one operation, with what the faults do before and after it, or when a schedule says so."""
        gate = self.gate
        if gate is not None and not gate.is_open:
            return self._execute_when_let(gate, operation)
        if not self._boundaries:
            return self._execute(operation)
        self._meet_faults("before", operation)
        result = self._execute(operation)
        self._meet_faults("after", operation)
        return result

    def took(self, service_ns: int) -> None:
        """A foreign lock says how long the present operation took in itself: the rest of it is the way there."""
        self._service_ns = service_ns

    def lost(self, lease: Lease, at_ns: int) -> None:
        """A foreign lock told by itself that a lease is lost."""
        place = self.numbers.get(lease.resource, NO_ENDPOINT)
        self.journal.aside(RowKind.LOST, at_ns, 0, lease.grant, place, self.journal.number_of_reason(Reason.LEASE_LOST))

    def close(self) -> None:
        """Close journal and connections."""
        if self.client.foreign is not None:
            self.client.foreign.hear()
        self.journal.close()
        self.client.close()

    def _execute_when_let(self, gate: OperationGate, operation: Operation) -> Any:
        """Execute one operation when the schedule lets it; None if it was withdrawn before. Raises ScheduleOver."""
        if operation.local:
            return gate.pass_local(operation, self._execute)
        order = gate.ask(operation)
        if order is None:
            return None
        if order.action == "crash":
            self._die(0, Kill(None), perf_counter_ns())
        self.client.skew_ms = order.skew_ms
        result = self._execute(operation)
        gate.receive(result)
        return result

    def _execute(self, operation: Operation) -> Any:
        """Time and journal one operation: the one place through which every one of them passes."""
        client = self.client
        kind = self._kinds.get(type(operation))
        if kind is None:
            kind = self.journal.kind_of(operation.step) if operation.step else NOT_JOURNALLED
            self._kinds[type(operation)] = kind
        if not kind:
            result = operation.perform(client)
            self.observer.performed(operation, result, perf_counter_ns())
            return result
        client.attempt += 1
        lease: Lease | None = getattr(operation, "lease", None)
        place: str = getattr(operation, "endpoint", "") or (
            lease.resource if lease else getattr(operation, "resource", "")
        )
        self._service_ns = 0
        start = client.began_ns = perf_counter_ns()
        self.journal.begin(
            kind,
            start,
            client.due_ns,
            client.attempt,
            getattr(operation, "version", 0),
            lease.grant if lease else 0,
            self.numbers.get(place, NO_ENDPOINT),
        )
        try:
            result = operation.perform(client)
            if result is None and operation.waits:
                result = self._wait_for(operation)
        except ReplyUnknown as error:
            logger.info("%s %s: no reply: %s", operation.step, place, error)
            result = UNKNOWN
        except ServerDown as error:
            logger.info("%s %s: the server is away: %s", operation.step, place, error)
            if not self.spec.outages:
                raise
            sleep(AFTER_OUTAGE_S)
            result = UNKNOWN
        end = perf_counter_ns()
        self.journal.end(end, self._service_ns or end - start, *self._numbers(result))
        self.observer.performed(operation, result, end)
        return result

    def _wait_for(self, operation: Operation) -> Any:
        """Try again until something is there, or its patience is over; a schedule lets it look only once."""
        result, tried = None, 0
        while result is None and (self.gate is None or self.gate.is_open):
            self.observer.waiting(operation)
            if not operation.idle(self.client, tried):
                return None
            tried += 1
            looked = perf_counter_ns()
            result = operation.perform(self.client)
            if operation.served_by_last_look:
                self._service_ns = perf_counter_ns() - looked
        return result

    def _numbers(self, result: Any) -> tuple[int, int, int, int]:
        """A result as the journal keeps it: seen, fence, outcome, reason."""
        if isinstance(result, Done):
            return result.previous, 0, _DONE, 0
        if isinstance(result, Refused):
            return result.previous, 0, _REFUSED, self.journal.number_of_reason(result.reason)
        if isinstance(result, Lease):
            return token_digest(result.token.encode()) if self._opaque else 0, result.fence or 0, _DONE, 0
        if result is UNKNOWN:
            return 0, 0, _UNKNOWN, 0
        if result is None:
            return 0, 0, _NOTHING, 0
        return (result if isinstance(result, int) else 0), 0, _DONE, 0

    def _arm_faults(self) -> list[tuple[int, Boundary]]:
        spec = self.spec
        victim = Victim(
            spec.process.place, spec.kind, spec.number, spec.ttl_ms, self._thread, spec.cell_number, spec.host
        )
        armed = []
        for number, fault in enumerate(spec.faults):
            rng = Random(f"{spec.seed} {spec.life} {self._thread} {number}")
            boundary = fault.armed_in(victim, rng) if fault is not None and fault.aims_at(victim) else None
            if boundary is not None:
                armed.append((number, boundary))
        return armed

    def _meet_faults(self, side: str, operation: Operation) -> None:
        for number, boundary in self._boundaries:
            action = boundary(side, operation)
            if action is None:
                continue
            if self._faults_are_over():
                self._boundaries = []
                return
            self._suffer(number, action)

    def _suffer(self, number: int, action: Action) -> None:
        """Do what a fault asks, and journal it: `attempt` is the fault's number, `seen` the asked microseconds."""
        logger.info("fault %d acts: %s", number, action)
        start = perf_counter_ns()
        if isinstance(action, Kill):
            self._die(number, action, start)
        kind = {Pause: RowKind.PAUSE, Delay: RowKind.DELAY}.get(type(action), RowKind.FAULT)
        self.journal.begin(kind, start, 0, number, 0, 0, NO_ENDPOINT)
        if isinstance(action, Pause):
            self._line.say("paused", action.ms, self.numbers.get(action.until_checked or ""))
            # What is a part of this process is stopped with it; the supervisor resumes both.
            signal_groups(self.client.groups, signal.SIGSTOP)
            # To this thread: it stops on return from the call, and the whole process with it.
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
            self._line.say("resumed")
        elif isinstance(action, Delay):
            self._hold(action.ms / 1000)
        else:
            self.client.skew_ms = action.ms
        end = perf_counter_ns()
        self.journal.end(end, end - start, int(action.ms * 1000), 0, RowOutcome.DONE, 0)

    def _die(self, number: int, action: Kill, start: int) -> NoReturn:
        """Say so and go. The record is complete before: nothing can be written after."""
        self._line.last_word("dies", action.restart_ms)
        self.journal.begin(RowKind.KILL, start, 0, number, 0, 0, NO_ENDPOINT)
        end = perf_counter_ns()
        self.journal.end(end, end - start, int((action.restart_ms or 0.0) * 1000), 0, RowOutcome.DONE, 0)
        signal_groups(self.client.groups, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("SIGKILL was survived")


class JournalNotebook:
    """What a kind shows and notes goes into the process's journal. See `enactors.kind.Notebook`."""

    def __init__(self, executor: Executor, gauges: tuple[str, ...]) -> None:
        self._journal, self._numbers = executor.journal, executor.numbers
        self._gauges = {name: number for number, name in enumerate(gauges)}

    def show(self, gauge: str, value: int) -> None:
        self._journal.show(self._gauges[gauge], value)

    def note(self, step: str, version: int, start_ns: int, *, complete: bool, due_ns: int = 0, seen: int = 0) -> None:
        self._journal.begin(self._journal.kind_of(step), start_ns, due_ns, 0, version, 0, NO_ENDPOINT)
        now_ns = perf_counter_ns()
        came = RowOutcome.DONE if complete else RowOutcome.NOTHING
        self._journal.end(now_ns, now_ns - start_ns, seen, 0, came, 0)

    def endpoint_number(self, endpoint: str) -> int:
        return self._numbers[endpoint]
