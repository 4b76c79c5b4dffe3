"""Executes operations one after the other: the one place where each is timed and journalled."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns, sleep
from typing import Any, TypeVar

from bench.faults import Strike
from bench.suite import Load
from enactors.operations import (
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
from enactors.plan import CELL_LEASE, Cell
from enactors.store.keys import Keys
from enactors.store.redis_store import RedisStore
from enactors.store.wire import ReplyUnknown, Wire
from leases.guard import Guard
from leases.lease import Lease
from leases.manager import Library
from results import journal
from results.journal import CELL_RESOURCE, NO_ENDPOINT, REASON_NUMBERS, Journal, Kind

Carried = TypeVar("Carried")
Step = tuple[Kind, Callable[[Any, int], Any]]
"""What a record of an operation says that it is, and how it is done (given its attempt number)."""


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


class Executor:
    """Drives programs: times and journals each operation, and sends its result back."""

    def __init__(self, spec: ProcessSpec, journal_path: Path) -> None:
        self.spec = spec
        self.wire = Wire(spec.url, spec.timeout_s)
        self.store = RedisStore(self.wire, spec.keys, spec.cell, spec.name)
        self.journal = Journal(journal_path)
        self._attempt = 0
        self._due_ns = 0
        self._service_ns = 0
        self.numbers = {name: number for number, name in enumerate(spec.cell.endpoints)}
        self.numbers[CELL_LEASE] = CELL_RESOURCE
        self._library: Library | None = None
        library = spec.guard.library
        if library is not None:
            self._library = library.connect(spec.url, spec.timeout_s)
        self.steps: dict[type[Any], Step] = {
            RenewLease: (Kind.RENEW, lambda step, attempt: self.store.renew(step.lease, attempt)),
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
        end = perf_counter_ns()
        self.journal.end(end, self._service_ns or end - start, *_numbers(result))
        return result

    def close(self) -> None:
        """Close journal and connections."""
        self.journal.close()
        self.wire.close()
        if self._library is not None:
            self._library.close()

    def _library_step(self, step: Operation) -> Step | None:
        """A library's call is journalled as the operation of our own that it stands for."""
        return (self.steps[type(step.call)][0], self._call_library) if type(step) is CallLibrary else None

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
