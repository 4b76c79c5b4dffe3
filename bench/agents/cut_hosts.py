"""The hosts of a trial as a fault of a whole host sees them: what runs there, and how one is cut off."""

import ipaddress
import socket
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property

from leasebench.bench.agents.host_orders import CutOff, HostNetwork, LookAtNetwork, Mend
from leasebench.bench.agents.remote_agent import RemoteAgent
from leasebench.bench.engines.processes.supervisor import ProcessFailed
from leasebench.bench.environment import tcp_address
from leasebench.bench.hosts.identity import own_network
from leasebench.results.record.process import Process


class CutHosts:
    """See `HostsUnderFault`. `machines` are the addresses of harness and scheduler."""

    def __init__(self, agents: Sequence[RemoteAgent], where: Mapping[Process, str], machines: Collection[str]) -> None:
        self._agents = {agent.name: agent for agent in agents}
        self._where, self._machines = where, machines
        self._asked: dict[str, int] = {}
        """By host that is cut off: the number of the order, whose answer may not come before that is over."""

    def processes_on(self, host: str) -> list[Process]:
        """See `HostsUnderFault`, here and below."""
        return [process for process, its_host in self._where.items() if its_host == host]

    @cached_property
    def _networks(self) -> dict[str, HostNetwork]:
        own = own_network()
        return {name: agent.ask(LookAtNetwork(own)) for name, agent in self._agents.items()}

    def may_filter(self, host: str) -> bool:
        if host not in self._networks:
            return False
        shared = Counter(one.identity for one in self._networks.values())
        network = self._networks[host]
        return network.why_no_filter is None and shared[network.identity] == 1

    def cut_off(self, host: str, urls: Collection[str], for_ms: float, *, scheduler: bool) -> None:
        agent = self._agents[host]
        servers = tuple(address for url in urls for address in _numbers_of(url))
        # What runs on the host itself it can't be cut off from.
        own = {agent.echo[0]}
        others = (one for one in self._machines if one not in own and not ipaddress.ip_address(one).is_loopback)
        machines = tuple(sorted(others)) if scheduler else ()
        self._asked[host] = agent.begin(CutOff(servers, machines, for_ms))
        if not machines:
            agent.answer(self._asked.pop(host))

    def mend(self, host: str) -> int:
        agent = self._agents[host]
        if host in self._asked:
            agent.answer(self._asked.pop(host))
        held: int = agent.ask(Mend())
        return held


def _numbers_of(url: str) -> list[tuple[str, int]]:
    """The numeric addresses of a server. Raises ProcessFailed where it has none."""
    address = tcp_address(url)
    if address is None:
        raise ProcessFailed("a server on a unix socket can't be cut off by a packet filter")
    try:
        found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ProcessFailed(f"the server {address[0]} has no address: {error}") from error
    return list(dict.fromkeys((str(one[4][0]), address[1]) for one in found))
