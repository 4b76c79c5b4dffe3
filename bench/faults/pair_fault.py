"""What the fail-overs of a primary and its replica have in common, whoever decides that one takes over."""

from abc import abstractmethod
from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from leasebench.bench.faults.fault import FaultReport, Injection
from leasebench.bench.faults.lease_nodes import ALL
from leasebench.bench.faults.server_fault import ServerFault
from leasebench.leases.traits import on_servers_of_the_trial
from leasebench.results.record.process import Process

if TYPE_CHECKING:
    from leasebench.bench.environment import Environment
    from leasebench.bench.servers.pair import Pair, PairTerms
    from leasebench.bench.servers.trial_node import TrialNode
    from leasebench.enactors.store.store import CellAddress
    from leasebench.leases.guard import Guard

KILL, PARTITION = "kill", "partition"


class PairFault(ServerFault):
    """The server that is hit is a primary with a replica of the trial's own. `ms` after the blow the fault is over.

    That is, once the replica has taken over: then the old primary is made its replica, and what it alone had is gone.
    With `way = "partition"` the primary is cut off for `ms` together with the enactors `inside` and, with
    `planner_inside`, the planner: these still reach it, and nothing else; all others reach everything but it.
    """

    overhead_ms = 22_000.0
    """Those who decide take their time: about a second, on a busy machine more."""
    deeds: ClassVar[dict[str, str]] = {
        KILL: "dies, and its replica takes over",
        PARTITION: "is cut off together with some of its clients, and its replica takes over",
    }
    """What happens to the server, by way."""

    lag_ms: float = Field(default=20.0, ge=0, le=10_000)
    """How far the replica is behind."""
    min_replicas: int = Field(default=0, ge=0, le=1)
    """`min-replicas-to-write`: the primary refuses writes if no replica has said anything for a second."""
    wait_replicas: int = Field(default=0, ge=0, le=1)
    """How many replicas have to have a write before its client takes it for acknowledged (`WAIT`)."""
    wait_ms: int = Field(default=100, ge=1, le=60_000)
    """For so long it waits for them; then it does not know."""
    inside: list[int] = Field(default=[0])
    """The enactors, by number in their cell, that are on the primary's side of a partition."""
    planner_inside: bool = True
    """Whether the planner is on that side, too."""
    ms: float = Field(default=1_500.0, gt=0, le=60_000)
    """How long after the blow the old primary becomes the new one's replica, if that has taken over by then."""
    first_s: float = Field(default=1.0, gt=0, le=3_600)
    every_s: float = Field(default=3.0, gt=0, le=3_600)
    way: str = KILL
    """What makes the replica take over: a subclass knows which ways there are."""

    @model_validator(mode="after")
    def _no_nodes(self) -> Self:
        if self.nodes != ALL:
            raise ValueError("nodes are those of several lease servers: here one server has a replica")
        return self

    @abstractmethod
    def pair(self, terms: "PairTerms", name: str, cells: "Sequence[CellAddress]") -> "Pair":
        """The servers, not started yet."""

    def outage(self) -> bool:
        return True

    def lasts_s(self, ttl_ms: int) -> float:  # noqa: ARG002
        return self.ms / 1000

    def refuses(self, guard: "Guard") -> str | None:
        """A lock that brings its own several servers has no place on these, nor has a library that can't find them."""
        if self.server == "lease" and guard.exclude is not None:
            if on_servers_of_the_trial(guard.manager):
                return "its locks need servers of their own kind"
            if getattr(guard.manager, "plain_url", False):
                return "its library reads the server's URL itself, and knows none that moves"
        return super().refuses(guard)

    def describe(self, report: FaultReport) -> str:  # noqa: ARG002
        return f"{self.target} {self.deeds[self.way]}: over"

    def arrange(self, environment: "Environment", number: int, rng: Random) -> None:  # noqa: ARG002
        """Ask for a pair."""
        environment.wish_made_by(self.server, self.hits_cell, self._make)

    def inject(self, environment: "Environment", rng: Random) -> Injection:  # noqa: ARG002
        """Strike all pairs at once."""
        pairs = environment.made_for(self.server, self.hits_cell)
        return TakingOver([pair for pair in pairs if self._strike(pair)])

    def _make(self, name: str, cells: "Sequence[CellAddress]") -> "TrialNode":
        from leasebench.bench.servers.pair import PairTerms

        terms = PairTerms(self.lag_ms, self.min_replicas, self.wait_replicas, self.wait_ms, self._is_inside)
        return self.pair(terms, name, cells)

    def _is_inside(self, process: Process) -> bool:
        if process.kind == "planner":
            return self.planner_inside
        return process.kind == "enactor" and process.number in self.inside

    def _strike(self, pair: "Pair") -> bool:
        if self.way == KILL:
            return pair.kill()
        if self.way == PARTITION:
            return pair.cut_off()
        return pair.hand_over_to_replica(self.way)


class TakingOver:
    """Pairs of which the replica is about to take over."""

    def __init__(self, pairs: "Sequence[Pair]") -> None:
        self._pairs = pairs

    def heal(self) -> bool:
        """Wait until each has, and put the old primaries behind the new ones. A hit if any was ready to be struck."""
        for pair in self._pairs:
            pair.settle()
        return bool(self._pairs)
