"""The lease server is flushed: somebody typed FLUSHALL, and every lease is free at once."""

from random import Random
from typing import Literal

from leasebench.bench.faults import Injection
from leasebench.bench.nodefault import NodeStrike, no_embedded_server
from leasebench.bench.stage import Stage


class FlushSettings(NodeStrike):
    """Everything on the lease server is deleted in one step, fencing counters included; it never goes away."""

    server: Literal["lease"] = "lease"

    def arrange(self, stage: Stage, number: int, rng: Random) -> None:  # noqa: ARG002
        """Ask for a server that nobody else keeps anything on."""
        stage.wish(self.server)

    def inject(self, stage: Stage, rng: Random) -> Injection:  # noqa: ARG002
        """Delete everything."""
        return Flush(self.node(stage).flush().leases)


class Flush:
    """It is done when it begins: there is nothing to heal."""

    def __init__(self, leases: int) -> None:
        self._leases = leases

    def heal(self) -> bool:
        """It hit if a lease stood at that moment."""
        return self._leases > 0


class FlushFault:
    """FLUSHALL on a server of the trial's own, never on another's."""

    name = "flush"
    about = "FLUSHALL on the lease server: every lease is free, every fencing counter starts again"
    colour = "#f0e442"
    settings = FlushSettings

    def available(self) -> str | None:
        return no_embedded_server()


PLUGIN = FlushFault()
