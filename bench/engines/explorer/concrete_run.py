"""A concrete run: one order of steps, taken by live programs over one cell in memory, with fresh tokens.

The search works on values, each of which stands for many runs. This performs one of these runs, operation by operation,
as the programs and the store do it. It shares none of the search's abstractions, and so checks them: what happens here
is what a trace records, and what a replay compares with.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from leasebench.bench.engines.explorer.commit_properties import broken_by_commit
from leasebench.bench.engines.explorer.effects import LOSS_REASONS
from leasebench.bench.engines.explorer.properties import Property
from leasebench.bench.engines.explorer.scope import ExplorationScope
from leasebench.bench.engines.explorer.states import ARRIVE, CRASH, EXPIRE, GIVE_UP, SEND, STEP, Choice
from leasebench.bench.engines.explorer.trace import TraceStep
from leasebench.bench.engines.interpreter import Interpreter
from leasebench.enactors.enactor.resuming import EnactorState
from leasebench.enactors.kind import Activities
from leasebench.enactors.operations import AwaitPlan, Commit
from leasebench.enactors.planner.program import PlannerState, publish_next
from leasebench.enactors.store.memory.memory_cell import MemoryCell
from leasebench.enactors.store.memory.memory_store import MemoryStore
from leasebench.enactors.store.performing import perform
from leasebench.leases.guard import Guard
from leasebench.leases.lease import Lease
from leasebench.leases.lease_script import delay_of
from leasebench.leases.manager import LeaseManager
from leasebench.leases.operations import (
    AcquireLease,
    Belief,
    Operation,
    ReleaseLease,
    ReleaseUnchecked,
    RenewLease,
    StartRenewal,
    StopRenewal,
    TakeExpired,
)
from leasebench.leases.outcome import UNKNOWN, Done, Refused
from leasebench.leases.renewal import keep_alive
from leasebench.leases.traits import trusts_for

RENEWER = "-renewer"


Happened = tuple[Operation | None, Any, list[Operation], set[Property]]
"""What was asked and received, the local operations after it, and which properties were broken."""


class Impossible(Exception):
    """What was chosen can't happen here; the message says why."""


@dataclass
class LiveProcess:
    """One live process: its program, its connection, its renewer's program and its commits in flight."""

    name: str
    begin: Activities
    first: Any
    connect: Callable[[], MemoryStore]
    attempts: int = 0
    interpreter: Interpreter = field(init=False)
    store: MemoryStore = field(init=False)
    renewing: Lease | None = None
    renewer: Interpreter | None = None
    notified: bool = False
    in_flight: dict[int, tuple[Commit, MemoryStore]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.restart()

    @property
    def asks(self) -> Operation:
        """What its program asks for."""
        return self.interpreter.asks

    def restart(self) -> list[Operation]:
        """Begin from nothing. What was sent before is still in flight."""
        self.renewing, self.renewer, self.notified = None, None, False
        self.store = self.connect()
        self.interpreter = Interpreter(self.begin, self.first)
        return self._skip_local()

    def receive(self, result: Any) -> list[Operation]:
        """Give the program a result. Returns the local operations that it did next."""
        self.interpreter.receive(result)
        return self._skip_local()

    def renewal(self, manager: LeaseManager) -> Interpreter:
        """The renewer's program; begins it if it does not run."""
        if self.renewer is None:
            lease = self.renewing
            assert lease is not None
            self.renewer = Interpreter(lambda _: keep_alive(manager, lease), None)
            self.renewer.skip_local()
        return self.renewer

    def renewed(self, result: Any) -> None:
        """Give the renewer the result of its renewal."""
        assert self.renewer is not None
        if self.renewer.receive(result):
            self.notified, self.renewer = self.renewer.carried is False, None
        else:
            self.renewer.skip_local()

    def _skip_local(self) -> list[Operation]:
        local = self.interpreter.skip_local()
        for operation in local:
            if isinstance(operation, StartRenewal):
                self.renewing, self.notified = operation.lease, False
            elif isinstance(operation, StopRenewal):
                self.renewing, self.renewer, self.notified = None, None, False
        return local


class ConcreteRun:
    """All actors of one guard and scope, and the cell that they share."""

    def __init__(self, guard: Guard, scope: ExplorationScope, store: type[MemoryStore] = MemoryStore) -> None:
        self._guard = guard
        self._cell = MemoryCell(scope.cell)
        self._steps = 0
        self._holds: dict[tuple[str, str], str] = {}
        """By lease and actor: the token of what it holds, neither given back nor known to be lost."""
        self._granted: dict[str, set[str]] = {}
        """Tokens whose grants stand by the server's account, by lease."""
        self._actors = {
            "planner": LiveProcess("planner", publish_next, PlannerState(), lambda: store(self._cell, "planner"))
        }
        for number in range(scope.enactors):
            name = f"enactor-{number}"
            self._actors[name] = LiveProcess(
                name,
                scope.enactor(guard, number).next_activity,
                EnactorState(),
                lambda name=name: store(self._cell, name),  # type: ignore[misc]
            )

    def take(self, choice: Choice) -> TraceStep:
        """Let one thing happen, and record it. Raises Impossible."""
        dangled = self._dangling()
        operation, result, local, broken = self._happen(choice)
        if self._dangling() - dangled:
            broken.add(Property.DANGLING)
        self._steps += 1
        return TraceStep(
            step=self._steps,
            actor=choice.actor,
            action=choice.action,  # type: ignore[arg-type]
            what=choice.what,
            operation=operation,
            result=result,
            quiet=tuple(local),
            in_force={name: self._cell.at(name).version for name in self._cell.cell.endpoints},
            plans=sorted(self._cell.live | self._cell.quarantined),
            breaks=sorted(broken),
        )

    def _happen(self, choice: Choice) -> Happened:
        broken: set[Property] = set()
        if choice.action == EXPIRE:
            self._expire(choice.what)
            return None, None, [], broken
        owner = self._actors.get(choice.actor.removesuffix(RENEWER))
        if owner is None:
            raise Impossible(f"there is no {choice.actor} in this scope")
        if choice.actor.endswith(RENEWER):
            return self._renew(owner, broken)
        act = {CRASH: self._crash, ARRIVE: self._arrive, SEND: self._send, GIVE_UP: self._give_up, STEP: self._step}
        return act[choice.action](owner, choice.what, broken)

    def _step(self, owner: LiveProcess, _: str, broken: set[Property]) -> Happened:
        asks = owner.asks
        result = self._do(owner, asks, owner.store, broken)
        return asks, result, owner.receive(result), broken

    def _crash(self, owner: LiveProcess, _: str, broken: set[Property]) -> Happened:
        self._holds = {key: token for key, token in self._holds.items() if key[1] != owner.name}
        return None, None, owner.restart(), broken

    def _send(self, owner: LiveProcess, _: str, broken: set[Property]) -> Happened:
        asks = owner.asks
        if not isinstance(asks, Commit):
            raise Impossible(f"{owner.name} is not about to commit, but asks for {asks}")
        slot = next(each for each in range(len(owner.in_flight) + 1) if each not in owner.in_flight)
        owner.in_flight[slot] = (asks, owner.store)
        owner.store = owner.connect()
        return asks, UNKNOWN, owner.receive(UNKNOWN), broken

    def _arrive(self, owner: LiveProcess, what: str, broken: set[Property]) -> Happened:
        if not what.isdigit() or int(what) not in owner.in_flight:
            raise Impossible(f"{owner.name} has no commit {what!r} in flight")
        commit, connection = owner.in_flight.pop(int(what))
        return commit, self._do(owner, commit, connection, broken), [], broken

    def _give_up(self, owner: LiveProcess, _: str, broken: set[Property]) -> Happened:
        asks = owner.asks
        if not isinstance(asks, (AcquireLease, TakeExpired)):
            raise Impossible(f"{owner.name} is not waiting for a lease, but asks for {asks}")
        return asks, None, owner.receive(None), broken

    def _renew(self, owner: LiveProcess, broken: set[Property]) -> Happened:
        if owner.renewing is None or owner.notified:
            raise Impossible(f"{owner.name} has nothing to renew")
        asks = owner.renewal(self._guard.manager).asks
        result = self._do(owner, asks, owner.store, broken)
        owner.renewed(result)
        return asks, result, [], broken

    def _do(self, owner: LiveProcess, asks: Operation, store: MemoryStore, broken: set[Property]) -> Any:
        owner.attempts += 1
        if isinstance(asks, Belief):
            ended = asks.lease.token not in self._granted.get(asks.lease.resource, set())
            return not owner.notified and not (ended and trusts_for(self._guard.manager) is not None)
        if isinstance(asks, (ReleaseLease, ReleaseUnchecked)):
            self._holds.pop((asks.lease.resource, owner.name), None)
            self._granted.get(asks.lease.resource, set()).discard(asks.lease.token)
        token, now_ms = f"{owner.name}-{owner.attempts}", self._cell.now_us // 1000
        try:
            received = perform(store, asks, owner.attempts, token, now_ms)
        except NotImplementedError as error:
            raise Impossible(str(error)) from error
        match asks:
            case AwaitPlan(newer_than) if received is None:
                raise Impossible(f"{owner.name} waits for a plan newer than {newer_than}")
            case AcquireLease() | TakeExpired():
                return self._got(owner, received, broken)
            case RenewLease(lease):
                self._prolonged(lease, received, broken)
            case Commit():
                broken |= broken_by_commit(asks, received, self._cell)
        self._note_loss(owner, getattr(asks, "lease", None), received)
        return received

    def _got(self, owner: LiveProcess, lease: Lease | None, broken: set[Property]) -> Lease:
        if lease is None:
            raise Impossible(f"{owner.name} waits for a lease that another holds")
        if any(resource == lease.resource and name != owner.name for resource, name in self._holds):
            broken.add(Property.DOUBLE_HOLD)
        granted = self._granted.setdefault(lease.resource, set())
        if granted:
            broken.add(Property.EXCLUSION)
        granted.add(lease.token)
        self._holds[lease.resource, owner.name] = lease.token
        return lease

    def _prolonged(self, lease: Lease, result: Any, broken: set[Property]) -> None:
        granted = self._granted.setdefault(lease.resource, set())
        if isinstance(result, Done):
            if granted - {lease.token}:
                broken.add(Property.EXCLUSION)
            granted.add(lease.token)

    def _note_loss(self, owner: LiveProcess, lease: Lease | None, result: Any) -> None:
        """An owner that is told that its lease is lost does not hold it any more."""
        if lease is not None and isinstance(result, Refused) and result.reason in LOSS_REASONS:
            key = (lease.resource, owner.name)
            if self._holds.get(key) == lease.token:
                del self._holds[key]

    def _expire(self, resource: str) -> None:
        if self._cell.holder(resource) is None:
            raise Impossible(f"nobody holds the lease {resource!r}")
        if resource in self._cell.expiries_ms:
            self._cell.expiries_ms[resource] = self._cell.now_us // 1000
            return
        self._granted.get(resource, set()).discard(self._cell.leases.pop(resource).token)
        self._cell.values.pop(delay_of(resource), None)

    def _dangling(self) -> set[str]:
        return {name for name, at in self._cell.endpoints.items() if at.version and not self._cell.exists(at.version)}
