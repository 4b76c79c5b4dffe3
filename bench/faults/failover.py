"""A primary dies and its replica takes over, without the writes that had not reached it."""

from random import Random
from typing import TYPE_CHECKING

from pydantic import Field

from leasebench.bench.faults.fault import FaultReport, Injection
from leasebench.bench.faults.server_fault import Away, OutageFault

if TYPE_CHECKING:
    from leasebench.bench.environment import Environment


class FailOver(OutageFault):
    """The replica is `lag_ms` behind; it takes over after `down_ms`, and gets a fresh replica of its own."""

    name = "failover"
    about = "the primary dies and its lagging replica is promoted: the last acknowledged writes are gone"
    colour = "#009e73"

    lag_ms: float = Field(default=20.0, ge=0, le=10_000)

    def describe(self, report: FaultReport) -> str:  # noqa: ARG002
        return f"{self.target} fails over to its replica: away"

    def arrange(self, environment: "Environment", number: int, rng: Random) -> None:  # noqa: ARG002
        """Ask for a server with a replica."""
        self.ask(environment, replica_lag_ms=self.lag_ms)

    def inject(self, environment: "Environment", rng: Random) -> Injection:  # noqa: ARG002
        """The primary dies."""
        return Away([node.fail_over() for node in self.servers(environment)])


PLUGIN = FailOver
