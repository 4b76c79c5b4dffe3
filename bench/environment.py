"""The environment of one trial: its servers, and the route that each of its processes takes to them."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from signal import Signals
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self
from urllib.parse import urlsplit

from leasebench.bench.proxy.proxy import Proxy, ProxyWish
from leasebench.bench.proxy.route import MakeProxy, RouteProxy
from leasebench.bench.servers.binaries import embedded_binary
from leasebench.bench.servers.local import LocalServer
from leasebench.bench.servers.redis_node import NodeWish, RedisNode
from leasebench.bench.servers.server import Server, ServerUnusable
from leasebench.bench.servers.trial_node import NodeMaker, TrialNode
from leasebench.enactors.store.store import CellAddress
from leasebench.registry import plugins
from leasebench.results.display.phrases import count
from leasebench.results.record.endings import ProcessEnding
from leasebench.results.record.process import PROXY, Process

DEFAULT_PORT = 6379


class Processes(Protocol):
    """The processes of the trial, as a fault from outside sees them."""

    def suspend(self, process: Process) -> bool:
        """Stop a process (SIGSTOP) and wait until it stands; False if it is gone."""
        ...

    def resume(self, process: Process) -> None:
        """Let it go on, unless something else holds it."""
        ...

    def signal_lock(self, process: Process, number: Signals) -> bool:
        """Send a signal to its foreign lock alone; False if it has none, or is gone."""
        ...


class HostsUnderFault(Protocol):
    """The hosts of a trial, of a run on several, as a fault of a whole host sees them. They are known by name."""

    def processes_on(self, host: str) -> list[Process]:
        """What a trial has there; nothing where the host was lost."""
        ...

    def may_filter(self, host: str) -> bool:
        """Whether it can be cut off by its own packet filter."""
        ...

    def cut_off(self, host: str, urls: Collection[str], for_ms: float, *, scheduler: bool) -> None:
        """Let nothing pass between it and the servers of these URLs; with `scheduler`, nor Dask's and the harness.

        It is over after `for_ms` in any case. Raises ProcessFailed.
        """
        ...

    def mend(self, host: str) -> int:
        """Let all pass again. Returns how many packets were held back; raises ProcessFailed."""
        ...


def tcp_address(url: str) -> tuple[str, int] | None:
    """Host and port of the one server that a URL names; None where it is a unix socket, or names several."""
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss", "valkey", "valkeys") or parts.hostname is None:
        return None
    return parts.hostname, parts.port or DEFAULT_PORT


def processes_at(programs: Mapping[str, Sequence[int]], cells: Iterable[str]) -> list[Process]:
    """Processes, given by kind and number, in each of the cells."""
    kinds = plugins("enactors")
    return [
        Process(kind, None if kinds[kind].single else number, cell)
        for cell in cells
        for kind, numbers in programs.items()
        for number in numbers
    ]


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses under which one process finds the store and the lease server."""

    store: str
    leases: tuple[str, ...]
    """Of one lease server, or of all that a lease manager uses."""

    @property
    def lease(self) -> str:
        """The first lease server's, or the only one's."""
        return self.leases[0]


class ServerPart(NamedTuple):
    """For which part of a trial, `store` or `lease`, a server is there, for which cell, and which of several it is."""

    part: str
    cell: str
    number: int = 0

    @property
    def server_name(self) -> str:
        """The server in words."""
        which = f" {self.number}" if self.number else ""
        return f"{self.part} server{which}{f' of cell {self.cell}' if self.cell else ''}"


EVERY_CELL = ""
"""Said of a server that all cells share."""


class Environment:
    """The servers of one trial. Faults ask for what they need; then it is entered, and everything asked for is there.

    Without a wish both store and leases live on the run's server, or with `apart` on a server of each cell's own. A
    fault that steps the clock of a server, stops it or lets it forget is given a server for that: a `RedisNode`, for
    the leases (`lease`) or for the store (`store`), of all cells or, with `apart`, of each one that is hit.

    A lease manager that uses several independent lease servers, `lease_nodes`, or `replicas` behind each, has them as
    RedisNodes in every trial, fault or not.
    """

    def __init__(
        self,
        server: Server,
        folder: Path,
        cells: Sequence[CellAddress],
        ttl_ms: int,
        *,
        apart: bool = False,
        lease_nodes: int = 1,
        replicas: int = 0,
        make_proxy: MakeProxy = Proxy,
        hosts: HostsUnderFault | None = None,
    ) -> None:
        self._server = server
        self._make_proxy = make_proxy
        self.hosts = hosts
        """None where all runs on this machine."""
        self._folder = folder
        self.cells = tuple(cells)
        self.ttl_ms = ttl_ms
        """The time to live of the guard's leases."""
        self._apart = apart
        self.lease_nodes = lease_nodes
        """How many lease servers a cell has."""
        self._servers: dict[str, LocalServer] = {}
        self._wishes: dict[ServerPart, NodeWish] = {}
        self._makers: dict[ServerPart, NodeMaker] = {}
        self._routes: dict[Process, ProxyWish] = {}
        self._stack = ExitStack()
        self._traffic = ExitStack()
        self.nodes: dict[ServerPart, TrialNode] = {}
        self._begun: list[TrialNode | RouteProxy] = []
        """Those that were begun to be started, also where that failed."""
        self.proxies: dict[Process, RouteProxy] = {}
        self._processes: Processes | None = None
        if replicas:
            self.wish("lease", lambda _: True, replica_lag_ms=0.0, replicas=replicas)
        elif lease_nodes > 1:
            self.wish("lease", lambda _: True)

    def processes_of(self, programs: Mapping[str, Sequence[int]], hits_cell: Callable[[int], bool]) -> list[Process]:
        """These processes, given by kind and number, in each cell whose number is hit."""
        return processes_at(programs, [one.cell for number, one in enumerate(self.cells) if hits_cell(number)])

    def wish(
        self, part: str, hits_cell: Callable[[int], bool], numbers: Collection[int] | None = None, **wishes: object
    ) -> None:
        """Ask for a server for `part` (`store` or `lease`) of the cells hit; wishes of several faults add up.

        Of several lease servers, for those of these `numbers`; for all without them.
        """
        for one in self._parts(part, hits_cell, numbers):
            self._wishes[one] = replace(self._wishes.get(one, NodeWish()), **wishes)  # type: ignore[arg-type]

    def wish_made_by(self, part: str, hits_cell: Callable[[int], bool], maker: NodeMaker) -> None:
        """Ask for a server of another kind for `part` of the cells hit. Raises ServerUnusable if one is asked for."""
        for one in self._parts(part, hits_cell, None):
            if one in self._makers:
                raise ServerUnusable(f"two faults ask for the {one.server_name}, and each for a kind of its own")
            self._makers[one] = maker

    def nodes_of(
        self, part: str, hits_cell: Callable[[int], bool], numbers: Collection[int] | None = None
    ) -> list[RedisNode]:
        """The servers for `part` of the cells hit, which were asked for; of several lease servers those `numbers`."""
        there = [self.nodes[one] for one in self._parts(part, hits_cell, numbers)]
        return [node for node in there if isinstance(node, RedisNode)]

    def made_for(self, part: str, hits_cell: Callable[[int], bool]) -> list[Any]:
        """The servers of another kind that were asked for: whoever did knows the kind."""
        return [self.nodes[one] for one in self._parts(part, hits_cell, None)]

    def node_of(self, part: str, cell: str, number: int = 0) -> TrialNode | None:
        """The server that was asked for, for `part` of a cell, if one was; of several lease servers that `number`."""
        return self.nodes.get(ServerPart(part, cell if self._apart else EVERY_CELL, number))

    def _parts(self, part: str, hits_cell: Callable[[int], bool], numbers: Collection[int] | None) -> list[ServerPart]:
        there = range(self.lease_nodes if part == "lease" else 1)
        chosen = [number for number in there if numbers is None or number in numbers]
        hit = [one.cell for number, one in enumerate(self.cells) if hits_cell(number)] if self._apart else [EVERY_CELL]
        return [ServerPart(part, cell, number) for cell in hit for number in chosen]

    @cached_property
    def over_tcp(self) -> bool:
        """Whether its processes reach all servers over TCP, as far as was asked for until this was asked first."""
        own = self._apart or self._wishes or self._makers
        return not own and tcp_address(self._server.url) is not None

    def lease_servers(self) -> "list[TrialNode | LocalServer | Server]":
        """The servers that hold the leases, once it was entered; each once."""
        found: list[TrialNode | LocalServer | Server] = []
        for one in self.cells:
            node = self.node_of("lease", one.cell) or self.node_of("store", one.cell)
            server = node or self._servers.get(one.cell) or self._server
            if server not in found:
                found.append(server)
        return found

    @property
    def own_servers(self) -> list[str]:
        """The parts for which a fault was given a server."""
        return sorted({one.part for one in self.nodes})

    @property
    def stepped_clocks(self) -> list[str]:
        """The servers whose clock a fault may step."""
        return sorted({one.part for one, wish in self._wishes.items() if wish.fake_clock})

    def route(self, process: Process, wish: ProxyWish) -> None:
        """Lead the connections of `process` through a proxy of its own; wishes of several faults add up."""
        before = self._routes.get(process)
        self._routes[process] = wish if before is None else before.and_also(wish)

    def __enter__(self) -> Self:
        try:
            for one, node in self._made():
                self._begun.append(node)
                self.nodes[one] = self._stack.enter_context(node)
            for at in self.cells if self._apart else ():
                if self.node_of("store", at.cell) is None:
                    own = LocalServer("embedded", embedded_binary())
                    self._servers[at.cell] = self._stack.enter_context(own)
            for process, route in self._routes.items():
                targets = self.servers_of(process.cell)
                identity = replace(process, thread=PROXY)
                proxy = self._make_proxy(
                    route, targets.store, targets.lease, self._folder, identity, targets.leases[1:]
                )
                self._begun.append(proxy)
                self.proxies[process] = self._traffic.enter_context(proxy)
        except BaseException:
            self._close()
            raise
        return self

    def _made(self) -> Iterator[tuple[ServerPart, TrialNode]]:
        """The servers that were asked for. Raises ServerUnusable where two kinds of one are."""
        both = self._wishes.keys() & self._makers.keys()
        for one in both:
            raise ServerUnusable(f"the {one.server_name} can't be one server and several: leave one of the faults out")
        for one, wish in self._wishes.items():
            yield one, RedisNode(wish, one.server_name)
        for one, maker in self._makers.items():
            yield one, maker(one.server_name, [at for at in self.cells if one.cell in (EVERY_CELL, at.cell)])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def disarm(self) -> None:
        """The load is over, and with it what the proxies do."""
        for proxy in self.proxies.values():
            proxy.disarm()

    def end_traffic(self) -> None:
        """End what is still on its way: from now on nothing arrives, and the servers' histories are complete."""
        self._traffic.close()

    def _close(self) -> None:
        try:
            self._traffic.close()
        finally:
            self._stack.close()

    @property
    def pids(self) -> list[int]:
        """The processes of the servers that are ours."""
        ours = [] if self._server.pid is None else [self._server.pid]
        apart = [server.pid for server in self._servers.values() if server.pid is not None]
        return [*ours, *apart, *(pid for node in self.nodes.values() for pid in node.pids)]

    def living(self) -> dict[int, str]:
        """The servers that are ours and the proxies, named, by the numbers of their processes."""
        own = {} if self._server.pid is None else {self._server.pid: "server"}
        apart = {one.pid: f"server of cell {cell}" for cell, one in self._servers.items() if one.pid is not None}
        nodes = {pid: one.server_name for one, node in self.nodes.items() for pid in node.pids}
        proxies = {one.pid: f"proxy of {process}" for process, one in self.proxies.items() if one.pid is not None}
        return own | apart | nodes | proxies

    def take_endings(self) -> list[ProcessEnding]:
        """How servers and proxies ended, as far as they did not end with the trial."""
        apart = [
            one.model_copy(update={"process": f"{one.process} of cell {cell}"})
            for cell, server in self._servers.items()
            for one in server.take_endings()
        ]
        found = [*self._server.take_endings(), *apart]
        for begun in self._begun:
            begun.note_deaths()
            found += begun.endings
            begun.endings = []
        return found

    def notes(self) -> list[str]:
        """What a user should know of beside the figures: what strangers tried at the servers of the trial's own."""
        return [
            f"{count(tries, 'stray connection')} of user {user} to the {one.part} server's replication "
            "port refused: neither server nor replica was reached"
            for one, node in self.nodes.items()
            for user, tries in node.refused.items()
        ]

    @property
    def processes(self) -> Processes:
        """The processes, once they run."""
        assert self._processes is not None
        return self._processes

    @processes.setter
    def processes(self, processes: Processes) -> None:
        self._processes = processes

    def addresses(self, process: Process) -> Addresses:
        """The addresses that `process` is given."""
        proxy = self.proxies.get(process)
        if proxy is not None:
            return Addresses(proxy.store_url, proxy.lease_urls)
        return self._found(process.cell, lambda node: node.url_of(process))

    def server_urls(self, processes: Iterable[Process]) -> list[str]:
        """The URLs of all servers that these processes use, each once."""
        cells = dict.fromkeys(process.cell for process in processes)
        found = [self.servers_of(cell) for cell in cells]
        return list(dict.fromkeys(url for one in found for url in (one.store, *one.leases)))

    def servers_of(self, cell: str) -> Addresses:
        """The addresses of a cell's servers themselves, as the harness reaches them."""
        return self._found(cell, lambda node: node.url)

    def _found(self, cell: str, url_of: Callable[[TrialNode], str]) -> Addresses:
        store_node = self.node_of("store", cell)
        store = url_of(store_node) if store_node is not None else self._servers.get(cell, self._server).url
        nodes = [self.node_of("lease", cell, number) for number in range(self.lease_nodes)]
        return Addresses(store, tuple(store if node is None else url_of(node) for node in nodes))
