"""Launches an instance whenever one is asked for, on a host whose lease is live: the incident's "RunInstances"."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

from leasebench.enactors.downstream.draw import drawn
from leasebench.enactors.downstream.operations import Reach
from leasebench.enactors.operations import AwaitDue
from leasebench.enactors.procedure import StoredProcedure, script_beside
from leasebench.enactors.store.events import Event
from leasebench.leases.operations import Program, operation
from leasebench.leases.outcome import UNKNOWN, Done, Outcome, Refused

if TYPE_CHECKING:
    from leasebench.enactors.store.memory.memory_cell import MemoryCell

ASK_AGAIN = 4
"""How many that were refused are served beside one whose request is due."""
MOST_UNSERVED = 100_000
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


@operation
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

    def in_memory(self, cell: "MemoryCell", client: str, attempt: int) -> Outcome:
        for host in self.hosts:
            token = cell.holder(f"host-{host}")
            if token is not None:
                instance = cell.values["launched"] = cell.values.get("launched", 0) + 1
                cell.values["network_queue"] = cell.values.get("network_queue", 0) + 1
                told: dict[str, Any] = {"lease": f"host-{host}", "token": token, "version": instance}
                cell.history.append(Event(cell.now_us, "launch", enactor=client, attempt=attempt, **told))
                return Done(instance)
        cell.history.append(Event(cell.now_us, "reject", enactor=client, attempt=attempt, reason="no_lease"))
        return Refused("no_lease")


@dataclass(frozen=True, slots=True)
class LaunchState:
    """What a launcher carries: the number of its next request, and whether it reached the data store before.

    `unserved` are the customers that were refused and ask again, as far as they do.
    """

    request: int
    reached: bool = False
    unserved: int = 0


@dataclass(frozen=True, slots=True)
class Launcher:
    """Asks for instances as they come due; its requests are every `stride`-th.

    With an endpoint it looks up the data store for each request. A request that can't reach it or finds no host has
    failed: the customer was told so. With `patient`, that customer asks again as soon as others are served: what was
    refused in an outage comes on top of what is asked for after it.
    """

    endpoint: str
    hosts: int
    candidates: int
    stride: int = 1
    patient: bool = False

    def next_activity(self, state: LaunchState) -> Program[LaunchState]:
        """Serve one request that is due, and after a success some of those that ask again."""
        if not (yield AwaitDue()):
            return state
        request, unserved = state.request, state.unserved
        reached = state.reached and not self.endpoint
        if not reached:
            reached = (yield Reach(self.endpoint)) is True
        answer: Outcome | None = None
        for again in range(1 + ASK_AGAIN):
            if not reached or (again and (not unserved or not isinstance(answer, Done))):
                break
            answer = yield Launch(candidate_hosts(request, self.hosts, self.candidates))
            request += self.stride
            reached = answer is not UNKNOWN
            unserved -= again > 0
        if self.patient and not isinstance(answer, Done):
            unserved = min(unserved + 1, MOST_UNSERVED)
        return LaunchState(max(request, state.request + self.stride), reached, unserved)
