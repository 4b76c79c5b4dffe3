"""A server's wall clock steps: leases expire at once, or live longer than they were given."""

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from leasebench.bench.faults.fault import FaultReport, Injection
from leasebench.bench.faults.length import length_ms
from leasebench.bench.faults.server_fault import ServerFault
from leasebench.bench.servers.fakeclock import LIBRARY, faketime_library
from leasebench.results.record.trouble import FaultEffect

if TYPE_CHECKING:
    from leasebench.bench.environment import Environment
    from leasebench.bench.servers.redis_node import RedisNode


class ClockStep(ServerFault):
    """Step the clock by `step_ms`, or by `times_ttl` times the lease's time to live; negative: back.

    With `back` it steps the other way again `lasts_ms` later, as after a correction of the time.
    """

    name = "clock"
    about = "the wall clock of one server steps, forward or back; a lease's end is a time of that clock"
    colour = "#999999"
    instant = True

    step_ms: float | None = Field(default=None, ge=-86_400_000, le=86_400_000)
    times_ttl: float | None = Field(default=None, ge=-100, le=100)
    back: bool = False
    lasts_ms: float = Field(default=100.0, ge=0, le=600_000)

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if (self.step_ms is None) == (self.times_ttl is None):
            raise ValueError("say how far: either step_ms or times_ttl")
        if not (self.step_ms or self.times_ttl):
            raise ValueError("a step of 0 is none")
        return self

    @classmethod
    def available(cls) -> str | None:
        if faketime_library() is None:
            return f"{LIBRARY} is not installed: apt-get install libfaketime (Debian, Ubuntu)"
        return super().available()

    def effect(self) -> FaultEffect:
        return FaultEffect.TIMING

    def describe(self, report: FaultReport) -> str:  # noqa: ARG002
        return f"{self.target} has its clock stepped"

    def lasts_s(self, ttl_ms: int) -> float:  # noqa: ARG002
        return self.lasts_ms / 1000 if self.back else 0.0

    def arrange(self, environment: "Environment", number: int, rng: Random) -> None:  # noqa: ARG002
        """Ask for a server whose clock can step."""
        self.ask(environment, fake_clock=True)

    def inject(self, environment: "Environment", rng: Random) -> Injection:  # noqa: ARG002
        """Step."""
        step_ms = length_ms(self.step_ms, self.times_ttl, environment.ttl_ms)
        stepped, hit = [], False
        for node in self.servers(environment):
            stood = node.leases()
            if (loss := node.step_clock(step_ms)) is not None:
                stepped.append(node)
                hit |= (stood if step_ms < 0 else loss.leases) > 0
        return Stepped(stepped, -step_ms if self.back else 0.0, hit)


class Stepped:
    """Clocks that are wrong; `back_ms` is the way back, 0 to stay."""

    def __init__(self, nodes: "Sequence[RedisNode]", back_ms: float, hit: bool) -> None:
        self._nodes, self._back_ms, self._hit = nodes, back_ms, hit

    def heal(self) -> bool:
        """A step forward hit if a lease expired by it; one back, if a lease stood that now lives longer."""
        for node in self._nodes if self._back_ms else ():
            node.step_clock(self._back_ms)
        return self._hit


PLUGIN = ClockStep
