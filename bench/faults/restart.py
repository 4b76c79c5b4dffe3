"""A server dies and comes back having forgotten: all of it, or the last second."""

from random import Random
from typing import TYPE_CHECKING, Literal

from leasebench.bench.faults.fault import FaultReport, Injection
from leasebench.bench.faults.server_fault import Away, OutageFault
from leasebench.bench.servers.outage import Lose

if TYPE_CHECKING:
    from leasebench.bench.environment import Environment


class Restart(OutageFault):
    """The server is away for `down_ms`, or for as long as it takes to start.

    `persistence`: `none` forgets everything; `everysec` has an append-only file that is fsynced every second, and the
    machine loses power, so what was not on disk yet is gone (up to two seconds: valkey.io, "Persistence").
    """

    name = "restart"
    about = "a server restarts: without persistence, or having lost what its append-only file had not on disk"
    colour = "#0072b2"

    persistence: Literal["none", "everysec"] = "none"

    def describe(self, report: FaultReport) -> str:  # noqa: ARG002
        return f"{self.target} restarts: away"

    def arrange(self, environment: "Environment", number: int, rng: Random) -> None:  # noqa: ARG002
        """Ask for a server that can be restarted this way."""
        if self.persistence == "none":
            self.ask(environment, spare=True)
        else:
            self.ask(environment, append_only=True)

    def inject(self, environment: "Environment", rng: Random) -> Injection:  # noqa: ARG002
        """The server dies."""
        lose = Lose.EVERYTHING if self.persistence == "none" else Lose.UNSYNCED
        return Away([node.restart(lose) for node in self.servers(environment)])


PLUGIN = Restart
