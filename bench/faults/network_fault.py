"""What the faults of the network have in common: each victim's connections lead through a proxy of its own.

The route of every other process stays as it is.
"""

from random import Random
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from leasebench.bench.faults.fault import ProgramFault, leases_elsewhere
from leasebench.bench.faults.length import length_ms
from leasebench.bench.proxy.rules import NetRule, ProxyWish
from leasebench.leases.manager import REDIS
from leasebench.results.record.trouble import FaultEffect

if TYPE_CHECKING:
    from leasebench.bench.environment import Environment
    from leasebench.leases.guard import Guard


class NetworkFault(ProgramFault):
    """Something between `enactors` and their servers; `ms` or `times_ttl` (of the lease) is a length of time."""

    drivers = (REDIS,)
    """The proxy has to tell where a request ends and whether it is a commit (`proxy.spotting`)."""
    needs_length: ClassVar[bool] = False
    """Whether `ms` or `times_ttl` has to be given."""

    ms: float | None = Field(default=None, gt=0, le=60_000)
    """A length of time; what is done for so long, the class says."""
    times_ttl: float | None = Field(default=None, gt=0, le=100)
    """The same, in times to live of the lease; one of the two."""

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if self.ms is not None and self.times_ttl is not None:
            raise ValueError("say how long: either ms or times_ttl, not both")
        if self.needs_length and self.ms is None and self.times_ttl is None:
            raise ValueError("say how long (at most): it needs ms or times_ttl")
        return self

    def effect(self) -> FaultEffect:
        return FaultEffect.REQUESTS

    def outage(self) -> bool:
        """Whatever it does, a request may come to nothing."""
        return True

    def refuses(self, guard: "Guard") -> str | None:
        """A proxy reads the protocol of Redis; other connections of a process it would let through unharmed."""
        return leases_elsewhere(guard)

    def arrange(self, environment: "Environment", number: int, rng: Random) -> None:
        """Lead each victim's connections through a proxy, with this fault's rule."""
        for process in environment.processes_of(self.programs, self.hits_cell):
            environment.route(process, ProxyWish(self.rules(number, environment.ttl_ms, rng)))

    def rules(self, number: int, ttl_ms: int, rng: Random) -> tuple[NetRule, ...]:  # noqa: ARG002
        """What the proxy does by itself."""
        return ()

    def length_ms(self, ttl_ms: int) -> float:
        """How long, given the lease's time to live; 0 where nothing was said."""
        return length_ms(self.ms, self.times_ttl, ttl_ms)
