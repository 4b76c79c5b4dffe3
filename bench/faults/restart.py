"""A server dies and comes back having forgotten: all of it, or the last second."""

from random import Random
from typing import Literal

from leasebench.bench.faults import Injection
from leasebench.bench.nodefault import Away, DownStrike, no_embedded_server
from leasebench.bench.servers.node import Lose
from leasebench.bench.stage import Stage


class RestartSettings(DownStrike):
    """The server is away for `down_ms`, or for as long as it takes to start.

    `persistence`: `none` forgets everything; `everysec` has an append-only file that is fsynced every second, and the
    machine loses power, so what was not on disk yet is gone (up to two seconds: valkey.io, "Persistence").
    """

    persistence: Literal["none", "everysec"] = "none"

    def arrange(self, stage: Stage, number: int, rng: Random) -> None:  # noqa: ARG002
        """Ask for a server that can be restarted this way."""
        if self.persistence == "none":
            stage.wish(self.server, spare=True)
        else:
            stage.wish(self.server, append_only=True)

    def inject(self, stage: Stage, rng: Random) -> Injection:  # noqa: ARG002
        """The server dies."""
        lose = Lose.EVERYTHING if self.persistence == "none" else Lose.UNSYNCED
        return Away(self.node(stage).restart(lose))


class RestartFault:
    """The server process ends and another one takes its place."""

    name = "restart"
    about = "a server restarts: without persistence, or having lost what its append-only file had not on disk"
    colour = "#0072b2"
    settings = RestartSettings

    def available(self) -> str | None:
        return no_embedded_server()


PLUGIN = RestartFault()
