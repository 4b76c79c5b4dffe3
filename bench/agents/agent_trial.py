"""What one host has of one trial: its processes, its proxies, perhaps the server, and the folder for their files."""

import os
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
from leasebench.bench.hosts.placement import place
from leasebench.bench.proxy.proxy import Proxy
from leasebench.bench.servers.choice import open_server
from leasebench.bench.servers.local import SERVER, private_directory
from leasebench.bench.servers.server import Server
from leasebench.results.record.endings import ProcessEnding
from leasebench.results.record.health import WORKER
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
        self.server: Server | None = None
        self._serving = ExitStack()

    @property
    def processes(self) -> AgentSupervisor:
        """The processes, once they were started."""
        if self.supervisor is None:
            raise ProcessFailed("no processes were started here")
        return self.supervisor

    @property
    def server_cores(self) -> set[int]:
        """The cores of the server, if it is here; all where it is bound to none."""
        return set(place(0).server) if self.server is not None else set()

    def living(self) -> dict[int, str]:
        """The processes here that live, named, by their numbers: those of the trial, and the Dask worker."""
        pid = self.server.pid if self.server is not None else None
        started = self.processes.living() | ({} if pid is None else {pid: SERVER})
        return started | {os.getppid(): f"{WORKER}this host"}

    def start_server(self, kind: str, at: str | None) -> Server:
        """Start a server of ours, on its core. Raises ServerUnusable."""
        self.server = self._serving.enter_context(open_server(kind, at))
        if self.server_cores and self.server.pid is not None:
            os.sched_setaffinity(self.server.pid, self.server_cores)
        return self.server

    def end_server(self) -> list[ProcessEnding]:
        """End it. Returns how it ended, if nobody had asked it to."""
        self._serving.close()
        server, self.server = self.server, None
        return server.take_endings() if server is not None else []

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
            stack.callback(self._serving.close)
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
