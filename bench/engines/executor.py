"""Executes operations one after the other: the one place where each is timed, journalled and struck by faults.

Where a fault says so, the process is stopped, killed or held up at the boundary of an operation.
"""

import os
import signal
import threading
from collections.abc import Callable
from random import Random
from time import perf_counter_ns, sleep
from typing import Any, NoReturn, TypeVar

from leasebench.bench.engines.explorer.programs import QUIET
from leasebench.bench.engines.gate import Gate
from leasebench.bench.engines.spec import ProcessSpec, Role
from leasebench.bench.faults import Action, Boundary, Delay, Kill, Pause, Thread, Victim
from leasebench.enactors.operations import (
    UNKNOWN,
    AcquireLease,
    CallLibrary,
    Done,
    Operation,
    Outcome,
    Program,
    Reason,
    Refused,
    ReleaseLease,
    RenewLease,
    Sleep,
)
from leasebench.enactors.plan import CELL_LEASE
from leasebench.enactors.store.redis_store import RedisStore
from leasebench.enactors.store.wire import ReplyUnknown, ServerDown, Wire
from leasebench.leases.lease import Lease
from leasebench.leases.manager import Library
from leasebench.results import journal
from leasebench.results.journal import CELL_RESOURCE, NO_ENDPOINT, REASON_NUMBERS, Journal, Kind

Carried = TypeVar("Carried")
Step = tuple[Kind, Callable[[Any, int], Any]]
"""What a record of an operation says that it is, and how it is done (given its attempt number)."""
ATTEMPTS_OF_A_LIFE = 1 << 32
"""Attempt numbers of a process that took the place of a killed one begin that much higher."""
AFTER_OUTAGE_S = 0.002
"""Before a process goes on without the answer of a server that is away."""


class Line:
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
    """Drives programs: times and journals each operation, and sends its result back."""

    def __init__(self, spec: ProcessSpec, thread: Thread, line: Line, gate: Gate | None = None) -> None:
        self.spec = spec
        self.gate = gate
        self._thread, self._line = thread, line
        timeout_s, retries = spec.load.timeout_ms / 1000, spec.load.client_retries
        self.wire = Wire(spec.url, timeout_s, retries)
        self.store = RedisStore(self.wire, spec.keys, spec.cell, spec.name)
        self.leases = self.store
        if spec.lease_url != spec.url:
            self.leases = RedisStore(Wire(spec.lease_url, timeout_s, retries), spec.keys, spec.cell, spec.name)
        self.journal = Journal(spec.journal("-renewer" if thread is Thread.RENEWER else ""))
        self._attempt = spec.life * ATTEMPTS_OF_A_LIFE
        self._due_ns = 0
        self._service_ns = 0
        self._skew_ms = 0.0
        self.numbers = {name: number for number, name in enumerate(spec.cell.endpoints)}
        self.numbers[CELL_LEASE] = CELL_RESOURCE
        self._library: Library | None = None
        library = spec.guard.library
        if library is not None:
            self._library = library.connect(spec.lease_url, timeout_s)
        self.steps: dict[type[Any], Step] = {
            RenewLease: (Kind.RENEW, lambda step, attempt: self.leases.renew(step.lease, attempt)),
        }
        self.quiet: dict[type[Any], Callable[[Any], Any]] = {Sleep: self._sleep}
        self._boundaries = self._arm_faults()

    def drive(self, program: Program[Carried]) -> Carried:
        """Run one activity to its end and return what it carries on."""
        result: Any = None
        try:
            while True:
                result = self.execute(program.send(result))
        except StopIteration as end:
            carried: Carried = end.value
            return carried

    def execute(self, step: Operation) -> Any:
        """Execute one operation, with what the faults do before and after it, or when a schedule says so."""
        gate = self.gate
        if gate is not None and not gate.is_open:
            return self._execute_when_let(gate, step)
        if not self._boundaries:
            return self._execute(step)
        self._strike("before", step)
        result = self._execute(step)
        self._strike("after", step)
        return result

    @property
    def held(self) -> bool:
        """Whether a schedule decides when an operation is done; it then looks once for what it would wait for."""
        return self.gate is not None and not self.gate.is_open

    def calm(self) -> None:
        """From now on no fault strikes here."""
        self._boundaries = []

    def _execute_when_let(self, gate: Gate, step: Operation) -> Any:
        """Execute one operation when the schedule lets it; None if it was withdrawn before. Raises ScheduleOver."""
        if type(step) in QUIET:
            return gate.pass_quietly(step, self._execute)
        order = gate.ask(step)
        if order is None:
            return None
        if order.action == "crash":
            self._die(0, Kill(None), perf_counter_ns())
        self._skew_ms = order.skew_ms
        result = self._execute(step)
        gate.hear(result)
        return result

    def _execute(self, step: Operation) -> Any:
        """Time and journal one operation: the one place through which every one of them passes."""
        known = self.steps.get(type(step)) or self._library_step(step)
        if known is None:
            return self.quiet[type(step)](step)
        kind, run = known
        attempt = self._attempt = self._attempt + 1
        asked = step.call if type(step) is CallLibrary else step
        lease: Lease | None = getattr(asked, "lease", None)
        place: str = getattr(asked, "endpoint", "") or (lease.resource if lease else getattr(asked, "resource", ""))
        self._service_ns = 0
        start = perf_counter_ns()
        self.journal.begin(
            kind,
            start,
            self._due_ns,
            attempt,
            getattr(step, "version", 0),
            lease.grant if lease else 0,
            self.numbers.get(place, NO_ENDPOINT),
        )
        try:
            result = run(step, attempt)
        except ReplyUnknown:
            result = UNKNOWN
        except ServerDown:
            if not self.spec.outages:
                raise
            sleep(AFTER_OUTAGE_S)
            result = UNKNOWN
        end = perf_counter_ns()
        self.journal.end(end, self._service_ns or end - start, *_numbers(result))
        return result

    def close(self) -> None:
        """Close journal and connections."""
        self.journal.close()
        self.wire.close()
        self.leases.wire.close()
        if self._library is not None:
            self._library.close()

    def _library_step(self, step: Operation) -> Step | None:
        """A library's call is journalled as the operation of our own that it stands for."""
        return (self.steps[type(step.call)][0], self._call_library) if type(step) is CallLibrary else None

    def _arm_faults(self) -> list[tuple[int, Boundary]]:
        spec = self.spec
        if spec.role is not Role.ENACTOR:
            return []
        victim = Victim(spec.process, spec.enactor, spec.ttl_ms, self._thread)
        armed = []
        for number, strike in enumerate(spec.strikes):
            rng = Random(f"{spec.seed} {spec.life} {self._thread} {number}")
            boundary = strike.boundary(victim, rng) if strike is not None else None
            if boundary is not None:
                armed.append((number, boundary))
        return armed

    def _strike(self, side: str, step: Operation) -> None:
        for number, boundary in self._boundaries:
            action = boundary(side, step)
            if action is not None:
                self._suffer(number, action)

    def _suffer(self, number: int, action: Action) -> None:
        """Do what a fault asks, and journal it: `attempt` is the fault's number, `seen` the asked microseconds."""
        start = perf_counter_ns()
        if isinstance(action, Kill):
            self._die(number, action, start)
        kind = {Pause: Kind.PAUSE, Delay: Kind.DELAY}.get(type(action), Kind.FAULT)
        self.journal.begin(kind, start, 0, number, 0, 0, NO_ENDPOINT)
        if isinstance(action, Pause):
            self._line.say("paused", action.ms, self.numbers.get(action.until_checked or ""))
            # To this thread: it stops on return from the call, and the whole process with it.
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
            self._line.say("resumed")
        elif isinstance(action, Delay):
            self._hold(action.ms)
        else:
            self._skew_ms = action.ms
        end = perf_counter_ns()
        self.journal.end(end, end - start, int(action.ms * 1000), 0, journal.Outcome.DONE, 0)

    def _hold(self, ms: float) -> None:
        """Hold this thread up."""
        sleep(ms / 1000)

    def _die(self, number: int, action: Kill, start: int) -> NoReturn:
        """Say so and go. The record is complete before: nothing can be written after."""
        self._line.last_word("dies", action.restart_ms)
        self.journal.begin(Kind.KILL, start, 0, number, 0, 0, NO_ENDPOINT)
        end = perf_counter_ns()
        self.journal.end(end, end - start, int((action.restart_ms or 0.0) * 1000), 0, journal.Outcome.DONE, 0)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("SIGKILL was survived")

    def _sleep(self, step: Sleep) -> None:
        sleep(step.ms / 1000)

    def _call_library(self, step: CallLibrary, attempt: int) -> Lease | Outcome | None:
        assert self._library is not None
        call = step.call
        if isinstance(call, AcquireLease):
            key = self.spec.keys.lease(call.resource)
            token = self._library.acquire(key, call.ttl_ms, call.wait)
            return None if token is None else Lease(call.resource, token, None, attempt, call.ttl_ms)
        key = self.spec.keys.lease(call.lease.resource)
        if isinstance(call, RenewLease):
            stands = self._library.renew(key)
        elif isinstance(call, ReleaseLease):
            stands = self._library.release(key)
        else:
            stands = self._library.validate(key)
        return Done() if stands else Refused(Reason.LEASE_LOST)


def _numbers(result: Any) -> tuple[int, int, int, int]:
    """A result as the journal keeps it: seen, fence, outcome, reason."""
    if isinstance(result, Done):
        return result.previous, 0, journal.Outcome.DONE, 0
    if isinstance(result, Refused):
        return result.previous, 0, journal.Outcome.REFUSED, REASON_NUMBERS[result.reason]
    if isinstance(result, Lease):
        return 0, result.fence or 0, journal.Outcome.DONE, 0
    if result is UNKNOWN:
        return 0, 0, journal.Outcome.UNKNOWN, 0
    if result is None:
        return 0, 0, journal.Outcome.NOTHING, 0
    return (result if isinstance(result, int) else 0), 0, journal.Outcome.DONE, 0
