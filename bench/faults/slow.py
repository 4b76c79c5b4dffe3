"""Something takes longer than it should: every record tree of one enactor, or any operation, at any endpoint."""

from collections.abc import Collection
from enum import StrEnum
from math import log
from random import Random
from typing import Self

from pydantic import Field, model_validator

from leasebench.bench.faults.fault import Action, Boundary, Delay, FaultReport, ProgramFault, Victim
from leasebench.bench.faults.trigger import RENEW, Step
from leasebench.leases.operations import Operation
from leasebench.results.record.trouble import FaultEffect

LONGEST_MS = 60_000.0


class DelayDistribution(StrEnum):
    """How delays are distributed; `pareto` is heavy-tailed."""

    FIXED = "fixed"
    LOG_NORMAL = "log_normal"
    PARETO = "pareto"


class SlowOperations(ProgramFault):
    """Add a delay of `median_ms` before each of the operations `at` of `enactors`, at `endpoints` or at all of them.

    `sigma` is the shape of a log-normal distribution; `alpha` that of a Pareto one (below 2: no variance), whose
    median is `median_ms` all the same.
    """

    name = "slow"
    about = "extra delay (fixed, log-normal or heavy-tailed) before chosen operations, endpoints and enactors"
    colour = "#e69f00"

    median_ms: float = Field(gt=0, le=LONGEST_MS)
    at: list[Step] = Field(default=["work"], min_length=1)
    endpoints: list[str] = Field(default_factory=list)
    distribution: DelayDistribution = DelayDistribution.LOG_NORMAL
    """How delays are distributed; `pareto` is heavy-tailed."""
    sigma: float = Field(default=0.4, ge=0, le=3)
    alpha: float = Field(default=1.5, gt=0.5, le=10)

    @model_validator(mode="after")
    def _renewals_are_elsewhere(self) -> Self:
        if RENEW in self.at:
            raise ValueError("a renewal is held by the fault 'pause' (before = 'renew', who = 'renewer')")
        return self

    @property
    def steps(self) -> Collection[str]:
        return self.at

    def effect(self) -> FaultEffect:
        return FaultEffect.TIMING

    def describe(self, report: FaultReport) -> str:  # noqa: ARG002
        return "{target} is held up"

    def armed_in(self, victim: Victim, rng: Random) -> Boundary | None:  # noqa: ARG002
        """Delay before every operation that is meant."""

        def act(side: str, operation: Operation) -> Action | None:
            if side != "before" or operation.step not in self.at:
                return None
            if self.endpoints and getattr(operation, "endpoint", None) not in self.endpoints:
                return None
            return Delay(self._draw_ms(rng))

        return act

    def hit(self, report: FaultReport) -> bool:
        """A delay hit if it was as long as asked."""
        return report.lasted

    def _draw_ms(self, rng: Random) -> float:
        if self.distribution is DelayDistribution.LOG_NORMAL:
            return min(rng.lognormvariate(log(self.median_ms), self.sigma), LONGEST_MS)
        if self.distribution is DelayDistribution.PARETO:
            return min(self.median_ms / 2 ** (1 / self.alpha) * rng.paretovariate(self.alpha), LONGEST_MS)
        return self.median_ms


PLUGIN = SlowOperations
