"""Where the processes of a trial run: on this machine, or on several hosts (`bench.agents`)."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from leasebench.bench.agents.placement import must_have_hosts
from leasebench.bench.engines.processes.local_supervisor import LocalSupervisor
from leasebench.bench.engines.processes.spec import ProcessSpec
from leasebench.bench.engines.processes.supervisor import Supervisor, SupervisorReport
from leasebench.bench.environment import HostsUnderFault
from leasebench.bench.proxy.proxy import Proxy
from leasebench.bench.proxy.route import MakeProxy
from leasebench.bench.servers.server import Server
from leasebench.bench.suite import Suite
from leasebench.bench.trialplan import TrialPlan
from leasebench.results.record.hosts import HostFacts

if TYPE_CHECKING:
    from collections.abc import Iterator


class LivingSupervisor(Supervisor, Protocol):
    """A supervisor that knows which of its processes run on this machine."""

    def living(self) -> Mapping[int, str]:
        """Their names, by their numbers."""
        ...


class TrialHosts(Protocol):
    """What a trial has of its hosts."""

    @property
    def make_proxy(self) -> MakeProxy:
        """Makes the proxy of a process, on that process's host."""
        ...

    @property
    def under_fault(self) -> HostsUnderFault | None:
        """The same, as a fault of a whole host sees them; None for this machine alone."""
        ...

    @property
    def server_host(self) -> str | None:
        """Where its server is, as `trial.json` has it; known once that was asked for, None for this machine alone."""
        ...

    def server(self, of_run: Server) -> AbstractContextManager[Server]:
        """The server of the trial: the run's, or one on a host of its own. Raises ProcessFailed, ServerUnusable."""
        ...

    def supervisor(
        self, specs: Sequence[ProcessSpec], report: SupervisorReport
    ) -> "AbstractContextManager[LivingSupervisor]":
        """The processes: inside all are ready."""
        ...

    def collect(self, folder: Path) -> None:
        """Bring what processes wrote on other hosts into the trial's folder. Raises ProcessFailed, OSError."""
        ...


class Hosts(Protocol):
    """The hosts of a run."""

    @property
    def facts(self) -> tuple[HostFacts, ...]:
        """What is recorded of them; nothing of this machine."""
        ...

    @property
    def server_at(self) -> str | None:
        """The address of this machine at which they need a server of ours; None where its unix socket will do."""
        ...

    def of_trial(self, plan: TrialPlan) -> AbstractContextManager[TrialHosts]:
        """Make room on all of them for one trial. Raises ProcessFailed."""
        ...


class _HereForTrial:
    """This machine."""

    make_proxy: MakeProxy = staticmethod(Proxy)
    under_fault: HostsUnderFault | None = None
    server_host: str | None = None

    def server(self, of_run: Server) -> AbstractContextManager[Server]:
        return nullcontext(of_run)

    def supervisor(self, specs: Sequence[ProcessSpec], report: SupervisorReport) -> LocalSupervisor:
        return LocalSupervisor(specs, report)

    def collect(self, folder: Path) -> None:
        """Nothing is elsewhere."""


class ThisMachine:
    """All processes run here."""

    facts: tuple[HostFacts, ...] = ()
    server_at: str | None = None

    @contextmanager
    def of_trial(self, plan: TrialPlan) -> "Iterator[TrialHosts]":  # noqa: ARG002
        yield _HereForTrial()


@contextmanager
def open_hosts(choice: str | None, suite: Suite, server: str) -> "Iterator[Hosts]":
    """The hosts by the word that the user gave, as is the `server`; without one this machine.

    Raises ServerUnusable, and DefinitionError if the suite can't be run on them: before they are started, if that can
    be told.
    """
    if choice is None:
        must_have_hosts(suite.scenarios, 1)
        yield ThisMachine()
        return
    from leasebench.bench.agents.fleet import AgentFleet  # Dask is an extra, and takes half a second to import

    with AgentFleet(choice, suite, server) as fleet:
        yield fleet
