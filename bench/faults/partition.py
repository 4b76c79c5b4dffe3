"""Nothing passes between some enactors and their servers for a while."""

from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING

from pydantic import Field

from leasebench.bench.faults.fault import FaultReport, Injection
from leasebench.bench.faults.network_fault import NetworkFault

if TYPE_CHECKING:
    from leasebench.bench.environment import Environment
    from leasebench.bench.proxy.proxy import Proxy

DRAWN = (0.75, 1.25)
"""From one cut to the next it is `every_s`, times something between."""


class Partition(NetworkFault):
    """Nothing of `enactors` passes for `ms` or `times_ttl`, first after `first_s` of load, then about every `every_s`.

    What was held arrives afterwards.
    """

    name = "partition"
    about = "some enactors are cut off from their servers for a while; what was held arrives afterwards"
    colour = "#1b4f72"
    needs_length = True

    first_s: float = Field(default=0.5, ge=0, le=86_400)
    every_s: float = Field(default=1.0, gt=0, le=86_400)

    def windows(self, rng: Random, ttl_ms: int) -> Iterator[tuple[float, float]]:
        """Draw when nothing passes."""
        begin_s = self.first_s
        while True:
            end_s = begin_s + self.length_ms(ttl_ms) / 1000
            yield begin_s, end_s
            begin_s = max(end_s, begin_s + self.every_s * rng.uniform(*DRAWN))

    def inject(self, environment: "Environment", rng: Random) -> Injection:  # noqa: ARG002
        """Cut all victims off at once."""
        return Cut(
            [environment.proxies[process] for process in environment.processes_of(self.programs, self.hits_cell)]
        )

    def describe(self, report: FaultReport) -> str:  # noqa: ARG002
        return "{target} is cut off from its servers"


class Cut:
    """Proxies that let nothing pass until they are healed."""

    def __init__(self, proxies: "list[Proxy]") -> None:
        self._proxies = proxies
        for proxy in proxies:
            proxy.cut()

    def heal(self) -> bool:
        """Let everything flow on; a hit if anything was held."""
        return sum([proxy.mend() for proxy in self._proxies]) > 0


PLUGIN = Partition
