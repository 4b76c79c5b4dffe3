"""What the faults of a whole host have in common: they hit all that a trial has there, whichever kind it is."""

from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from leasebench.bench.faults.fault import Fault
from leasebench.bench.faults.length import length_ms
from leasebench.bench.faults.spaced import spaced
from leasebench.bench.servers.server import ServerUnusable

if TYPE_CHECKING:
    from leasebench.bench.environment import Environment
    from leasebench.results.record.process import Process


class HostFault(Fault):
    """A fault of one host of a run on several."""

    host: int = Field(default=0, ge=0, le=999)
    """The host that it hits: 0 is h0."""

    @property
    def hit_host(self) -> str:
        return f"h{self.host}"

    @property
    def least_hosts(self) -> int:
        """Beside the one that is hit there has to be one that is not."""
        return max(self.host + 1, 2)

    def processes(self, environment: "Environment") -> "list[Process]":
        """The processes there; none where the host was lost. Raises ServerUnusable where there are no hosts at all."""
        if environment.hosts is None:
            raise ServerUnusable(f"the fault {self.name} is one of several hosts: run it with --hosts")
        return environment.hosts.processes_on(self.hit_host)


class HostOutage(HostFault):
    """One that comes again and again, for `ms` or `times_ttl`."""

    ms: float | None = Field(default=None, gt=0, le=600_000)
    """How long."""
    times_ttl: float | None = Field(default=None, gt=0, le=100)
    """The same, in times to live of the lease; one of the two."""
    first_s: float = Field(default=0.5, ge=0, le=86_400)
    every_s: float = Field(default=1.5, gt=0, le=86_400)

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if (self.ms is None) == (self.times_ttl is None):
            raise ValueError("say how long: either ms or times_ttl")
        return self

    def windows(self, rng: Random, ttl_ms: int) -> Iterator[tuple[float, float]]:
        """Draw when it is in force."""
        return spaced(self.first_s, self.every_s, self.length_ms(ttl_ms) / 1000, rng)

    def length_ms(self, ttl_ms: int) -> float:
        """How long, given the lease's time to live."""
        return length_ms(self.ms, self.times_ttl, ttl_ms)
