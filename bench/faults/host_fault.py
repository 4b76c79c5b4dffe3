"""What the faults of a whole host have in common: they hit all that a trial has there, whichever kind it is."""

from typing import TYPE_CHECKING

from pydantic import Field

from leasebench.bench.faults.fault import Fault
from leasebench.bench.servers.server import ServerUnusable

if TYPE_CHECKING:
    from leasebench.bench.environment import Environment
    from leasebench.results.record.process import Process


class HostFault(Fault):
    """A fault of one host of a run on several."""

    host: int = Field(default=0, ge=0, le=999)
    """The host that it hits: 0 is h0."""

    @property
    def hit_host(self) -> str:
        return f"h{self.host}"

    @property
    def least_hosts(self) -> int:
        """Beside the one that is hit there has to be one that is not."""
        return max(self.host + 1, 2)

    def processes(self, environment: "Environment") -> "list[Process]":
        """The processes there; none where the host was lost. Raises ServerUnusable where there are no hosts at all."""
        if environment.hosts is None:
            raise ServerUnusable(f"the fault {self.name} is one of several hosts: run it with --hosts")
        return environment.hosts.processes_on(self.hit_host)
