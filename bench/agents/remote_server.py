"""A server of a trial on a host of its own: its agent starts it for the trial, and ends it."""

from types import TracebackType
from typing import Self

from leasebench.bench.agents.orders import EndServer, StartServer
from leasebench.bench.agents.remote_agent import RemoteAgent
from leasebench.bench.hosts.identity import own_machine
from leasebench.bench.servers.server import Server, ServerUnusable, examine
from leasebench.results.record.endings import ProcessEnding


class RemoteServer:
    """See `Server`; of the same kind and version as `model`, which runs beside the harness.

    Where all hosts are this machine it has a unix socket alone, as that one has, else an address of its host, too.
    """

    def __init__(self, agent: RemoteAgent, model: Server, *, over_tcp: bool) -> None:
        self._agent, self._model = agent, model
        self._start = StartServer(model.kind, agent.echo[0] if over_tcp else None)
        self._pid: int | None = None
        self._endings: list[ProcessEnding] = []
        self.kind = model.kind
        self.url = ""

    @property
    def pid(self) -> int | None:
        """See `Server`, here and below; only a process of this machine is one to us."""
        return self._pid if self._agent.facts.machine == own_machine() else None

    def __enter__(self) -> Self:
        self.url, self._pid = self._agent.ask(self._start)
        try:
            self._must_be_the_same()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def take_endings(self) -> list[ProcessEnding]:
        """They are known when it has ended."""
        taken, self._endings = self._endings, []
        return taken

    def revive(self) -> None:
        """It was started for this trial."""

    def _must_be_the_same(self) -> None:
        theirs, ours = (f"{one.name} {one.version}" for one in map(examine, (self.url, self._model.url)))
        if theirs != ours:
            raise ServerUnusable(f"host {self._agent.name} has another server: {theirs} there and {ours} here")

    def _end(self) -> None:
        self._pid = None
        if not self._agent.lost:
            self._endings += self._agent.ask(EndServer())
