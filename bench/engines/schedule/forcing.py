"""Take the steps of a trace with real processes and a real store, and compare every one of them with the trace.

A step is compared in what its actor asks for, what it receives, its local operations, the versions then in force and
the plans then there. So a store that answers otherwise than its twin in memory is found at the step where it does.
"""

from dataclasses import dataclass, field
from time import perf_counter_ns, time
from typing import Any, NoReturn

from leasebench.bench.engines.explorer.rendering import in_words, result_in_words
from leasebench.bench.engines.explorer.trace import Trace, TraceStep
from leasebench.bench.engines.processes.gate import Arrival
from leasebench.bench.engines.processes.supervisor import ProcessFailed
from leasebench.bench.engines.schedule.gated_programs import GatedPrograms
from leasebench.bench.engines.schedule.trace_equivalence import TraceEquivalence
from leasebench.bench.proxy.proxy import Proxy
from leasebench.bench.servers.server import ServerUnusable
from leasebench.enactors.operations import Commit
from leasebench.enactors.store.redis.redis_store import outcome_of
from leasebench.enactors.store.store import Store
from leasebench.leases.lease import CELL_LEASE, Lease
from leasebench.leases.operations import Operation, TakeExpired
from leasebench.leases.outcome import Reason, Refused
from leasebench.results.record.process import Process

CLOCK_MARGIN_MS = 1_000.0
"""How far a taker's clock is set past the end of a record that its clock is to find expired."""


@dataclass(frozen=True, slots=True)
class Intervention:
    """What was done to a process or a lease from outside, as `faults.json` records a fault."""

    fault: str
    process: Process | None
    """To whom; None for a lease."""
    start_ns: int
    end_ns: int
    asked_ms: float = 0.0


class TraceMismatch(ProcessFailed):
    """What happens differs from what the trace says."""


@dataclass
class Forcing:
    """One trace, step by step. `store` is the harness's own client of the cell, `proxies` those of the senders."""

    trace: Trace
    programs: GatedPrograms
    store: Store
    proxies: dict[str, Proxy]
    interventions: list[Intervention] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._equivalence = TraceEquivalence()
        self._in_flight: dict[tuple[str, int], tuple[int, str]] = {}
        """By sender and slot, the number by which its proxy knows a held commit, and the endpoint."""
        self._over: dict[str, str] = {}
        """Records that are to look expired to whoever would take them: by resource, the token of the holder."""
        self._granted: dict[str, set[str]] = {}
        """By process, the tokens of the leases that it was granted in its present life."""
        self._orphaned: set[str] = set()

    def take(self, step: TraceStep) -> None:
        """Let one step happen. Raises TraceMismatch, with the step's number, if it can't or has another outcome."""
        act = {
            "step": self._step,
            "give_up": self._step,
            "send": self._send,
            "arrive": self._arrive,
            "crash": self._crash,
            "expire": self._expire,
        }
        act[step.action](step)
        in_force = {name: self.store.read(name) for name in self.trace.scope.cell.endpoints}
        if in_force != step.in_force:
            self._disagrees(step, f"in force {step.in_force}", f"in force {in_force}")
        plans = self.store.plans()
        existing = sorted((*plans.applicable, *plans.quarantined))
        if existing != step.plans:
            self._disagrees(step, f"plans {step.plans}", f"plans {existing}")

    def release_orphans(self) -> None:
        """End the leases whose owners were killed, as their time to live would."""
        for resource in (*self.trace.scope.cell.endpoints, CELL_LEASE):
            if self.store.holder(resource) in self._orphaned:
                start = perf_counter_ns()
                self.store.expire(resource)
                self.interventions.append(Intervention("expiry", None, start, perf_counter_ns()))

    def _did(self, fault: str, step: TraceStep, start_ns: int, asked_ms: float = 0.0) -> None:
        """Note what was done to the step's actor."""
        process = Process.parse(step.actor)
        self.interventions.append(Intervention(fault, process, start_ns, perf_counter_ns(), asked_ms))

    def _step(self, step: TraceStep) -> None:
        asks = self._asked(step)
        skew_ms = self._skew_ms(asks) if isinstance(asks, TakeExpired) else 0.0
        start = perf_counter_ns()
        report = self.programs.let(step.actor, skew_ms)
        if skew_ms:
            self._did("skew", step, start, skew_ms)
        if isinstance(report.received, Lease):
            self._granted.setdefault(step.actor, set()).add(report.received.token)
        self._compare(step, report)

    def _send(self, step: TraceStep) -> None:
        """The commit leaves, and its proxy holds it; its sender loses the connection and goes on without a reply."""
        self._asked(step)
        if not isinstance(step.operation, Commit):
            raise TraceMismatch(f"step {step.step}: {step.actor}: only a commit can be in flight")
        proxy = self.proxies[step.actor]
        number = proxy.hold_next()
        start = perf_counter_ns()
        report = self.programs.let(step.actor)
        if not proxy.holds(number):
            raise TraceMismatch(f"step {step.step}: {step.actor}: no commit was sent that could be held")
        self._compare(step, report)
        slot = next(each for each in range(len(self._in_flight) + 1) if (step.actor, each) not in self._in_flight)
        self._in_flight[step.actor, slot] = (number, step.operation.endpoint)
        self._did("late_write", step, start)

    def _arrive(self, step: TraceStep) -> None:
        slot = (step.actor, int(step.what)) if step.what.isdigit() else None
        if slot is None or slot not in self._in_flight:
            raise TraceMismatch(f"step {step.step}: {step.actor} has no commit {step.what!r} in flight")
        number, endpoint = self._in_flight.pop(slot)
        try:
            reply = self.proxies[step.actor].let_arrive(number)
        except ServerUnusable as error:
            raise TraceMismatch(f"step {step.step}: the commit in flight got no answer: {error}") from error
        if isinstance(reply, list):
            reply = reply[0]
        # An aborted EXEC has no reply of its own; its sender never learns of it, but the trace has the refusal.
        outcome = Refused(Reason.WATCH_CONFLICT, self.store.read(endpoint)) if reply is None else outcome_of(reply)
        self._compare_result(step, outcome)

    def _crash(self, step: TraceStep) -> None:
        if step.actor not in self.programs.actors:
            raise TraceMismatch(f"step {step.step}: there is no {step.actor} in this scope")
        start = perf_counter_ns()
        report = self.programs.crash(step.actor)
        self._did("crash", step, start)
        self._orphaned |= self._granted.pop(step.actor, set())
        self._compare_local(step, report)

    def _expire(self, step: TraceStep) -> None:
        """End a lease on the server. One with an owner's record only looks expired, to whoever would take it."""
        resource = step.what
        start = perf_counter_ns()
        token = self.store.holder(resource)
        if token is None:
            raise TraceMismatch(f"step {step.step}: nobody holds the lease {resource!r} that is to expire")
        if self.store.held_until_ms(resource) is not None:
            self._over[resource] = token
        else:
            self.store.expire(resource)
        self.interventions.append(Intervention("expiry", None, start, perf_counter_ns()))

    def _asked(self, step: TraceStep) -> Operation:
        """What the step's actor asks for. Raises TraceMismatch if that is not what the step does."""
        if step.actor.removesuffix("-renewer") not in self.programs.actors:
            raise TraceMismatch(f"step {step.step}: there is no {step.actor} in this scope")
        asks = self.programs.asks(step.actor)
        if asks is None or not self._equivalence.same(step.operation, asks):
            recorded = in_words(step.operation) or "nothing"
            real = "nothing" if asks is None else in_words(asks)
            raise TraceMismatch(f"step {step.step}: the trace lets {step.actor} do {recorded}, and it asks for {real}")
        return asks

    def _skew_ms(self, asks: TakeExpired) -> float:
        """How far ahead the taker's clock has to be: past the end of the record, if that is to look expired."""
        over = self._over.get(asks.resource)
        if over is None or self.store.holder(asks.resource) != over:
            return 0.0
        until_ms = self.store.held_until_ms(asks.resource)
        assert until_ms is not None
        return until_ms - time() * 1000 + CLOCK_MARGIN_MS

    def _compare(self, step: TraceStep, report: Arrival) -> None:
        self._compare_result(step, report.received)
        self._compare_local(step, report)

    def _compare_result(self, step: TraceStep, received: Any) -> None:
        if not self._equivalence.same(step.result, received):
            self._disagrees(step, result_in_words(step.result), result_in_words(received))

    def _compare_local(self, step: TraceStep, report: Arrival) -> None:
        if step.actor.endswith("-renewer"):
            return
        if not self._equivalence.same(step.local, report.local):
            recorded, real = (", ".join(map(in_words, each)) or "nothing" for each in (step.local, report.local))
            raise TraceMismatch(f"step {step.step}: the trace lets {step.actor} then do {recorded}, and it did {real}")

    @staticmethod
    def _disagrees(step: TraceStep, expected: str, received: str) -> NoReturn:
        raise TraceMismatch(
            f"the store disagrees with its twin in memory at step {step.step}: {step.actor} "
            f"{in_words(step.operation) or step.action}: expected {expected}, received {received}"
        )
