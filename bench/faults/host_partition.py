"""A whole host is cut off: from the servers, or from the scheduler and the harness, too."""

from random import Random
from typing import TYPE_CHECKING

from pydantic import Field

from leasebench.bench.faults.fault import FaultReport, Injection, leases_elsewhere
from leasebench.bench.faults.host_fault import HostOutage
from leasebench.bench.faults.partition import Cut
from leasebench.bench.proxy.rules import ProxyWish
from leasebench.leases.manager import REDIS
from leasebench.results.record.trouble import FaultEffect

if TYPE_CHECKING:
    from leasebench.bench.environment import Environment, HostsUnderFault
    from leasebench.leases.guard import Guard


class HostPartition(HostOutage):
    """Nothing passes between `host` and the servers for `ms` or `times_ttl`, first after `first_s` of load.

    Then about every `every_s`. It is done by the packet filter of that host (`nft`, in one table of our own) where its
    network is not shared with others of the run and its agent may; else by a proxy for each process there. What was
    held arrives afterwards. With `scheduler` the packet filter cuts it off from the harness and from Dask's scheduler,
    too, whatever else runs on their machines: for longer than a few seconds, and the host is lost.
    """

    name = "host_partition"
    about = "a whole host is cut off from the servers for a while, or from the scheduler, too"
    colour = "#0b5345"
    overhead_ms = 3_000.0
    """A host that was cut off from the harness is heard of again when its connection has tried again."""
    drivers = (REDIS,)
    """Where there is a proxy, it has to tell where a request ends."""

    ms: float | None = Field(default=None, gt=0, le=60_000)
    """How long."""
    scheduler: bool = False
    """Whether it is cut off from the harness and from Dask's scheduler, too, where there is a packet filter."""

    def effect(self) -> FaultEffect:
        return FaultEffect.REQUESTS

    def outage(self) -> bool:
        return True

    def refuses(self, guard: "Guard") -> str | None:
        """Leases on a server that is not ours would be reached all the same."""
        return leases_elsewhere(guard)

    def describe(self, report: FaultReport) -> str:  # noqa: ARG002
        return f"{{target}} is on host {self.hit_host}, which is cut off from {self._others}"

    @property
    def _others(self) -> str:
        return "the servers, and from the scheduler where it has a packet filter" if self.scheduler else "the servers"

    def arrange(self, environment: "Environment", number: int, rng: Random) -> None:  # noqa: ARG002
        """Lead the connections of its processes through proxies, where they can't be cut by the packet filter."""
        for process in self.processes(environment):
            if not self._by_filter(environment):
                environment.route(process, ProxyWish())

    def inject(self, environment: "Environment", rng: Random) -> Injection:  # noqa: ARG002
        """Cut it off."""
        processes, hosts = self.processes(environment), environment.hosts
        if hosts is None or not processes or not self._by_filter(environment):
            return Cut([environment.proxies[process] for process in processes], None)
        for_ms = self.length_ms(environment.ttl_ms)
        hosts.cut_off(self.hit_host, environment.server_urls(processes), for_ms, scheduler=self.scheduler)
        return HostCut(hosts, self.hit_host)

    def _by_filter(self, environment: "Environment") -> bool:
        return environment.over_tcp and environment.hosts is not None and environment.hosts.may_filter(self.hit_host)

    def hit(self, report: FaultReport) -> bool:
        """It hit if packets, or requests at the proxies, were held back, and for as long as asked."""
        return report.lasted


class HostCut:
    """A host whose packet filter lets nothing pass, until it is healed or the filter's own time is over."""

    def __init__(self, hosts: "HostsUnderFault", host: str) -> None:
        self._hosts, self._host = hosts, host

    def heal(self) -> bool:
        """Let all pass; a hit if anything was held back."""
        return self._hosts.mend(self._host) > 0


PLUGIN = HostPartition
