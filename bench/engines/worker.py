"""The child's side of the engine `processes`: one process, one program.

Every operation passes through `Worker.execute`: there it is timed, journalled and, where a fault says so,
stopped or delayed at that boundary.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import log
from pathlib import Path
from random import Random
from secrets import token_hex
from time import perf_counter_ns, sleep
from typing import Any, TypeVar

from bench.engines.tether import die_with_parent
from bench.faults import Action, Boundary, Delay, Pause, Strike, Victim
from bench.suite import Arrivals, Load
from enactors.enactor import CELL_LEASE, Enactor, EnactorState
from enactors.operations import (
    UNKNOWN,
    AcquireLease,
    AwaitDue,
    AwaitPlan,
    Belief,
    CallLibrary,
    Commit,
    DeletePlan,
    Done,
    Finish,
    ListPlans,
    Operation,
    Outcome,
    Plans,
    Program,
    Publish,
    ReadEndpoint,
    Reason,
    Refused,
    RegisterFence,
    ReleaseLease,
    RenewLease,
    Sleep,
    StartRenewal,
    StopRenewal,
    ValidateLease,
    Withdraw,
    Work,
)
from enactors.plan import Cell
from enactors.planner import PlannerState, publish_next
from enactors.store.keys import Keys
from enactors.store.redis_store import RedisStore
from enactors.store.wire import ReplyUnknown, ServerDown, Wire
from leases.guard import Guard
from leases.lease import Lease
from leases.manager import Library
from leases.renewal import keep_alive
from results import journal
from results.journal import CELL_RESOURCE, NO_ENDPOINT, Journal, Kind, Live, State

Carried = TypeVar("Carried")
STOP_CHECK_MS = 50
"""How long a wait goes on before it looks whether the load is over."""
SPIN_NS = 500_000
REASON_NUMBERS = {reason: number for number, reason in enumerate(Reason, start=1)}


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """All that one process needs to know."""

    name: str
    url: str
    keys: Keys
    cell: Cell
    guard: Guard
    load: Load
    strikes: tuple[Strike, ...]
    seed: int
    journal: Path
    cpus: tuple[int, ...]
    timeout_s: float
    enactor: int | None = None
    """The enactor's number; None for the planner."""


def main(spec: ProcessSpec, control: Any) -> None:
    """Be one process of a trial: get ready, wait for the agreed instant, drive the program until told to stop."""
    die_with_parent(os.getppid())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        if spec.cpus and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, spec.cpus)
        worker = Worker(spec, control)
        control.send(("ready", os.getpid(), affinity()))
        order = control.recv()
        if order[0] == "start":
            wait_until(order[1])
            worker.work()
        worker.close()
        control.send(("done",))
    except (EOFError, BrokenPipeError):
        return
    except Exception as error:  # noqa: BLE001  (whatever it is, the supervisor must hear of it)
        control.send(("failed", f"{type(error).__name__}: {error}"))


def affinity() -> list[int] | None:
    """The cores on which this process may run; None where the system does not say."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def wait_until(start_ns: int) -> None:
    """Sleep until shortly before `start_ns`, then spin: processes begin within 0.1 ms of each other."""
    while (left := start_ns - perf_counter_ns()) > 0:
        if left > SPIN_NS:
            sleep((left - SPIN_NS) / 1e9)


def due_times(arrivals: Arrivals, rng: Random) -> Iterator[int]:
    """Nanoseconds from the start of the load at which plans are due, without end."""
    gap_ns = 1e9 / arrivals.rate_per_s
    due = 0.0
    while True:
        if arrivals.arrivals == "poisson":
            due += rng.expovariate(1.0) * gap_ns
            yield int(due)
        elif arrivals.arrivals == "steady":
            due += gap_ns
            yield int(due)
        else:
            due += gap_ns * arrivals.burst_size
            for _ in range(arrivals.burst_size):
                yield int(due)


class Executor:
    """Drives programs: times and journals each operation, and sends its result back."""

    def __init__(self, spec: ProcessSpec, journal_path: Path, name: str) -> None:
        self.spec = spec
        self.wire = Wire(spec.url, spec.timeout_s)
        self.store = RedisStore(self.wire, spec.keys, spec.cell, name)
        self.store.load_scripts()
        self.journal = Journal(journal_path)
        self._attempt = 0
        self._due_ns = 0
        self._service_ns = 0
        self._numbers = {name: number for number, name in enumerate(spec.cell.endpoints)}
        self._numbers[CELL_LEASE] = CELL_RESOURCE
        self._library: Library | None = None
        library = spec.guard.library
        if library is not None:
            self._library = library.connect(spec.url, spec.timeout_s)
        self.steps: dict[type[Any], tuple[Kind, Callable[[Any, int], Any]]] = {
            RenewLease: (Kind.RENEW, lambda step, attempt: self.store.renew(step.lease, attempt)),
            CallLibrary: (Kind.RENEW, self._call_library),
        }
        self.quiet: dict[type[Any], Callable[[Any], Any]] = {Sleep: self._sleep}

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
        """Execute one operation: the one place through which every one of them passes."""
        known = self.steps.get(type(step))
        if known is None:
            return self.quiet[type(step)](step)
        kind, run = known
        if kind is Kind.RENEW and type(step) is CallLibrary:
            kind = LIBRARY_KINDS[type(step.call)]
        attempt = self._attempt = self._attempt + 1
        lease: Lease | None = getattr(getattr(step, "call", step), "lease", None)
        self._service_ns = 0
        start = perf_counter_ns()
        self.journal.begin(
            kind,
            start,
            self._due_ns,
            attempt,
            getattr(step, "version", 0),
            lease.grant if lease else 0,
            self._numbers.get(self._place(step, lease), NO_ENDPOINT),
        )
        try:
            result = run(step, attempt)
        except ReplyUnknown:
            result = UNKNOWN
        end = perf_counter_ns()
        self.journal.end(end, self._service_ns or end - start, *_numbers(result))
        return result

    def close(self) -> None:
        """Close journal and connections."""
        self.journal.close()
        self.wire.close()
        if self._library is not None:
            self._library.close()

    @staticmethod
    def _place(step: Any, lease: Lease | None) -> str:
        if lease is not None and not hasattr(step, "endpoint"):
            return lease.resource
        step = getattr(step, "call", step)
        place: str = getattr(step, "endpoint", "") or getattr(step, "resource", "")
        return place

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


LIBRARY_KINDS: dict[type[Any], Kind] = {
    AcquireLease: Kind.ACQUIRE,
    RenewLease: Kind.RENEW,
    ReleaseLease: Kind.RELEASE,
    ValidateLease: Kind.VALIDATE,
}


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
