"""Requests arrive later than they were sent."""

from random import Random
from typing import Self

from pydantic import Field, model_validator

from leasebench.bench.faults.fault import FaultReport
from leasebench.bench.faults.network_fault import NetworkFault
from leasebench.bench.proxy.rules import Mode, NetRule, On
from leasebench.results.record.trouble import FaultEffect


class NetworkDelay(NetworkFault):
    """Each request (`on` = `all`) or commit (`commit`) of `enactors` arrives `ms` or `times_ttl` later.

    A log-normal `jitter_ms` (its median) is added to that.
    """

    name = "delay"
    about = "every request, or every commit, of an enactor arrives later, with jitter"
    colour = "#56b4e9"

    jitter_ms: float = Field(default=0.0, ge=0, le=10_000)
    on: On = On.ALL

    @model_validator(mode="after")
    def _some_length(self) -> Self:
        if self.ms is None and self.times_ttl is None and not self.jitter_ms:
            raise ValueError("say how long: it needs ms or times_ttl, or jitter_ms")
        return self

    def effect(self) -> FaultEffect:
        return FaultEffect.COMMITS if self.on is On.COMMIT else FaultEffect.REQUESTS

    def rules(self, number: int, ttl_ms: int, rng: Random) -> tuple[NetRule, ...]:
        return (
            NetRule(
                number,
                Mode.DELAY,
                on=self.on,
                delay_ms=self.length_ms(ttl_ms),
                jitter_ms=self.jitter_ms,
                seed=rng.getrandbits(32),
            ),
        )

    def describe(self, report: FaultReport) -> str:  # noqa: ARG002
        return "the network delays what {target} sent"

    def hit(self, report: FaultReport) -> bool:
        """A delay hit if it was as long as asked."""
        return report.lasted


PLUGIN = NetworkDelay
