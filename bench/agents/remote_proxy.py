"""A proxy on the host of the process that it serves."""

from collections.abc import Collection
from types import TracebackType
from typing import Any, Self

from leasebench.bench.agents.orders import AskProxy, EndProxy, StartProxy
from leasebench.bench.agents.remote_agent import HostLost, RemoteAgent
from leasebench.bench.engines.processes.supervisor import ProcessFailed
from leasebench.bench.hosts.identity import own_machine
from leasebench.bench.servers.server import ServerUnusable
from leasebench.results.record.endings import ProcessEnding


class RemoteProxy:
    """See `RouteProxy`; the agent has the proxy itself, and its journal among the files of the trial."""

    def __init__(self, agent: RemoteAgent, start: StartProxy) -> None:
        self._agent, self._start = agent, start
        self.store_url = ""
        self.lease_urls: tuple[str, ...] = ()
        self.endings: list[ProcessEnding] = []
        self._pid: int | None = None

    @property
    def pid(self) -> int | None:
        """See `RouteProxy`, here and below."""
        return self._pid if self._agent.facts.machine == own_machine() else None

    def __enter__(self) -> Self:
        self.store_url, self.lease_urls, self._pid = self._asked(self._start)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pid = None
        if not self._agent.lost:
            self.endings += self._asked(EndProxy(self._start.identity, in_order=kind is None))

    def cut(self, leases: Collection[int] | None = None) -> None:
        self._ask("cut", leases)

    def mend(self, leases: Collection[int] | None = None) -> int:
        held: int = self._ask("mend", leases)
        return held

    def disarm(self) -> None:
        self._ask("disarm")

    def note_deaths(self) -> None:
        """The agent notes them, and tells at the proxy's end."""

    def _ask(self, method: str, *arguments: Any) -> Any:
        return self._asked(AskProxy(self._start.identity, method, arguments))

    def _asked(self, order: StartProxy | AskProxy | EndProxy) -> Any:
        try:
            return self._agent.ask(order)
        except HostLost:
            raise
        except ProcessFailed as error:
            raise ServerUnusable(f"host {self._agent.name}: {error}") from error
