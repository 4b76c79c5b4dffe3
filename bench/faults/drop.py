"""Requests are lost, and with each the rest of its connection."""

from random import Random

from pydantic import Field

from leasebench.bench.faults.fault import FaultReport
from leasebench.bench.faults.network_fault import NetworkFault
from leasebench.bench.proxy.rules import Mode, NetRule, On
from leasebench.results.record.trouble import FaultEffect


class NetworkDrop(NetworkFault):
    """With `drop_chance` a request (`on` = `all`) or commit (`commit`) of `enactors` is lost.

    Whatever follows on the same connection is lost too, as in a stream.
    """

    name = "drop"
    about = "requests of an enactor are lost by chance, and with each the rest of its connection"
    colour = "#2a7fb8"

    drop_chance: float = Field(gt=0, le=1)
    on: On = On.ALL

    def effect(self) -> FaultEffect:
        return FaultEffect.COMMITS if self.on is On.COMMIT else FaultEffect.REQUESTS

    def rules(self, number: int, ttl_ms: int, rng: Random) -> tuple[NetRule, ...]:  # noqa: ARG002
        rule = NetRule(number, Mode.DROP, on=self.on, drop_chance=self.drop_chance, seed=rng.getrandbits(32))
        return (rule,)

    def describe(self, report: FaultReport) -> str:  # noqa: ARG002
        return "the network drops what {target} sent"


PLUGIN = NetworkDrop
