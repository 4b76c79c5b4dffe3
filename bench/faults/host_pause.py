"""All that a trial has on one host stands still: a virtual machine that is moved, or starved."""

from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from leasebench.bench.faults.fault import FaultReport, Injection
from leasebench.bench.faults.host_fault import HostFault
from leasebench.bench.faults.pause import PauseProcess, Stopped
from leasebench.bench.faults.spaced import spaced
from leasebench.results.record.suite import FaultEffect

if TYPE_CHECKING:
    from leasebench.bench.environment import Environment


class HostPause(HostFault):
    """Stop all processes on `host` (SIGSTOP) for `ms` or `times_ttl`, first after `first_s` of load.

    Then about every `every_s`. Its agent goes on: it has to let them go on.
    """

    name = "host_pause"
    about = "all processes on a host are stopped (SIGSTOP) for a while, as when a virtual machine is moved"
    colour = "#a04000"
    overhead_ms = 200.0
    """The agent is asked for each process, and waits until the kernel shows it as stopped."""

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

    @classmethod
    def available(cls) -> str | None:
        return PauseProcess.available()

    def effect(self) -> FaultEffect:
        return FaultEffect.TIMING

    def describe(self, report: FaultReport) -> str:  # noqa: ARG002
        return f"{{target}} is on host {self.hit_host}, all of whose processes are stopped (SIGSTOP)"

    def arrange(self, environment: "Environment", number: int, rng: Random) -> None:  # noqa: ARG002
        """There have to be hosts."""
        self.processes(environment)

    def windows(self, rng: Random, ttl_ms: int) -> Iterator[tuple[float, float]]:
        """Draw when they stand."""
        return spaced(self.first_s, self.every_s, self._length_ms(ttl_ms) / 1000, rng)

    def inject(self, environment: "Environment", rng: Random) -> Injection:  # noqa: ARG002
        """Stop them, one after the other."""
        return Stopped(environment, self.processes(environment))

    def hit(self, report: FaultReport) -> bool:
        """One that is to outlive the lease hit if it did; another one, if it lasted as long as asked."""
        outlives = self.times_ttl is not None and self.times_ttl >= 1
        return report.came and report.lasted_ms >= report.ttl_ms if outlives else report.lasted

    def _length_ms(self, ttl_ms: int) -> float:
        return self.ms if self.ms is not None else ttl_ms * (self.times_ttl or 0.0)


PLUGIN = HostPause
