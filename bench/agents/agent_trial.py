"""What one host has of one trial: its processes, its proxies, and the folder that they write into."""

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Protocol

from leasebench.bench.agents.agent_supervisor import AgentSupervisor
from leasebench.bench.engines.processes.spec import ProcessSpec
from leasebench.bench.engines.processes.supervisor import ProcessFailed, SupervisorReport
from leasebench.bench.health.system import machine_load
from leasebench.bench.health.watch import HealthWatch
from leasebench.bench.hosts.packet_filter import PacketFilter
from leasebench.bench.proxy.proxy import Proxy
from leasebench.bench.servers.local import private_directory
from leasebench.results.record.process import Process


class AgentTrial:
    """What one host has of one trial."""

    def __init__(self) -> None:
        self.load_before = machine_load()
        self.folder = private_directory()
        self.report = SupervisorReport()
        self.proxies: dict[Process, Proxy] = {}
        self.filter: PacketFilter | None = None
        self.watching = ExitStack()
        self.health: HealthWatch | None = None
        self._started = ExitStack()
        self.supervisor: AgentSupervisor | None = None

    @property
    def processes(self) -> AgentSupervisor:
        """The processes, once they were started."""
        if self.supervisor is None:
            raise ProcessFailed("no processes were started here")
        return self.supervisor

    def start(self, specs: Sequence[ProcessSpec]) -> None:
        """Start the processes. Raises ProcessFailed."""
        self.supervisor = self._started.enter_context(AgentSupervisor(specs, self.report))

    def end(self) -> None:
        """End the processes."""
        self.supervisor = None
        self._started.close()

    def mend(self) -> int:
        """Let all pass again. Returns how many packets were held back. Raises OSError."""
        cut, self.filter = self.filter, None
        return 0 if cut is None else cut.remove()

    def close(self) -> None:
        """Nothing of it is left."""
        with ExitStack() as stack:
            stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
            for proxy in self.proxies.values():
                stack.callback(proxy.__exit__, ProcessFailed, None, None)
            stack.callback(self.end)
            stack.callback(self.watching.close)
            stack.callback(self.mend)


class AgentFace(Protocol):
    """An agent, as the orders see it that it carries out."""

    @property
    def trial(self) -> AgentTrial:
        """The trial that is under way. Raises ProcessFailed where there is none."""
        ...

    def begin_trial(self) -> None:
        """Make room for a trial; what was left of the one before is removed."""
        ...

    def tell_often(self) -> None:
        """For a moment, tell more often what there is to tell."""
        ...

    def send_files(self) -> list[str]:
        """Send all files of the trial to the harness. Returns their names."""
        ...
