"""A search that is slow and plain: what the explorer's is compared with.

It keeps a whole `MemoryCell` and everything that each program ever received, with tokens and numbers as they come. No
operation is moved to another's step (quiet ones are steps that don't count), nothing is remembered of one state for
another, no fencing number is replaced by its rank, no two enactors are taken for each other.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from leasebench.bench.engines.explorer.properties import Property
from leasebench.bench.engines.explorer.scope import ExplorationScope
from leasebench.enactors.enactor.resuming import EnactorState
from leasebench.enactors.operations import (
    AwaitDue,
    AwaitPlan,
    Commit,
    DeletePlan,
    Finish,
    ListPlans,
    Publish,
    ReadEndpoint,
    RegisterFence,
    Withdraw,
    Work,
)
from leasebench.enactors.planner.program import PlannerState, publish_next
from leasebench.enactors.store.memory.memory_cell import MemoryCell
from leasebench.enactors.store.memory.memory_store import MemoryStore
from leasebench.leases.guard import Guard
from leasebench.leases.lease import Lease
from leasebench.leases.operations import (
    AcquireLease,
    Belief,
    Operation,
    ReleaseLease,
    ReleaseUnchecked,
    RenewLease,
    Sleep,
    StartRenewal,
    StopRenewal,
    TakeExpired,
)
from leasebench.leases.outcome import UNKNOWN, Reason, Refused
from leasebench.leases.renewal import keep_alive

MAX_RENEWALS = 1
"""That are done, of one lease: the renewer may go on for ever."""
TOLD = (Reason.LEASE_LOST, Reason.NOT_OWNER, Reason.FENCE_TOO_LOW)


@dataclass(frozen=True)
class Process:
    """A program's carried value and all it received since; what its connection watches; its renewer; what it sent."""

    carried: Any
    received: tuple[Any, ...] = ()
    watched: tuple[tuple[str, int], ...] = ()
    renewing: Lease | None = None
    renewals: tuple[Any, ...] = ()
    sent: tuple[tuple[Commit, tuple[tuple[str, int], ...]], ...] = ()


@dataclass
class Node:
    """One state of everything."""

    cell: MemoryCell
    planner: Process
    enactors: tuple[Process, ...]
    crashes: int
    messages: int
    grants: int
    steps: int = 0
    holds: frozenset[tuple[str, int, str]] = frozenset()
    granted: frozenset[tuple[str, str]] = frozenset()

    def copy(self) -> "Node":
        old = self.cell
        cell = MemoryCell(
            old.cell,
            newest_ever=old.newest_ever,
            live=set(old.live),
            contents=dict(old.contents),
            quarantined=set(old.quarantined),
            endpoints={name: replace(at) for name, at in old.endpoints.items()},
            leases={name: replace(grant) for name, grant in old.leases.items()},
            expiries_ms=dict(old.expiries_ms),
            fences=dict(old.fences),
        )
        return replace(self, cell=cell)

    def key(self) -> Any:
        cell = self.cell
        return (
            cell.newest_ever,
            frozenset(cell.live),
            frozenset(cell.quarantined),
            tuple(
                (name, at.version, at.rollback, at.writes, at.fence_seen) for name, at in sorted(cell.endpoints.items())
            ),
            tuple((name, grant.token) for name, grant in sorted(cell.leases.items())),
            tuple(sorted(cell.expiries_ms.items())),
            tuple(sorted(cell.fences.items())),
            _typed(self.planner),
            tuple(map(_typed, self.enactors)),
            self.crashes,
            self.messages,
            self.grants,
            self.holds,
            self.granted,
        )


def _typed(process: Process) -> Any:
    return process, tuple(type(each) for each in process.received)


@dataclass
class After:
    node: Node
    counts: bool
    breaks: set[Property] = field(default_factory=set)


class PlainExplorer:
    def __init__(self, guard: Guard, scope: ExplorationScope, store: type[MemoryStore] = MemoryStore) -> None:
        self.guard, self.scope, self.store = guard, scope, store
        self.roles = [scope.enactor(guard, number).next_activity for number in range(scope.enactors)]

    def start(self) -> Node:
        scope = self.scope
        enactors = tuple(Process(EnactorState()) for _ in range(scope.enactors))
        grants = 1_000_000 if scope.grants is None else scope.grants
        cell = MemoryCell(scope.cell)
        for name in cell.cell.endpoints:
            cell.at(name)
        return Node(cell, Process(PlannerState()), enactors, scope.crashes, scope.messages, grants)

    def after(self, node: Node) -> Iterator[After]:
        """Every state after one more thing happens."""
        yield from self._plan(node)
        for number in range(self.scope.enactors):
            yield from self._enact(node, number)
            yield from self._renew(node, number)
            yield from self._arrive(node, number)
            yield from self._crash(node, number)
        if self.scope.expiry:
            yield from self._expire(node)

    def shortest(self, *, merge: bool, depth: int | None = None) -> tuple[dict[Property, int], list[Node]]:
        """The fewest counted steps that break each property, up to `depth` of them; and all states that were met.

        Without `merge` a state that is reached in two ways is two states; what does not count is then done at once.
        """
        start = self.start() if merge else self._settled(self.start())
        found: dict[Property, int] = {}
        met, nodes, waiting = {start.key()}, [start], deque([start])
        while waiting:
            node = waiting.popleft()
            for after in self.after(node):
                new = after.node
                new.steps = node.steps + after.counts
                if depth is not None and new.steps > depth:
                    continue
                for flaw in after.breaks:
                    found[flaw] = min(found.get(flaw, new.steps), new.steps)
                if not merge:
                    new = self._settled(new)
                elif new.key() in met:
                    continue
                else:
                    met.add(new.key())
                nodes.append(new)
                # Steps that don't count are done first, so that states come in the order of what counts.
                (waiting.append if after.counts else waiting.appendleft)(new)
        return found, nodes

    def _settled(self, node: Node) -> Node:
        while quiet := next((after for after in self.after(node) if not after.counts), None):
            quiet.node.steps = node.steps
            node = quiet.node
        return node

    def stuck(self, node: Node) -> bool:
        """Whether no order of steps brings all endpoints to one further plan."""
        node = node.copy()
        newest = node.cell.newest_ever
        while node.cell.newest_ever == newest:
            node = next(self._plan(node, always=True)).node
        goal = node.cell.newest_ever
        met, waiting = {node.key()}, [node]
        while waiting:
            node = waiting.pop()
            if all(at.version == goal for at in node.cell.endpoints.values()):
                return False
            for after in self.after(node):
                if after.node.cell.newest_ever == goal and after.node.key() not in met:
                    met.add(after.node.key())
                    waiting.append(after.node)
        return True

    def _plan(self, node: Node, *, always: bool = False) -> Iterator[After]:
        asks = pending(publish_next, node.planner)
        if isinstance(asks, AwaitDue):
            if always or node.cell.newest_ever < self.scope.plans:
                new = node.copy()
                new.planner = told(publish_next, node.planner, True)
                yield After(new, counts=False)
        else:
            new = node.copy()
            assert isinstance(asks, Publish)
            received = self.store(new.cell, "planner").publish(asks.version, 0)
            new.planner = told(publish_next, node.planner, received)
            yield After(new, counts=True)
        if node.crashes and node.planner.carried != PlannerState():
            new = node.copy()
            new.planner, new.crashes = Process(PlannerState()), node.crashes - 1
            yield After(new, counts=True)

    def _enact(self, node: Node, number: int) -> Iterator[After]:
        role, me = self.roles[number], node.enactors[number]
        asks = pending(role, me)
        if isinstance(asks, (Work, Withdraw, Finish, Sleep, StartRenewal, StopRenewal)):
            new = told(role, me, None)
            if isinstance(asks, StartRenewal):
                new = replace(new, renewing=asks.lease, renewals=())
            if isinstance(asks, StopRenewal):
                new = replace(new, renewing=None, renewals=())
            yield After(with_enactor(node.copy(), number, new), counts=False)
            return
        done = self._do(node, number, asks, me.watched)
        if done is not None:
            received, after, watched = done
            me = after.node.enactors[number]
            with_enactor(after.node, number, replace(told(role, me, received), watched=watched))
            yield after
        elif self.scope.give_up and isinstance(asks, (AcquireLease, TakeExpired)):
            yield After(with_enactor(node.copy(), number, told(role, me, None)), counts=True)
        if isinstance(asks, Commit) and node.messages:
            new = with_enactor(
                node.copy(), number, replace(told(role, me, UNKNOWN), watched=(), sent=(*me.sent, (asks, me.watched)))
            )
            new.messages -= 1
            yield After(new, counts=True)

    def _do(self, node: Node, number: int, asks: Operation, watched: tuple[tuple[str, int], ...]) -> Any:  # noqa: C901, PLR0912  (one case an operation)
        after = After(node.copy(), counts=True)
        cell = after.node.cell
        store = self.store(cell, f"enactor-{number}")
        store.watched = dict(watched)
        token = f"grant-{sum(cell.fences.values())}-{number}"
        match asks:
            case AwaitPlan(newer_than):
                if store.newest() <= newer_than:
                    return None
                received: Any = store.newest()
            case ReadEndpoint(endpoint, watch):
                received = store.read(endpoint, watch=watch)
            case RegisterFence():
                received = store.register_fence(asks, 0)
            case Commit():
                received = store.commit(asks, 0)
            case AcquireLease(resource, ttl_ms):
                received = store.grant(resource, ttl_ms, token, 0) if node.grants else None
            case TakeExpired(resource, ttl_ms):
                received = (
                    store.grant_by_clock(resource, ttl_ms, token, 0, cell.now_us // 1000) if node.grants else None
                )
            case RenewLease(lease):
                received = store.renew(lease, 0)
            case ReleaseLease(lease):
                received = store.release(lease, 0)
            case ReleaseUnchecked(lease):
                received = store.release_unchecked(lease, 0)
            case ListPlans():
                received = store.plans()
            case DeletePlan():
                received = store.delete(asks, 0)
            case Belief(lease):
                renewed = node.enactors[number].renewals
                received = not any(isinstance(each, Refused) for each in renewed)
            case _:
                raise AssertionError(asks)
        if received is None:
            return None
        self._judge(after, node, number, asks, received)
        return received, after, tuple(store.watched.items())

    def _judge(self, after: After, before: Node, number: int, asks: Operation, received: Any) -> None:  # noqa: C901  (one case a property)
        node, cell, breaks = after.node, after.node.cell, after.breaks
        (event, *_) = [*cell.history, None]
        cell.history.clear()
        if event is not None and event.kind == "commit":
            if event.previous > event.version:
                breaks.add(Property.STALE_OVERWRITE)
            record = cell.at(event.endpoint).rollback
            if record and not cell.exists(record):
                breaks.add(Property.ROLLBACK)
        if event is not None and event.kind == "reject" and event.reason == Reason.NO_ROLLBACK_PLAN:
            breaks.add(Property.WEDGED)
        if dangling(cell) and not dangling(before.cell):
            breaks.add(Property.DANGLING)
        lease = getattr(asks, "lease", None)
        if isinstance(received, Lease):
            node.grants -= 1
            if any(resource == received.resource and holder != number for resource, holder, _ in node.holds):
                breaks.add(Property.DOUBLE_HOLD)
            if any(resource == received.resource for resource, _ in node.granted):
                breaks.add(Property.EXCLUSION)
            node.holds |= {(received.resource, number, received.token)}
            node.granted |= {(received.resource, received.token)}
        elif isinstance(asks, (ReleaseLease, ReleaseUnchecked)):
            node.holds -= {(lease.resource, number, lease.token)}
            node.granted -= {(lease.resource, lease.token)}
        elif isinstance(received, Refused) and received.reason in TOLD and lease is not None:
            node.holds -= {(lease.resource, number, lease.token)}
        elif isinstance(asks, RenewLease):
            if any(resource == lease.resource and token != lease.token for resource, token in node.granted):
                breaks.add(Property.EXCLUSION)
            node.granted |= {(lease.resource, lease.token)}

    def _renew(self, node: Node, number: int) -> Iterator[After]:
        me = node.enactors[number]
        if me.renewing is None or any(isinstance(each, Refused) for each in me.renewals):
            return
        program = keep_alive(self.guard.manager, me.renewing)
        asks = next(program)
        for received in me.renewals:
            asks = program.send(received)
        if isinstance(asks, Sleep):
            yield After(with_enactor(node.copy(), number, replace(me, renewals=(*me.renewals, None))), counts=False)
        elif sum(each is not None for each in me.renewals) < MAX_RENEWALS or asks.lease.token != getattr(
            node.cell.leases.get(asks.lease.resource), "token", None
        ):
            done = self._do(node, number, asks, me.watched)
            assert done is not None
            received, after, _ = done
            me = after.node.enactors[number]
            with_enactor(after.node, number, replace(me, renewals=(*me.renewals, received)))
            yield after

    def _arrive(self, node: Node, number: int) -> Iterator[After]:
        for place, (commit, watched) in enumerate(node.enactors[number].sent):
            done = self._do(node, number, commit, watched)
            assert done is not None
            _, after, _ = done
            me = after.node.enactors[number]
            with_enactor(after.node, number, replace(me, sent=me.sent[:place] + me.sent[place + 1 :]))
            yield after

    def _crash(self, node: Node, number: int) -> Iterator[After]:
        me = node.enactors[number]
        if node.crashes and replace(me, sent=()) != Process(EnactorState()):
            new = with_enactor(node.copy(), number, Process(EnactorState(), sent=me.sent))
            new.crashes -= 1
            new.holds = frozenset(each for each in node.holds if each[1] != number)
            yield After(new, counts=True)

    def _expire(self, node: Node) -> Iterator[After]:
        for resource, grant in node.cell.leases.items():
            new = node.copy()
            if resource in node.cell.expiries_ms:
                if node.cell.expiries_ms[resource] <= node.cell.now_us // 1000:
                    continue
                new.cell.expiries_ms[resource] = node.cell.now_us // 1000
            else:
                del new.cell.leases[resource]
                new.granted -= {(resource, grant.token)}
            yield After(new, counts=True)


def pending(role: Any, process: Process) -> Operation:
    program = role(process.carried)
    asks = next(program)
    for received in process.received:
        asks = program.send(received)
    return asks


def told(role: Any, process: Process, result: Any) -> Process:
    program = role(process.carried)
    next(program)
    try:
        for received in (*process.received, result):
            program.send(received)
    except StopIteration as end:
        return replace(process, carried=end.value, received=())
    return replace(process, received=(*process.received, result))


def with_enactor(node: Node, number: int, process: Process) -> Node:
    node.enactors = (*node.enactors[:number], process, *node.enactors[number + 1 :])
    return node


def dangling(cell: MemoryCell) -> bool:
    return any(at.version and not cell.exists(at.version) for at in cell.endpoints.values())
