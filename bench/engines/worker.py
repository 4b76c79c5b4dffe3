"""The child's side of the engine `processes`: one process, one program."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from math import log
from random import Random
from secrets import token_hex
from time import perf_counter_ns, sleep, time
from typing import Any

from leasebench.bench.engines.executor import Executor, Line
from leasebench.bench.engines.foreign import told
from leasebench.bench.engines.gate import Gate, ScheduleOver
from leasebench.bench.engines.renewer import Renewer
from leasebench.bench.engines.spec import ProcessSpec, Role
from leasebench.bench.engines.tether import die_with_parent
from leasebench.bench.faults import Thread
from leasebench.bench.suite import Arrivals
from leasebench.enactors.enactor import Enactor, EnactorState
from leasebench.enactors.operations import (
    AcquireLease,
    AwaitDue,
    AwaitPlan,
    Belief,
    Commit,
    DeletePlan,
    Done,
    Finish,
    ListPlans,
    Outcome,
    Publish,
    ReadEndpoint,
    Refused,
    RegisterFence,
    ReleaseLease,
    ReleaseUnchecked,
    Repair,
    Resolve,
    Sleep,
    StartRenewal,
    StopRenewal,
    TakeExpired,
    ValidateLease,
    Withdraw,
    Work,
)
from leasebench.enactors.operator import Operator, OperatorState
from leasebench.enactors.planner import PlannerState, publish_next
from leasebench.leases.lease import Lease, Wait
from leasebench.results.journal import NO_ENDPOINT, Kind, Live, State
from leasebench.results.journal import Outcome as Came

STOP_CHECK_MS = 20
"""How long a wait goes on before it looks whether the load is over."""
SPIN_NS = 500_000


def main(spec: ProcessSpec, control: Any, gates: Sequence[Any] = ()) -> None:
    """Be one process of a trial: get ready, wait for the agreed instant, drive the program until told to stop.

    With `gates` (the lines of its worker and of its renewer), a schedule decides when each operation is done.
    """
    die_with_parent(os.getppid())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        if spec.cpus and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, spec.cpus)
        worker = Worker(spec, control, gates)
        control.send(("ready", os.getpid(), affinity()))
        order = control.recv()
        if order[0] == "start":
            wait_until(order[1])
            with suppress(ScheduleOver):
                worker.work(order[1])
        worker.close()
        control.send(("done",))
    except (EOFError, BrokenPipeError):
        return
    except Exception as error:  # noqa: BLE001  (whatever it is, the supervisor must hear of it)
        with suppress(OSError):
            control.send(("failed", told(error)))


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
        if arrivals.arrivals == "burst":
            due += gap_ns * arrivals.burst_size
            for _ in range(arrivals.burst_size):
                yield int(due)
        else:
            due += gap_ns * (rng.expovariate(1.0) if arrivals.arrivals == "poisson" else 1.0)
            yield int(due)


class Worker(Executor):
    """Runs the planner or an enactor."""

    def __init__(self, spec: ProcessSpec, control: Any, gates: Sequence[Any] = ()) -> None:
        line = Line(control)
        own, renewers = gates or (None, None)
        super().__init__(spec, Thread.WORKER, line, None if own is None else Gate(own))
        self._control = control
        self._rng = Random(spec.seed + spec.life)
        self._start_ns = 0
        self._due = due_times(spec.load.planner, Random(spec.seed + 1))
        self._plan_since_ns = 0
        self._raced_version = self._checks = 0
        self._live = dict.fromkeys((Live.COMMITS, Live.STALE, Live.RACED_APPLICATIONS), 0)
        self._stopping = self._calm = False
        self._renewer = Renewer(spec, line, renewers) if spec.role is Role.ENACTOR and spec.guard.renewed else None
        self.steps |= {
            AwaitPlan: (Kind.DISCOVER, self._await_plan),
            AcquireLease: (Kind.ACQUIRE, self._acquire),
            ReadEndpoint: (Kind.CHECK, self._check),
            RegisterFence: (Kind.CHECK, self._register),
            Commit: (Kind.COMMIT, self._commit),
            TakeExpired: (Kind.ACQUIRE, self._take_expired),
            ReleaseUnchecked: (Kind.RELEASE, lambda step, attempt: self.leases.release_unchecked(step.lease, attempt)),
            ReleaseLease: (Kind.RELEASE, lambda step, attempt: self.leases.release(step.lease, attempt)),
            ValidateLease: (Kind.VALIDATE, lambda step, _: self.leases.validate(step.lease)),
            ListPlans: (Kind.CLEAN, lambda _step, _: self.store.plans()),
            DeletePlan: (Kind.CLEAN, self.store.delete),
            Publish: (Kind.PUBLISH, self._publish),
            Resolve: (Kind.RESOLVE, lambda step, _: self.store.resolve(step.endpoint)),
            Repair: (Kind.REPAIR, self.store.repair),
        }
        if spec.load.work.median_ms > 0:
            self.steps[Work] = (Kind.WORK, self._work)
        self.quiet |= {
            AwaitDue: self._await_due,
            Withdraw: self._withdraw,
            Finish: self._finish,
            Work: lambda _: None,
            StartRenewal: lambda step: self._renewing().start(step.lease),
            StopRenewal: lambda step: self._renewing().stop(step.lease),
            Belief: lambda step: self._renewing().believes(step.lease),
        }

    def work(self, start_ns: int) -> None:
        """Run activities from the agreed start until told to stop."""
        self._start_ns = start_ns
        self.journal.show(Live.STATE, State.WORKING)
        {Role.PLANNER: self._plan, Role.ENACTOR: self._enact, Role.OPERATOR: self._operate}[self.spec.role]()

    def close(self) -> None:
        """End the renewer, then the rest."""
        if self._renewer is not None:
            self._renewer.close()
        super().close()

    def _plan(self) -> None:
        state = PlannerState()
        while not self._stopping:
            state = self.drive(publish_next(state))

    def _enact(self) -> None:
        count, enactors = len(self.spec.cell.endpoints), self.spec.load.enactors
        enactor = Enactor(self.spec.cell, self.spec.guard, self.spec.enactor * count // enactors, self.spec.tries)
        state = EnactorState()
        while not self._told_to_stop():
            state = self.drive(enactor.next_activity(state))
            self.journal.show(Live.VERSION, state.finished)

    def _operate(self) -> None:
        duty = self.spec.load.operator
        assert duty is not None
        every_ms = None if duty.rollback_every_s is None else duty.rollback_every_s * 1000
        operator, state = Operator(self.spec.cell, duty.look_ms, duty.react_ms, every_ms), OperatorState()
        # A human is told that the load is over, however long he meant to wait.
        self.quiet[Sleep] = lambda step: self._control.poll(step.ms / 1000)
        while not self._told_to_stop():
            # What is published after the load would never be seen to settle.
            duty_now = replace(operator, rollback_every_ms=None) if self._calm else operator
            state = self.drive(duty_now.next_activity(state))

    def _told_to_stop(self) -> bool:
        """Hear what the supervisor says: that the load, and with it every fault, is over; or to stop."""
        while not self._stopping and self._control.poll(0):
            order = self._control.recv()[0]
            self._stopping = order == "stop"
            if order == "calm":
                self._calm = True
                self.calm()
                if self._renewer is not None:
                    self._renewer.calm()
        return self._stopping

    def _await_due(self, _step: AwaitDue) -> bool:
        due = self._start_ns + next(self._due)
        while (left := due - perf_counter_ns()) > 0:
            if self._control.poll(left / 1e9):
                break
        self._due_ns = due
        return not self._told_to_stop()

    def _publish(self, step: Publish, attempt: int) -> Outcome:
        outcome = self.store.publish(step.version, attempt, step.content)
        if isinstance(outcome, Done):
            self.journal.show(Live.VERSION, step.version)
        return outcome

    def _await_plan(self, step: AwaitPlan, _attempt: int) -> int | None:
        """Wait as the scenario says; the service time is that of the look that found the plan."""
        idle = False
        while True:
            looked = perf_counter_ns()
            newest = self.store.newest()
            if newest > step.newer_than:
                break
            if self.held or self._told_to_stop():
                return None
            if not idle:
                self.journal.show(Live.STATE, State.IDLE)
                idle = True
            if self.spec.load.discover == "told":
                self.store.await_announcement(step.newer_than, STOP_CHECK_MS)
            else:
                sleep(self.spec.load.poll_ms / 1000)
        if idle:
            self.journal.show(Live.STATE, State.WORKING)
        found = perf_counter_ns()
        self._service_ns = found - looked
        # An application begins with its first look: one that picks inside its lease looks again.
        self._plan_since_ns = self._plan_since_ns or found
        return newest

    def _acquire(self, step: AcquireLease, attempt: int) -> Lease | None:
        token = token_hex(8)
        return self._poll(step.wait, lambda: self.leases.grant(step.resource, step.ttl_ms, token, attempt))

    def _take_expired(self, step: TakeExpired, attempt: int) -> Lease | None:
        token = token_hex(8)

        def take() -> Lease | None:
            now_ms = int(time() * 1000 + self._skew_ms)
            return self.leases.grant_by_clock(step.resource, step.ttl_ms, token, attempt, now_ms)

        return self._poll(step.wait, take)

    def _poll(self, wait: Wait, grant: Callable[[], Lease | None]) -> Lease | None:
        """Poll for a lease with exponential back-off and jitter."""
        deadline = perf_counter_ns() + int(wait.timeout_ms * 1e6)
        pause_ms = wait.poll_ms
        while True:
            lease = grant()
            if lease is not None:
                return lease
            if self.held or perf_counter_ns() >= deadline or self._told_to_stop():
                return None
            sleep(pause_ms * self._rng.uniform(0.5, 1.0) / 1000)
            pause_ms = min(pause_ms * 2, wait.poll_max_ms)

    def _check(self, step: ReadEndpoint, _attempt: int) -> int:
        version = self.store.read(step.endpoint, watch=step.watch)
        self._checked(step.endpoint)
        return version

    def _register(self, step: RegisterFence, attempt: int) -> int | Refused:
        seen = self.store.register_fence(step, attempt)
        self._checked(step.endpoint)
        return seen

    def _checked(self, endpoint: str) -> None:
        self._checks += 1
        self.journal.show(Live.CHECKS, self._checks << 16 | self.numbers[endpoint])

    def _commit(self, step: Commit, attempt: int) -> Outcome:
        outcome = self.store.commit(step, attempt)
        if isinstance(outcome, Done):
            self._count(Live.COMMITS)
            if outcome.previous > step.version:
                self._count(Live.STALE)
                self._raced(step.version)
        elif isinstance(outcome, Refused) and outcome.previous > step.version:
            self._raced(step.version)
        return outcome

    def _work(self, _step: Work, _attempt: int) -> None:
        work = self.spec.load.work
        sleep(self._rng.lognormvariate(log(work.median_ms), work.sigma) / 1000)

    def _withdraw(self, step: Withdraw) -> None:
        now = perf_counter_ns()
        self.journal.begin(Kind.WITHDRAW, now, 0, 0, step.version, 0, self.numbers[step.endpoint])
        self.journal.end(now, 0, step.seen, 0, Came.DONE, 0)
        self._raced(step.version)

    def _finish(self, step: Finish) -> None:
        self.journal.begin(Kind.PLAN, self._plan_since_ns, 0, 0, step.version, 0, NO_ENDPOINT)
        now = perf_counter_ns()
        came = Came.DONE if step.complete else Came.NOTHING
        self.journal.end(now, now - self._plan_since_ns, 0, 0, came, 0)
        self._plan_since_ns = 0

    def _raced(self, version: int) -> None:
        if version != self._raced_version:
            self._raced_version = version
            self._count(Live.RACED_APPLICATIONS)

    def _count(self, figure: int) -> None:
        self._live[figure] += 1
        self.journal.show(figure, self._live[figure])

    def _renewing(self) -> Renewer:
        assert self._renewer is not None
        return self._renewer
