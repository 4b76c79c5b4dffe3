"""Flushes the lease server, as a FLUSHALL typed by mistake does: every lease is free at once."""

from random import Random
from typing import TYPE_CHECKING, Literal

from leasebench.bench.faults.fault import FaultReport, Injection
from leasebench.bench.faults.server_fault import ServerFault

if TYPE_CHECKING:
    from leasebench.bench.environment import Environment


class Flush(ServerFault):
    """Everything on the lease server is deleted in one step, fencing counters included; it never goes away."""

    name = "flush"
    about = "FLUSHALL on the lease server: every lease is free, every fencing counter starts again"
    colour = "#f0e442"
    instant = True

    server: Literal["lease"] = "lease"

    def describe(self, report: FaultReport) -> str:  # noqa: ARG002
        return f"{self.target} is flushed"

    def arrange(self, environment: "Environment", number: int, rng: Random) -> None:  # noqa: ARG002
        """Ask for a server that nobody else keeps anything on."""
        self.ask(environment)

    def inject(self, environment: "Environment", rng: Random) -> Injection:  # noqa: ARG002
        """Delete everything."""
        return Flushed(sum(node.flush().leases for node in self.servers(environment)))


class Flushed:
    """It is done when it begins: there is nothing to heal."""

    def __init__(self, leases: int) -> None:
        self._leases = leases

    def heal(self) -> bool:
        """It hit if a lease stood at that moment."""
        return self._leases > 0


PLUGIN = Flush
