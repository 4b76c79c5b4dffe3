"""A commit is done and its reply never comes."""

from random import Random

from pydantic import Field

from leasebench.bench.faults.fault import FaultReport
from leasebench.bench.faults.network_fault import NetworkFault
from leasebench.bench.proxy.rules import Mode, NetRule
from leasebench.results.record.trouble import FaultEffect


class LostReply(NetworkFault):
    """One in `every` commits of `enactors` is done and its reply lost.

    The connection ends `ms` or `times_ttl` later.
    """

    name = "lost_reply"
    about = "a commit is done, its reply is lost, and the connection ends some time later"
    colour = "#66c2a5"

    every: int = Field(default=1, ge=1, le=1_000_000)

    def effect(self) -> FaultEffect:
        return FaultEffect.COMMITS

    def rules(self, number: int, ttl_ms: int, rng: Random) -> tuple[NetRule, ...]:
        hold_ms = self.length_ms(ttl_ms)
        rule = NetRule(number, Mode.LOST_REPLY, every=self.every, hold_ms=hold_ms, seed=rng.getrandbits(32))
        return (rule,)

    def describe(self, report: FaultReport) -> str:  # noqa: ARG002
        return "the reply to a commit of {target} is lost, and its connection stands still"


PLUGIN = LostReply
