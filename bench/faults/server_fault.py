"""What the faults of a server have in common: which server they hit, when, and which guards they spare."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from leasebench.bench.faults.fault import CellFault, leases_elsewhere
from leasebench.bench.faults.lease_nodes import ALL, LeaseNodes, beyond, chosen, none_hit, told
from leasebench.bench.servers.binaries import brings_a_binary, embedded_binary
from leasebench.bench.servers.server import ServerUnusable
from leasebench.leases.manager import REDIS

if TYPE_CHECKING:
    from leasebench.bench.environment import Environment
    from leasebench.bench.servers.redis_node import Outage, RedisNode
    from leasebench.leases.guard import Guard

SPREAD = (0.5, 1.5)
"""Times are drawn between half of their mean and one and a half of it."""


class ServerFault(CellFault):
    """Hit the server of the leases or of the store, `first_s` seconds into the load and then `every_s`, on average.

    The server that is hit is one of the trial's own; the other part stays on the run's server. Where each cell has
    servers of its own, those of all `cells` are hit.
    """

    drivers = (REDIS,)
    """The trial's own server is a `RedisNode`."""

    server: Literal["lease", "store"] = "lease"
    """The server that it hits, one of the trial's own."""
    nodes: LeaseNodes = ALL
    """Of a lock on several lease servers: those that it hits, by number from 0, or `"minority"` or `"majority"`."""
    first_s: float = Field(default=0.5, gt=0, le=3_600)
    """When, on average, it hits first."""
    every_s: float = Field(default=1.0, gt=0, le=3_600)
    """And then again, from one begin to the next."""

    @model_validator(mode="after")
    def _nodes_are_of_the_leases(self) -> Self:
        if self.server == "store" and self.nodes != ALL:
            raise ValueError("nodes are those of the leases: the store has one server")
        return self

    @property
    def hit_server(self) -> str:
        return self.server

    @classmethod
    def available(cls) -> str | None:
        """A trial needs a server of its own."""
        if brings_a_binary():
            return None
        try:
            embedded_binary()
        except ServerUnusable as error:
            return str(error)
        return None

    def refuses(self, guard: "Guard") -> str | None:
        """With the leases on a server of their own, no transaction can see both a lease and an endpoint."""
        if self.server == "lease" and (where := leases_elsewhere(guard)):
            return where
        if self.server == "lease" and guard.rule.owner:
            return "the write and the check of the lease are one transaction: they need one server"
        return beyond(self.nodes, guard)

    def never_hits(self, guard: "Guard") -> str | None:
        """A minority of one server is none."""
        return none_hit(self.nodes, guard)

    @property
    def target(self) -> str:
        """Whom it hit, for `describe`: the server, and of several which."""
        return f"{{target}}{told(self.nodes)}"

    def windows(self, rng: Random, ttl_ms: int) -> Iterator[tuple[float, float]]:
        """Draw when; each window is over before the next begins."""
        begin_s = self.first_s * rng.uniform(*SPREAD)
        while True:
            end_s = begin_s + self.lasts_s(ttl_ms)
            yield begin_s, end_s
            begin_s = max(end_s, begin_s + self.every_s * rng.uniform(*SPREAD))

    def lasts_s(self, ttl_ms: int) -> float:  # noqa: ARG002
        """How long one window is; 0 for what is done in an instant."""
        return 0.0

    def ask(self, environment: "Environment", **wishes: object) -> None:
        """Ask for the servers that are to be hit, and that they be made so; see `NodeWish`."""
        environment.wish(self.server, self.hits_cell, self._numbers(environment), **wishes)

    def servers(self, environment: "Environment") -> "list[RedisNode]":
        """The servers that are hit."""
        return environment.nodes_of(self.server, self.hits_cell, self._numbers(environment))

    def _numbers(self, environment: "Environment") -> Sequence[int] | None:
        return None if self.server == "store" else chosen(self.nodes, environment.lease_nodes)


class OutageFault(ServerFault):
    """A server that is away for `down_ms`, or for as long as it takes to come back."""

    overhead_ms = 2000.0
    """Processes have to be started, and to load what they kept: 0.1 s, on a busy machine more."""

    down_ms: float = Field(default=20.0, ge=0, le=60_000)
    """How long the server is away; 0: for as long as it takes to come back."""

    def outage(self) -> bool:
        return True

    def lasts_s(self, ttl_ms: int) -> float:  # noqa: ARG002
        return self.down_ms / 1000


class Away:
    """Servers that are away."""

    def __init__(self, outages: "Sequence[Outage]") -> None:
        self._outages = outages

    def heal(self) -> bool:
        """Let them come back. It hit if something that was acknowledged is gone: an event, or a lease that stood."""
        losses = [outage.end() for outage in self._outages]
        return any(loss.events or loss.leases for loss in losses)
