"""The effect of one operation on one world: thaw a cell from it, let the store in memory act, freeze what is left.

The explorer has no semantics of its own: whatever a commit rule or a lease protocol decides is decided by the store in
memory, which the conformance tests hold against the real ones.
"""

from dataclasses import replace
from typing import Any, NamedTuple

from leasebench.bench.engines.explorer.commit_properties import broken_by_commit
from leasebench.bench.engines.explorer.properties import Property
from leasebench.bench.engines.explorer.states import (
    BY_RECORD,
    BY_SERVER,
    OWN_CONNECTION,
    RECORD_OVER,
    EndpointState,
    HeldLease,
    Ranks,
    ServerLease,
    WatchedEndpoint,
    World,
)
from leasebench.enactors.operations import Commit
from leasebench.enactors.plan import Cell
from leasebench.enactors.store.memory.memory_cell import Endpoint, Grant, MemoryCell
from leasebench.enactors.store.memory.memory_store import MemoryStore
from leasebench.enactors.store.performing import perform
from leasebench.leases.lease import Lease
from leasebench.leases.operations import (
    AcquireLease,
    Operation,
    ReleaseLease,
    ReleaseUnchecked,
    RenewLease,
    TakeExpired,
)
from leasebench.leases.outcome import Done, Reason, Refused

WRITES = 1
"""How often a thawed endpoint was written; a connection whose watched endpoint was written since saw one less."""
LOSS_REASONS = (Reason.LEASE_LOST, Reason.NOT_OWNER, Reason.FENCE_TOO_LOW)
"""Refusals that tell an owner that its lease is lost."""
NOTHING_BROKEN: frozenset[Property] = frozenset()


class MustWait(Exception):
    """The operation waits for something that is not there yet."""


class Effect(NamedTuple):
    """What one operation did: the world after it, its result, and which properties this step broke."""

    world: World
    result: Any
    breaks: frozenset[Property]


def lease_of_slot(resource: str, slot: int, ttl_ms: int) -> Lease:
    """A lease as programs are given it here: named by its owner's slot instead of a fresh token.

    Programs pass a lease on and never look into it, so they do the same under any name.
    """
    return Lease(resource, f"own-{slot}", slot, slot, ttl_ms)


class CellModel:
    """The effects of operations, expiries and lost references on the worlds of one cell."""

    def __init__(self, cell: Cell, ranks: Ranks, store: type[MemoryStore]) -> None:
        self._cell, self._ranks, self._store = cell, ranks, store

    def perform(
        self, world: World, client: int, operation: Operation, slot: int, connection: int = OWN_CONNECTION
    ) -> Effect:
        """Do one operation of a client. A lease that it is granted gets the name `slot`. Raises MustWait."""
        return _Thawed(self._cell, self._ranks, self._store, world, client, connection).perform(operation, slot)

    def expire(self, world: World, resource: str) -> World:
        """Let a lease expire. One that ends by its owner's record stays, and looks expired to its readers."""
        (lease,) = (each for each in world.leases if each.resource == resource)
        others = tuple(each for each in world.leases if each.resource != resource)
        if lease.expires == BY_RECORD:
            return world._replace(leases=tuple(sorted((*others, lease._replace(expires=RECORD_OVER)))))
        held = tuple(
            each._replace(unexpired=False) if (each.resource, each.fence) == lease[:2] else each for each in world.held
        )
        return self._ranks.normalised(world._replace(leases=others, held=held))

    def forget(self, world: World, client: int, slots: frozenset[int], *, connection: bool = True) -> World:
        """The world once `client` can name the leases of `slots` only; without `connection`, its own is closed."""
        held = tuple(each for each in world.held if each.client != client or each.slot in slots)
        watches = world.watches
        if not connection:
            watches = tuple(each for each in watches if (each.client, each.slot) != (client, OWN_CONNECTION))
        if len(held) == len(world.held):
            return world if watches == world.watches else world._replace(watches=watches)
        return self._ranks.normalised(world._replace(held=held, watches=watches))

    def send(self, world: World, client: int, commit: Commit, slot: int) -> tuple[World, Commit]:
        """Put a commit on its way under a name of its own: its sender may go on and forget the lease it names."""
        held, watches = list(world.held), list(world.watches)
        if commit.lease is not None:
            own = next(each for each in held if (each.client, each.slot) == (client, commit.lease.grant))
            held.append(own._replace(slot=slot, holding=False, unexpired=False))
            commit = replace(commit, lease=lease_of_slot(own.resource, slot, commit.lease.ttl_ms))
        # The connection broke, or the reply would have come: what it watched goes with the message.
        watches = [
            each._replace(slot=slot) if (each.client, each.slot) == (client, OWN_CONNECTION) else each
            for each in watches
        ]
        sent = world._replace(held=tuple(sorted(held)), watches=tuple(sorted(watches)), messages=world.messages - 1)
        return sent, commit


class _Thawed:
    """A cell thawed from a world, for one operation of one client."""

    def __init__(
        self, cell: Cell, ranks: Ranks, store: type[MemoryStore], world: World, client: int, connection: int
    ) -> None:
        self._ranks, self._world, self._client, self._connection = ranks, world, client, connection
        self._held = {(each.client, each.slot): each for each in world.held}
        self._breaks: set[Property] = set()
        self._grants = world.grants
        self._cell = thawed = MemoryCell(cell, newest_ever=world.newest, live=set(world.live))
        self._now_ms = thawed.now_us // 1000
        thawed.quarantined = set(world.quarantined)
        thawed.endpoints = {
            name: Endpoint(at.version, 0, WRITES, at.fence)
            for name, at in zip(cell.endpoints, world.endpoints, strict=True)
        }
        for lease in world.leases:
            thawed.leases[lease.resource] = Grant(_token(lease.fence), None)
            if lease.expires != BY_SERVER:
                thawed.expiries_ms[lease.resource] = self._now_ms + (lease.expires == BY_RECORD)
        self._store = store(thawed, f"client-{client}")
        self._store.watched = {
            each.endpoint: WRITES - each.changed
            for each in world.watches
            if (each.client, each.slot) == (client, connection)
        }

    def perform(self, operation: Operation, slot: int) -> Effect:
        """Perform the operation, and freeze what it left."""
        received = self._do(operation, slot)
        lease: Lease | None = getattr(operation, "lease", None)
        if lease is not None:
            self._note(operation, lease, received)
        world = self._frozen()
        if world.dangles and not self._world.dangles:
            self._breaks.add(Property.DANGLING)
        return Effect(world, received, frozenset(self._breaks) if self._breaks else NOTHING_BROKEN)

    def _do(self, operation: Operation, slot: int) -> Any:
        if isinstance(operation, (AcquireLease, TakeExpired)):
            self._counter(operation.resource)
        received = perform(self._store, self._as_the_store_knows(operation), 0, f"new-{slot}", self._now_ms)
        if isinstance(operation, (AcquireLease, TakeExpired)):
            return self._granted(received, slot)
        if received is None:
            raise MustWait
        if isinstance(operation, Commit):
            self._breaks |= broken_by_commit(operation, received, self._cell)
        return received

    def _as_the_store_knows(self, operation: Any) -> Operation:
        """The operation with the lease that it names, if any, by the token and number that the store has."""
        lease: Lease | None = getattr(operation, "lease", None)
        asked: Operation = operation if lease is None else replace(operation, lease=self._named(lease))
        return asked

    def _counter(self, resource: str) -> None:
        if self._world.grants == 0:
            raise MustWait
        self._cell.fences[resource] = self._ranks.highest(self._world, resource)

    def _granted(self, lease: Lease | None, slot: int) -> Lease:
        if lease is None or lease.fence is None:
            raise MustWait
        self._grants -= self._grants > 0
        self._cell.leases[lease.resource].token = _token(lease.fence)
        others = [each for each in self._held.values() if each.resource == lease.resource]
        if any(each.holding and each.client != self._client for each in others):
            self._breaks.add(Property.DOUBLE_HOLD)
        if any(each.unexpired for each in others):
            self._breaks.add(Property.EXCLUSION)
        self._held[self._client, slot] = HeldLease(self._client, slot, lease.resource, lease.fence, True, True)
        return lease_of_slot(lease.resource, slot, lease.ttl_ms)

    def _note(self, operation: Operation, lease: Lease, received: Any) -> None:
        """Keep account of who still holds its lease, and of whose grant the server still counts."""
        key = (self._client, lease.grant)
        held = self._held[key]
        if isinstance(operation, (ReleaseLease, ReleaseUnchecked)):
            held = held._replace(holding=False, unexpired=False)
        elif isinstance(received, Refused) and received.reason in LOSS_REASONS:
            held = held._replace(holding=False)
        elif isinstance(operation, RenewLease) and isinstance(received, Done) and not held.unexpired:
            held = held._replace(unexpired=True)
            if any(each.unexpired for each in self._held.values() if each.resource == held.resource):
                self._breaks.add(Property.EXCLUSION)
        self._held[key] = held

    def _named(self, lease: Lease) -> Lease:
        """The lease as the store knows it."""
        fence = self._held[self._client, lease.grant].fence
        return Lease(lease.resource, _token(fence), fence, 0, lease.ttl_ms)

    def _frozen(self) -> World:
        cell, world = self._cell, self._world
        leases = []
        for resource, grant in sorted(cell.leases.items()):
            expires = BY_SERVER
            if resource in cell.expiries_ms:
                expires = BY_RECORD if cell.expiries_ms[resource] > self._now_ms else RECORD_OVER
            leases.append(ServerLease(resource, _fence(grant.token), expires))
        frozen = World(
            cell.newest_ever,
            tuple(sorted(cell.live)),
            tuple(sorted(cell.quarantined)),
            tuple(EndpointState(at.version, at.fence_seen) for at in map(cell.at, cell.cell.endpoints)),
            tuple(leases),
            tuple(sorted(self._held.values())),
            self._watches(),
            world.planner,
            world.crashes,
            world.messages,
            self._grants,
        )
        return self._ranks.normalised(frozen)

    def _watches(self) -> tuple[WatchedEndpoint, ...]:
        own = (self._client, self._connection)
        watches = [
            each._replace(changed=each.changed or self._cell.at(each.endpoint).writes > WRITES)
            for each in self._world.watches
            if (each.client, each.slot) != own
        ]
        watches += [
            WatchedEndpoint(*own, endpoint, self._cell.at(endpoint).writes != writes)
            for endpoint, writes in self._store.watched.items()
        ]
        return tuple(sorted(watches))


def _token(fence: int) -> str:
    return f"grant {fence}"


def _fence(token: str) -> int:
    return int(token.partition(" ")[2])
