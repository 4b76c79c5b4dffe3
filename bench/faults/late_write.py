"""A commit arrives after its endpoint has a newer version."""

from random import Random

from pydantic import Field

from leasebench.bench.faults.fault import FaultReport
from leasebench.bench.faults.network_fault import NetworkFault
from leasebench.bench.proxy.rules import Mode, NetRule
from leasebench.results.record.trouble import FaultEffect


class LateWrite(NetworkFault):
    """One in `every` commits of `enactors` is held until its endpoint has a newer version, `ms` or `times_ttl` at most.

    It arrives whether its sender still waits or not.
    """

    name = "late_write"
    about = "a commit is held on the wire until a successor has committed, then it arrives"
    colour = "#8e7cc3"
    needs_length = True

    every: int = Field(default=1, ge=1, le=1_000_000)

    def effect(self) -> FaultEffect:
        return FaultEffect.COMMITS

    def rules(self, number: int, ttl_ms: int, rng: Random) -> tuple[NetRule, ...]:
        hold_ms = self.length_ms(ttl_ms)
        rule = NetRule(number, Mode.LATE_WRITE, every=self.every, hold_ms=hold_ms, seed=rng.getrandbits(32))
        return (rule,)

    def describe(self, report: FaultReport) -> str:  # noqa: ARG002
        return "the network holds a commit of {target} back"


PLUGIN = LateWrite
