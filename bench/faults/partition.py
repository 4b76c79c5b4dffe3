"""Nothing passes between some enactors and their servers for a while."""

from collections.abc import Collection, Iterator
from random import Random
from typing import TYPE_CHECKING

from pydantic import Field

from leasebench.bench.faults.fault import FaultReport, Injection
from leasebench.bench.faults.lease_nodes import LeaseNodes, beyond, chosen, none_hit, told
from leasebench.bench.faults.network_fault import NetworkFault
from leasebench.bench.faults.spaced import spaced

if TYPE_CHECKING:
    from leasebench.bench.environment import Environment
    from leasebench.bench.proxy.route import RouteProxy
    from leasebench.leases.guard import Guard

SERVERS = "its servers"


class Partition(NetworkFault):
    """Nothing of `enactors` passes for `ms` or `times_ttl`, first after `first_s` of load, then about every `every_s`.

    What was held arrives afterwards.
    """

    name = "partition"
    about = "some enactors are cut off from their servers for a while; what was held arrives afterwards"
    colour = "#1b4f72"
    needs_length = True

    nodes: LeaseNodes | None = None
    """The lease servers that they are cut off from, by number from 0, or `"all"`, `"minority"`, `"majority"`; without
    it, from all servers, the store's too."""
    first_s: float = Field(default=0.5, ge=0, le=86_400)
    every_s: float = Field(default=1.0, gt=0, le=86_400)

    def refuses(self, guard: "Guard") -> str | None:
        """With `nodes` the leases are on a server of their own, which no transaction of the store's can see."""
        if self.nodes is not None and guard.rule.owner:
            return "the write and the check of the lease are one transaction: they need one server"
        return super().refuses(guard) or (None if self.nodes is None else beyond(self.nodes, guard))

    def never_hits(self, guard: "Guard") -> str | None:
        """A minority of one server is none."""
        return None if self.nodes is None else none_hit(self.nodes, guard)

    def arrange(self, environment: "Environment", number: int, rng: Random) -> None:
        """Ask for routes that can be cut, and with `nodes` for lease servers apart from the store's."""
        super().arrange(environment, number, rng)
        if self.nodes is not None:
            environment.wish("lease", self.hits_cell, chosen(self.nodes, environment.lease_nodes))

    def windows(self, rng: Random, ttl_ms: int) -> Iterator[tuple[float, float]]:
        """Draw when nothing passes."""
        return spaced(self.first_s, self.every_s, self.length_ms(ttl_ms) / 1000, rng)

    def inject(self, environment: "Environment", rng: Random) -> Injection:  # noqa: ARG002
        """Cut all victims off at once."""
        victims = environment.processes_of(self.programs, self.hits_cell)
        leases = None if self.nodes is None else chosen(self.nodes, environment.lease_nodes)
        return Cut([environment.proxies[process] for process in victims], leases)

    def describe(self, report: FaultReport) -> str:  # noqa: ARG002
        return f"{{target}} is cut off from {SERVERS if self.nodes is None else f'the lease server{told(self.nodes)}'}"


class Cut:
    """Proxies that let nothing pass until they are healed."""

    def __init__(self, proxies: "list[RouteProxy]", leases: Collection[int] | None) -> None:
        self._proxies, self._leases = proxies, leases
        for proxy in proxies:
            proxy.cut(leases)

    def heal(self) -> bool:
        """Let everything flow on; a hit if anything was held."""
        return sum([proxy.mend(self._leases) for proxy in self._proxies]) > 0


PLUGIN = Partition
