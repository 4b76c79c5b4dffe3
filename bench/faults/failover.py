"""A primary dies and its replica takes over, without the writes that had not reached it."""

from random import Random

from pydantic import Field

from leasebench.bench.faults import Injection
from leasebench.bench.nodefault import Away, DownStrike, no_embedded_server
from leasebench.bench.stage import Stage


class FailoverSettings(DownStrike):
    """The replica is `lag_ms` behind; it takes over after `down_ms`, and gets a fresh replica of its own."""

    lag_ms: float = Field(default=20.0, ge=0, le=10_000)

    def arrange(self, stage: Stage, number: int, rng: Random) -> None:  # noqa: ARG002
        """Ask for a server with a replica."""
        stage.wish(self.server, replica_lag_ms=self.lag_ms)

    def inject(self, stage: Stage, rng: Random) -> Injection:  # noqa: ARG002
        """The primary dies."""
        return Away(self.node(stage).fail_over())


class FailoverFault:
    """Asynchronous replication: what is acknowledged is not what is replicated."""

    name = "failover"
    about = "the primary dies and its lagging replica is promoted: the last acknowledged writes are gone"
    colour = "#009e73"
    settings = FailoverSettings

    def available(self) -> str | None:
        return no_embedded_server()


PLUGIN = FailoverFault()
