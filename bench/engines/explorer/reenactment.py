"""One way through an exploration, done for real in memory: live programs, one cell, tokens that nobody had before.

The search works on values that stand for many runs. This does one of them, operation by operation, as the programs
and the store do it: what comes out is what a trace records, and what a replay compares with.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench.engines.explorer.acting import TOLD
from bench.engines.explorer.moves import ARRIVE, CRASH, EXPIRE, GIVE_UP, SEND, STEP, Choice
from bench.engines.explorer.programs import QUIET
from bench.engines.explorer.properties import Property
from bench.engines.explorer.scope import Scope
from bench.engines.explorer.spelling import spelled
from bench.engines.explorer.trace import Step
from enactors.enactor import EnactorState
from enactors.operations import (
    UNKNOWN,
    AcquireLease,
    AwaitPlan,
    Belief,
    Commit,
    DeletePlan,
    Done,
    ListPlans,
    Operation,
    Publish,
    ReadEndpoint,
    Reason,
    Refused,
    RegisterFence,
    ReleaseLease,
    ReleaseUnchecked,
    RenewLease,
    Sleep,
    StartRenewal,
    StopRenewal,
    TakeExpired,
    ValidateLease,
)
from enactors.planner import PlannerState, publish_next
from enactors.store.memory_cell import MemoryCell
from enactors.store.memory_store import MemoryStore
from leases.guard import Guard
from leases.lease import Lease
from leases.renewal import keep_alive

RENEWER = "-renewer"


Happened = tuple[Operation | None, Any, list[Operation], set[Property]]
"""What was asked and heard, what was done quietly after it, and which properties were broken."""


class Impossible(Exception):
    """What was chosen can't happen here; the message says why."""


@dataclass
class Actor:
    """One live process: its program, its connection, its renewer's program and its commits in flight."""

    name: str
    begin: Callable[[Any], Any]
    carried: Any
    connect: Callable[[], MemoryStore]
    attempts: int = 0
    asks: Operation = field(init=False)
    program: Any = field(init=False)
    store: MemoryStore = field(init=False)
    renewing: Lease | None = None
    renewer: Any = None
    renewal: Operation | None = None
    told: bool = False
    in_flight: dict[int, tuple[Commit, MemoryStore]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._first = self.carried
        self.restart()

    def restart(self) -> list[Operation]:
        """Begin from nothing; what was sent is on its way."""
        self.carried, self.renewing, self.renewer, self.renewal, self.told = self._first, None, None, None, False
        self.store = self.connect()
        self.program = self.begin(self.carried)
        self.asks = next(self.program)
        return self._be_quiet()

    def hear(self, result: Any) -> list[Operation]:
        """Tell the program, and let it do what is quiet. Returns what that was."""
        self._tell(result)
        return self._be_quiet()

    def renewed(self, result: Any) -> None:
        """Tell the renewer."""
        try:
            self.renewal = _next_renewal(self.renewer, result)
        except StopIteration as end:
            self.told, self.renewal = end.value is False, None

    def _tell(self, result: Any) -> None:
        try:
            self.asks = self.program.send(result)
        except StopIteration as end:
            self.carried = end.value
            self.program = self.begin(self.carried)
            self.asks = next(self.program)

    def _be_quiet(self) -> list[Operation]:
        quiet: list[Operation] = []
        while type(self.asks) in QUIET:
            quiet.append(self.asks)
            if isinstance(self.asks, StartRenewal):
                self.renewing, self.told = self.asks.lease, False
            elif isinstance(self.asks, StopRenewal):
                self.renewing, self.renewer, self.renewal, self.told = None, None, None, False
            self._tell(QUIET[type(self.asks)])
        return quiet


class Reenactment:
    """All actors of one guard and scope, and the cell that they share."""

    def __init__(self, guard: Guard, scope: Scope, store: type[MemoryStore] = MemoryStore) -> None:
        self._guard, self._scope = guard, scope
        self._cell = MemoryCell(scope.cell)
        self._steps = 0
        self._holds: dict[tuple[str, str], str] = {}
        """By lease and actor: the token of what it holds, neither given back nor known to be lost."""
        self._granted: dict[str, set[str]] = {}
        """Tokens whose grants stand by the server's account, by lease."""
        self._actors = {"planner": Actor("planner", publish_next, PlannerState(), lambda: store(self._cell, "planner"))}
        for number in range(scope.enactors):
            name = f"enactor-{number}"
            self._actors[name] = Actor(
                name,
                scope.enactor(guard, number).next_activity,
                EnactorState(),
                lambda name=name: store(self._cell, name),  # type: ignore[misc]
            )

    def take(self, choice: Choice) -> Step:
        """Let one thing happen. Raises Impossible."""
        dangled = self._dangling()
        operation, result, quiet, broken = self._happen(choice)
        if self._dangling() - dangled:
            broken.add(Property.DANGLING)
        self._steps += 1
        return Step(
            step=self._steps,
            actor=choice.actor,
            action=choice.action,  # type: ignore[arg-type]
            what=choice.what,
            operation=spelled(operation),
            result=spelled(result),
            quiet=[spelled(each) for each in quiet],
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

    def _step(self, owner: Actor, _: str, broken: set[Property]) -> Happened:
        asks = owner.asks
        result = self._do(owner, asks, owner.store, broken)
        return asks, result, owner.hear(result), broken

    def _crash(self, owner: Actor, _: str, broken: set[Property]) -> Happened:
        self._holds = {key: token for key, token in self._holds.items() if key[1] != owner.name}
        return None, None, owner.restart(), broken

    def _send(self, owner: Actor, _: str, broken: set[Property]) -> Happened:
        asks = owner.asks
        if not isinstance(asks, Commit):
            raise Impossible(f"{owner.name} is not about to commit, but asks for {asks}")
        slot = next(each for each in range(len(owner.in_flight) + 1) if each not in owner.in_flight)
        owner.in_flight[slot] = (asks, owner.store)
        owner.store = owner.connect()
        return asks, UNKNOWN, owner.hear(UNKNOWN), broken

    def _arrive(self, owner: Actor, what: str, broken: set[Property]) -> Happened:
        if not what.isdigit() or int(what) not in owner.in_flight:
            raise Impossible(f"{owner.name} has no commit {what!r} in flight")
        commit, connection = owner.in_flight.pop(int(what))
        return commit, self._do(owner, commit, connection, broken), [], broken

    def _give_up(self, owner: Actor, _: str, broken: set[Property]) -> Happened:
        asks = owner.asks
        if not isinstance(asks, (AcquireLease, TakeExpired)):
            raise Impossible(f"{owner.name} is not waiting for a lease, but asks for {asks}")
        return asks, None, owner.hear(None), broken

    def _renew(self, owner: Actor, broken: set[Property]) -> Happened:
        if owner.renewing is None or owner.told:
            raise Impossible(f"{owner.name} has nothing to renew")
        if owner.renewal is None:
            owner.renewer = keep_alive(self._guard.manager, owner.renewing)
            owner.renewal = _next_renewal(owner.renewer, None)
        asks = owner.renewal
        result = self._do(owner, asks, owner.store, broken)
        owner.renewed(result)
        return asks, result, [], broken

    def _do(self, owner: Actor, asks: Operation, store: MemoryStore, broken: set[Property]) -> Any:  # noqa: C901, PLR0911, PLR0912  (one case an operation)
        owner.attempts += 1
        attempt, token = owner.attempts, f"{owner.name}-{owner.attempts}"
        match asks:
            case AwaitPlan(newer_than):
                if store.newest() <= newer_than:
                    raise Impossible(f"{owner.name} waits for a plan newer than {newer_than}")
                return store.newest()
            case ReadEndpoint(endpoint, watch):
                return store.read(endpoint, watch=watch)
            case RegisterFence():
                return self._told(owner, asks.lease, store.register_fence(asks, attempt))
            case Commit():
                return self._committed(owner, asks, store.commit(asks, attempt), broken)
            case AcquireLease(resource, ttl_ms):
                return self._got(owner, store.grant(resource, ttl_ms, token, attempt), broken)
            case TakeExpired(resource, ttl_ms):
                now_ms = self._cell.now_us // 1000
                return self._got(owner, store.grant_by_clock(resource, ttl_ms, token, attempt, now_ms), broken)
            case RenewLease(lease):
                return self._prolonged(owner, lease, store.renew(lease, attempt), broken)
            case ReleaseLease(lease) | ReleaseUnchecked(lease):
                self._holds.pop((lease.resource, owner.name), None)
                self._granted.get(lease.resource, set()).discard(lease.token)
                if isinstance(asks, ReleaseLease):
                    return store.release(lease, attempt)
                return store.release_unchecked(lease, attempt)
            case ValidateLease(lease):
                return self._told(owner, lease, store.validate(lease))
            case Belief():
                return not owner.told
            case ListPlans():
                return store.plans()
            case DeletePlan():
                return store.delete(asks, attempt)
            case Publish(version, content):
                return store.publish(version, attempt, content)
        raise Impossible(f"no step does {asks}")

    def _committed(self, owner: Actor, asks: Commit, result: Any, broken: set[Property]) -> Any:
        if isinstance(result, Done):
            if result.previous > asks.version:
                broken.add(Property.STALE_OVERWRITE)
            record = self._cell.at(asks.endpoint).rollback
            if record and not self._cell.exists(record):
                broken.add(Property.ROLLBACK)
        elif isinstance(result, Refused) and result.reason is Reason.NO_ROLLBACK_PLAN:
            broken.add(Property.WEDGED)
        return self._told(owner, asks.lease, result)

    def _got(self, owner: Actor, lease: Lease | None, broken: set[Property]) -> Lease:
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

    def _prolonged(self, owner: Actor, lease: Lease, result: Any, broken: set[Property]) -> Any:
        granted = self._granted.setdefault(lease.resource, set())
        if isinstance(result, Done):
            if granted - {lease.token}:
                broken.add(Property.EXCLUSION)
            granted.add(lease.token)
        return self._told(owner, lease, result)

    def _told(self, owner: Actor, lease: Lease | None, result: Any) -> Any:
        if lease is not None and isinstance(result, Refused) and result.reason in TOLD:
            key = (lease.resource, owner.name)
            if self._holds.get(key) == lease.token:
                del self._holds[key]
        return result

    def _expire(self, resource: str) -> None:
        if self._cell.holder(resource) is None:
            raise Impossible(f"nobody holds the lease {resource!r}")
        if resource in self._cell.expiries_ms:
            self._cell.expiries_ms[resource] = self._cell.now_us // 1000
            return
        self._granted.get(resource, set()).discard(self._cell.leases.pop(resource).token)

    def _dangling(self) -> set[str]:
        return {name for name, at in self._cell.endpoints.items() if at.version and not self._cell.exists(at.version)}


def _next_renewal(renewer: Any, result: Any) -> Operation:
    asks: Operation = renewer.send(result)
    while isinstance(asks, Sleep):
        asks = next(renewer)
    return asks
