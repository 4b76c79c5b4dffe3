"""The state of an exploration as values: the world that all processes share, an enactor's local state, and moves.

A world is the store's state and what is left of the scope's budgets. A `MemoryCell` holds more than any program can
tell apart. This is left out, and for these reasons two cells that differ only there are one world:

- its history and clock: no operation reads them, since deadlines are not used and an expiry is a step of its own;
- the rollback record of an endpoint: programs never read it;
- how often an endpoint was written: WATCH asks only whether there was a write since, and `watches` says that;
- the version that first held a rollback's content: an enactor applies versions;
- the values of tokens and fencing numbers. Both grow without end, but they are only compared: a token with the one that
  holds the lease, a fencing number with others of the same resource. Each fencing number of a resource has one token,
  so comparing the numbers compares the tokens. And only those numbers matter that something can still name: a lease to
  which a program or a message has a reference (`held`), or the highest number seen at an endpoint. So each is replaced
  by its rank among those, and the next grant gets a number above all of them, as it did before. Where the guard's
  commit compares no fencing numbers, it is enough to know whether a lease is the current one;
- the identity of a granted lease that nobody can name any more (`ORPHAN`): its token differs from every token in use.
"""

from typing import NamedTuple

from leasebench.bench.engines.explorer.properties import Property
from leasebench.enactors.operations import Commit
from leasebench.leases.lease import Lease

ORPHAN = -1
"""The fencing number of a granted lease that nobody can name any more."""
CURRENT, LOST = 1, 0
"""Fencing numbers where it only matters whether the lease is the one that the server has."""
BY_SERVER, BY_RECORD, RECORD_OVER = 0, 1, 2
"""What ends a lease: the server; a record that is still good; or a record that looks expired to whoever reads it."""
OWN_CONNECTION = -1
"""The slot of a client's own connection, among those of its messages in flight."""


class EndpointState(NamedTuple):
    """One endpoint: the version in force, and the highest fencing number seen there."""

    version: int
    fence: int


class ServerLease(NamedTuple):
    """A granted lease, as the server has it."""

    resource: str
    fence: int
    expires: int


class HeldLease(NamedTuple):
    """A lease that somebody can still name: `slot` is its owner's name for it.

    `holding`: its owner neither released it nor was told that it is lost. `unexpired`: by the server's account it
    neither expired nor was given back by its owner. Unless the store is faulty, that is the server's current lease.
    """

    client: int
    slot: int
    resource: str
    fence: int
    holding: bool
    unexpired: bool


class WatchedEndpoint(NamedTuple):
    """What a connection watches, and whether that was written since."""

    client: int
    slot: int
    endpoint: str
    changed: bool


class World(NamedTuple):
    """Everything shared. `planner` is the planner's position, the last three what is left of the scope's budgets."""

    newest: int
    live: tuple[int, ...]
    quarantined: tuple[int, ...]
    endpoints: tuple[EndpointState, ...]
    leases: tuple[ServerLease, ...]
    held: tuple[HeldLease, ...]
    watches: tuple[WatchedEndpoint, ...]
    planner: int
    crashes: int
    messages: int
    grants: int

    def exists(self, version: int) -> bool:
        """Whether plan `version` still resolves."""
        return version in self.live or version in self.quarantined

    @property
    def dangles(self) -> bool:
        """Whether an endpoint points at a deleted plan."""
        return any(at.version and not self.exists(at.version) for at in self.endpoints)

    def permuted(self, order: tuple[int, ...]) -> "World":
        """The same world with its clients renamed: client `order[i]` becomes client `i`.

        Sound as a symmetry only between clients that run the same program from the same start: the store treats all
        clients alike, so any run of the one world is a run of the other with the names changed.
        """
        if not self.held and not self.watches:
            return self
        name = {client: number for number, client in enumerate(order)}
        return self._replace(
            held=tuple(sorted(each._replace(client=name[each.client]) for each in self.held)),
            watches=tuple(sorted(each._replace(client=name[each.client]) for each in self.watches)),
        )


class Ranks(NamedTuple):
    """How fencing numbers are compared in a cell: `domains` names the resource whose numbers an endpoint has seen."""

    domains: tuple[str, ...]
    fenced: bool

    def normalised(self, world: World) -> World:
        """The world with its fencing numbers replaced by ranks, as this module's docstring argues."""
        if not world.leases and not world.held:
            if not any(at.fence for at in world.endpoints):
                return world
            return world._replace(endpoints=tuple(EndpointState(at.version, 0) for at in world.endpoints))
        named = {(each.resource, each.fence) for each in world.held}
        rank = self._ranks(world, named) if self.fenced else self._current(world, named)
        endpoints = world.endpoints
        if self.fenced:
            endpoints = tuple(
                EndpointState(version, rank[domain, fence])
                for domain, (version, fence) in zip(self.domains, endpoints, strict=True)
            )
        leases = tuple(
            ServerLease(resource, rank[resource, fence] if (resource, fence) in named else ORPHAN, expires)
            for resource, fence, expires in world.leases
        )
        held = [
            HeldLease(client, slot, resource, rank[resource, fence], holding, unexpired)
            for client, slot, resource, fence, holding, unexpired in world.held
        ]
        held.sort()
        return world._replace(endpoints=endpoints, leases=leases, held=tuple(held))

    def _ranks(self, world: World, named: set[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """The rank of each number among those of its resource that anything can name."""
        values: dict[str, set[int]] = {}
        for domain, at in zip(self.domains, world.endpoints, strict=True):
            values.setdefault(domain, set()).add(at.fence)
        for resource, fence in named:
            values.setdefault(resource, set()).add(fence)
        return {(domain, fence): number for domain, seen in values.items() for number, fence in enumerate(sorted(seen))}

    @staticmethod
    def _current(world: World, named: set[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """The index, among the numbers that anything can name, of the server's current lease."""
        current = {lease[:2] for lease in world.leases}
        return {each: CURRENT if each in current else LOST for each in named}

    def highest(self, world: World, resource: str) -> int:
        """The highest fencing number of `resource` that anything can name; the next grant's is above it."""
        seen = [at.fence for domain, at in zip(self.domains, world.endpoints, strict=True) if domain == resource]
        return max((*seen, *(held.fence for held in world.held if held.resource == resource)), default=0)


STEP, SEND, ARRIVE, GIVE_UP, CRASH, EXPIRE = "step", "send", "arrive", "give_up", "crash", "expire"


class Choice(NamedTuple):
    """What happens next: whose move, which kind, and of which lease or message where there is a choice.

    `step`: the actor's operation is done and its result received. `send`: its commit is sent, no reply comes. `arrive`:
    a sent commit reaches the store. `give_up`: it stops waiting for a lease. `crash`: it dies and starts again.
    `expire`: a lease runs out.
    """

    actor: str
    action: str
    what: str = ""


class InFlight(NamedTuple):
    """A commit in flight; `slot` names it among its sender's, and the lease that it carries."""

    slot: int
    commit: Commit


class LocalState(NamedTuple):
    """The local state of an enactor: its program's position, its renewer, and its commits in flight.

    `renewing` is the lease that its renewer keeps alive, `notified` whether the renewer was told that it is lost.
    """

    position: int
    renewing: Lease | None = None
    notified: bool = False
    sent: tuple[InFlight, ...] = ()


class Move(NamedTuple):
    """One move: where it leads (a world, and the mover's local state), and which properties it breaks."""

    choice: Choice
    world: int
    local: int
    breaks: frozenset[Property]
