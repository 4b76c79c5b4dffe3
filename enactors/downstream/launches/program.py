"""Launches an instance whenever one is asked for, on a host whose lease is live: the incident's "RunInstances"."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

from leasebench.enactors.downstream.draw import drawn
from leasebench.enactors.downstream.operations import Reach
from leasebench.enactors.operations import AwaitDue
from leasebench.enactors.procedure import StoredProcedure, script_beside
from leasebench.leases.operations import UNKNOWN, Program

MOST_DRAWS = 64
"""How often candidates are drawn for one request: some are drawn twice."""


def candidate_hosts(request: int, hosts: int, candidates: int) -> tuple[int, ...]:
    """Return up to `candidates` different hosts of `hosts` for a request, in the order in which they are tried."""

    def different() -> Iterator[int]:
        seen: set[int] = set()
        for number in range(MOST_DRAWS):
            host = int(drawn(request, number) * hosts)
            if host not in seen:
                seen.add(host)
                yield host

    return tuple(islice(different(), candidates))


@dataclass(frozen=True, slots=True)
class Launch(StoredProcedure):
    """Launch an instance on the first of `hosts` whose lease is live. Refused (`no_lease`): insufficient capacity.

    Done names the instance. It runs, and has no network until its number has left the list `network_queue`.
    """

    hosts: tuple[int, ...]

    step: ClassVar[str] = "launch"
    lua: ClassVar[str] = script_beside(__name__, "launch.lua")

    def works_on(self) -> tuple[str, ...]:
        return *(f"lease:host-{host}" for host in self.hosts), "launched", "network_queue"

    def arguments(self) -> tuple[str | int, ...]:
        return tuple(f"host-{host}" for host in self.hosts)


@dataclass(frozen=True, slots=True)
class LaunchState:
    """What a launcher carries: the number of its next request, and whether it reached the data store before."""

    request: int
    reached: bool = False


@dataclass(frozen=True, slots=True)
class Launcher:
    """Asks for instances as they come due; its requests are every `stride`-th.

    With an endpoint it looks up the data store for each request. A request that can't reach it fails, and is not tried
    again: the customer was told so.
    """

    endpoint: str
    hosts: int
    candidates: int
    stride: int = 1

    def next_activity(self, state: LaunchState) -> Program[LaunchState]:
        """Serve one request."""
        if not (yield AwaitDue()):
            return state
        reached = state.reached and not self.endpoint
        if not reached:
            reached = (yield Reach(self.endpoint)) is True
        if reached:
            answer = yield Launch(candidate_hosts(state.request, self.hosts, self.candidates))
            reached = answer is not UNKNOWN
        return LaunchState(state.request + self.stride, reached)
