"""An enactor works slowly: every record tree takes it longer to build, while the planner goes on."""

from math import log
from random import Random

from pydantic import Field

from bench.faults import Action, Boundary, Delay, Victim
from enactors.operations import Operation, Work
from leases.definitions import Definition


class SlowSettings(Definition):
    """Add a log-normal delay of `median_ms` to each piece of work of `enactors`."""

    enactors: list[int] = Field(min_length=1)
    median_ms: float = Field(gt=0, le=60_000)
    sigma: float = Field(default=0.4, ge=0, le=3)

    def boundary(self, victim: Victim, rng: Random) -> Boundary | None:
        """Delay before every `Work`."""
        if victim.enactor not in self.enactors:
            return None

        def strike(when: str, operation: Operation) -> Action | None:
            if when == "before" and isinstance(operation, Work):
                return Delay(rng.lognormvariate(log(self.median_ms), self.sigma))
            return None

        return strike

    def hit(self, seconds: float, action_ms: float, victim: Victim) -> bool:  # noqa: ARG002
        """A delay hit if it was as long as asked."""
        return seconds * 1000 >= action_ms * 0.99


class SlowFault:
    """A delay before the work between check and commit."""

    name = "slow"
    about = "extra log-normal delay before each piece of work of some enactors"
    colour = "#e69f00"
    settings = SlowSettings

    def available(self) -> str | None:
        return None


PLUGIN = SlowFault()
