"""What the harness has to know of an enactor."""

from collections.abc import Callable
from enum import IntEnum
from typing import Any, Literal

from pydantic import Field

from leasebench.definitions import Definition
from leasebench.enactors.enactor.program import MAX_TRIES, Enactor
from leasebench.enactors.enactor.resuming import EnactorState, Resumption
from leasebench.enactors.kind import (
    CHECKS,
    COMMITS,
    ENDPOINT_BITS,
    RACED_APPLICATIONS,
    STALE,
    Activities,
    Assignment,
    Ends,
    Notebook,
    Observer,
)
from leasebench.enactors.operations import (
    AwaitPlan,
    CheckpointedCommit,
    Commit,
    DeletePlan,
    Finish,
    ListPlans,
    ReadCheckpoint,
    ReadEndpoint,
    RegisterFence,
    ResumePlan,
    Withdraw,
    Work,
)
from leasebench.leases.operations import HearOfLoss, Operation
from leasebench.leases.outcome import Done, Refused

VERSION, ACTIVITY = "version", "activity"
LOOKS_BITS = 32
"""The low bits of an application's `seen`: how often its enactor looked for a plan; above, how often it was woken."""


class Activity(IntEnum):
    """What an enactor is doing, for the gauge `activity`."""

    STARTING = 0
    WORKING = 1
    IDLE = 2


class WorkTime(Definition):
    """How long the record tree of one endpoint takes to build: log-normal, milliseconds; 0 for none."""

    median_ms: float = Field(default=2.0, ge=0, le=60_000)
    """The median; 0 for no work at all."""
    sigma: float = Field(default=0.5, ge=0, le=3)
    """The shape; 0 for always the same."""


class EnactorSettings(Definition):
    """How many enactors a cell has, how long they work, how they learn of new plans, and how they resume."""

    count: int = Field(default=3, ge=1, le=64)
    """How many enactors a cell has."""
    work: WorkTime = WorkTime()
    """How long the records of one endpoint take to build."""
    discover: Literal["told", "polling"] = "told"
    """Whether they are told of a new plan, or look for one."""
    poll_ms: float = Field(default=2.0, gt=0, le=10_000)
    """How often they look, with `polling`."""
    resume: Resumption = Resumption.START_OVER
    """What one does about the plan in whose middle its predecessor was killed."""


class EnactorObserver:
    """Shows what an enactor has done, and notes each whole application as a step of its own."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self._applying_since_ns = 0
        self._raced_version = 0
        self._checks = 0
        self._counts = dict.fromkeys((COMMITS, STALE, RACED_APPLICATIONS), 0)
        self._idle = False
        self._looks = self._wake_ups = self._waits = 0
        self._reactions: dict[type[Operation], Callable[[Any, Any, int], None]] = {
            AwaitPlan: self._discovered,
            ReadEndpoint: self._checked,
            RegisterFence: self._checked,
            Commit: self._committed,
            CheckpointedCommit: self._committed,
            ResumePlan: self._went_on,
            Withdraw: self._withdrew,
            Finish: self._finished,
        }
        notebook.show(ACTIVITY, Activity.WORKING)

    def waiting(self, operation: Operation) -> None:
        if not isinstance(operation, AwaitPlan):
            return
        self._waits += 1
        if not self._idle:
            self._idle = True
            self._notebook.show(ACTIVITY, Activity.IDLE)

    def performed(self, operation: Operation, result: Any, now_ns: int) -> None:
        react = self._reactions.get(type(operation))
        if react is not None:
            react(operation, result, now_ns)

    def carried(self, state: EnactorState) -> None:
        self._notebook.show(VERSION, state.finished)

    def _discovered(self, _operation: AwaitPlan, result: Any, now_ns: int) -> None:
        # A wait that was told to stop was followed by no look.
        wake_ups, self._waits = self._waits - (result is None and self._waits > 0), 0
        self._wake_ups += wake_ups
        self._looks += 1 + wake_ups
        if not isinstance(result, int):
            return
        if self._idle:
            self._idle = False
            self._notebook.show(ACTIVITY, Activity.WORKING)
        # An application begins with its first look: one that picks inside its lease looks again.
        self._applying_since_ns = self._applying_since_ns or now_ns

    def _went_on(self, _operation: ResumePlan, _result: Any, now_ns: int) -> None:
        self._applying_since_ns = now_ns

    def _checked(self, operation: ReadEndpoint | RegisterFence, _result: Any, _now_ns: int) -> None:
        self._checks += 1
        number = self._notebook.endpoint_number(operation.endpoint)
        self._notebook.show(CHECKS, self._checks << ENDPOINT_BITS | number)

    def _committed(self, operation: Commit, result: Any, _now_ns: int) -> None:
        if isinstance(result, Done):
            self._count(COMMITS)
            if result.previous > operation.version:
                self._count(STALE)
                self._raced(operation.version)
        elif isinstance(result, Refused) and result.previous > operation.version:
            self._raced(operation.version)

    def _withdrew(self, operation: Withdraw, _result: Any, _now_ns: int) -> None:
        self._raced(operation.version)

    def _finished(self, operation: Finish, _result: Any, _now_ns: int) -> None:
        searched = self._wake_ups << LOOKS_BITS | self._looks
        self._notebook.note(
            "plan", operation.version, self._applying_since_ns, complete=operation.complete, seen=searched
        )
        self._applying_since_ns = self._looks = self._wake_ups = 0

    def _raced(self, version: int) -> None:
        if version != self._raced_version:
            self._raced_version = version
            self._count(RACED_APPLICATIONS)

    def _count(self, gauge: str) -> None:
        self._counts[gauge] += 1
        self._notebook.show(gauge, self._counts[gauge])


class EnactorKind:
    """Applies plans under a guard until every endpoint of its cell is at the last one."""

    name = "enactor"
    about = "picks a plan, applies it to every endpoint under its guard, then cleans up"
    settings = EnactorSettings
    single = False
    ends = Ends.SETTLED
    gauges = (ACTIVITY, VERSION, COMMITS, STALE, RACED_APPLICATIONS, CHECKS)
    renews = True
    applies = True
    steps = frozenset(
        operation.step
        for operation in (
            AwaitPlan,
            ReadEndpoint,
            RegisterFence,
            Work,
            HearOfLoss,
            Commit,
            Withdraw,
            ListPlans,
            DeletePlan,
            ReadCheckpoint,
            ResumePlan,
        )
    )

    def begin(self, place: Assignment) -> tuple[Activities, EnactorState]:
        # Enactors begin their walks at different endpoints, evenly spaced.
        first = place.number * len(place.cell.endpoints) // place.count
        tries = MAX_TRIES if place.tries is None else place.tries
        enactor = Enactor(place.cell, place.guard, first, tries, place.settings.resume)
        return enactor.next_activity, EnactorState()

    def after_load(self, place: Assignment) -> Activities:
        activities, _ = self.begin(place)
        return activities

    def observer(self, notebook: Notebook) -> Observer:
        return EnactorObserver(notebook)

    def settled(self, gauge: Callable[[str], int], published: int) -> bool:
        return gauge(ACTIVITY) == Activity.IDLE and gauge(VERSION) >= published


PLUGIN = EnactorKind()
