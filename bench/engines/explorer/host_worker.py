"""The programs that keep the lease of one host and launch there, as the explorer runs them.

They are those of the kinds `host_leases` and `launches` themselves. The explorer has no clock, and it can only look at
every state if there are few: so what they carry from one activity to the next is reduced to what they believe. Time
stands still within an activity, and between two of them as much goes by as it takes: the host's next check is due, in
time. What else time does (a lease expires, a looked-up record is not used any longer) are moves of the explorer's own.

The bad ones show that the explorer can tell: a `DeafManager` goes on believing in a lease whose renewal was refused,
and `launch_unlooked` looks whether there is a lease in one step, and launches in the next.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from leasebench.enactors.downstream.host_leases.policy import QueuePolicy
from leasebench.enactors.downstream.host_leases.program import HostWork, HostWorker
from leasebench.enactors.downstream.host_leases.queue import HostQueue
from leasebench.enactors.downstream.launches.program import Launcher, LaunchState
from leasebench.enactors.downstream.operations import Reach
from leasebench.leases.lease import Lease, Wait
from leasebench.leases.manager import LeaseManager
from leasebench.leases.operations import Operation, Program, operation
from leasebench.leases.outcome import Done, Outcome, Refused, Unknown

HOST = "host-0"
ENDPOINT = "e000"
TTL_MS = 1_000
INTERVAL_MS, TIMEOUT_MS = 100.0, 1_000.0
"""The check that fell due within the last interval is still in time."""


@dataclass(frozen=True, slots=True)
class HostBelief:
    """What the worker of one host believes: whether it reaches the data store, and the lease that it has."""

    reached: bool = False
    lease: Lease | None = None


@dataclass(frozen=True, slots=True)
class OneHost:
    """The program of `host_leases`, with one host whose check is always due."""

    manager: Any

    def next_activity(self, belief: HostBelief) -> Program[HostBelief]:
        """Run the kind's next activity from what the worker believes, and return what it believes then."""
        worker = HostWorker(
            hosts=(0,),
            manager=self.manager,
            policy=QueuePolicy(),
            endpoint=ENDPOINT,
            ttl_ms=TTL_MS,
            interval_ms=INTERVAL_MS,
            timeout_ms=TIMEOUT_MS,
            work_ms=0.0,
            dns_ttl_ms=1.0,
            admission=0,
        )
        interval_ns, timeout_ns = int(INTERVAL_MS * 1e6), int(TIMEOUT_MS * 1e6)
        queue = HostQueue(
            (0,), worker.policy, start_ns=-2 * interval_ns, interval_ns=interval_ns, timeout_ns=timeout_ns
        )
        state = HostWork(queue, worker.policy, reached_until_ns=int(belief.reached))
        if belief.lease is not None:
            state.leases[0] = belief.lease
        after = yield from worker.next_activity(state)
        return HostBelief(after.reached_until_ns > 0, after.leases.get(0))


@dataclass(frozen=True, slots=True)
class DeafManager:
    """Wrong on purpose: takes every renewal for done, whatever the lease server said."""

    inner: LeaseManager

    def acquire(self, resource: str, ttl_ms: int, wait: Wait) -> Program[Lease | Unknown | None]:
        """Acquire as the manager inside does."""
        return self.inner.acquire(resource, ttl_ms, wait)

    def renew(self, lease: Lease) -> Program[Outcome]:
        """Ask, and do not listen."""
        answer = yield from self.inner.renew(lease)
        return Done() if answer is None or isinstance(answer, Refused) else answer


@dataclass(frozen=True, slots=True)
class LaunchBelief:
    """What a launcher believes: whether it reaches the data store."""

    reached: bool = False


def launch_on_host(belief: LaunchBelief) -> Program[LaunchBelief]:
    """Run the kind's next request, on the one host."""
    launcher = Launcher(ENDPOINT, hosts=1, candidates=1)
    after = yield from launcher.next_activity(LaunchState(0, belief.reached))
    return LaunchBelief(after.reached)


@operation
class LookAtLease(Operation):
    """Look which lease the host has. Returns it, as far as a stranger can know it, or None."""

    step: ClassVar[str] = "look_at_lease"

    def perform(self, client: Any) -> Lease | None:
        token = client.data.holder(HOST)
        return None if token is None else Lease(HOST, token, None, grant_of(token), TTL_MS)


@operation
class LaunchUnlooked(Operation):
    """Wrong on purpose: launch on the strength of what was seen a step before. Returns Done."""

    lease: Lease

    step: ClassVar[str] = "launch_unlooked"

    def perform(self, client: Any) -> Outcome:  # noqa: ARG002
        return Done()


def launch_unlooked(belief: LaunchBelief) -> Program[LaunchBelief]:
    """Wrong on purpose: look at the lease in one step, and launch in the next."""
    reached = yield Reach(ENDPOINT)
    if reached is True:
        seen = yield LookAtLease()
        if isinstance(seen, Lease):
            yield LaunchUnlooked(seen)
    return belief


def token_of(grant: int) -> str:
    """The token of a grant: its number, so that few tokens make few states."""
    return f"grant {grant}"


def grant_of(token: str) -> int:
    """The number of the grant that has a token."""
    return int(token.partition(" ")[2])
