"""The programs of a worker that keeps the lease of one host and launches there, as the explorer runs them.

What a worker of host leases does for one of its hosts, without its queue and its clock: it looks its data store up,
renews the lease that it believes in or asks for one, and launches an instance under it. The bad ones show that the
explorer can tell: `blind` launches without looking at the lease in the same atomic step, `deaf` goes on believing in a
lease whose renewal was refused.
"""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from leasebench.enactors.downstream.operations import Reach
from leasebench.leases.lease import Lease, Wait
from leasebench.leases.manager import LeaseManager
from leasebench.leases.operations import UNKNOWN, Done, Operation, Outcome, Program, Reason, Refused, Unknown

HOST = "host-0"
ENDPOINT = "e000"
TTL_MS = 1_000
ONCE = Wait(timeout_ms=0.0)


@dataclass(frozen=True, slots=True)
class LaunchUnderLease(Operation):
    """Launch an instance if `lease` still stands: both in one atomic step. Returns an Outcome."""

    lease: Lease

    step: ClassVar[str] = "launch_under_lease"

    def perform(self, client: Any) -> Outcome:
        stands = client.data.holder(self.lease.resource) == self.lease.token
        return Done() if stands else Refused(Reason.NOT_OWNER)


@dataclass(frozen=True, slots=True)
class LaunchUnlooked(LaunchUnderLease):
    """Wrong on purpose: launch on the strength of what the worker believes. Returns an Outcome."""

    step: ClassVar[str] = "launch_unlooked"

    def perform(self, client: Any) -> Outcome:  # noqa: ARG002
        return Done()


@dataclass(frozen=True, slots=True)
class HostBelief:
    """What the worker of one host carries: whether it reached the data store, and the lease that it believes in."""

    reached: bool = False
    lease: Lease | None = None


@dataclass(frozen=True, slots=True)
class OneHost:
    """The worker of one host. `blind` and `deaf` are bad on purpose, as the head of this file says."""

    manager: LeaseManager
    blind: bool = False
    deaf: bool = False

    def next_activity(self, belief: HostBelief) -> Program[HostBelief]:
        """Return what it does next: look up, ask for the lease, or renew it and launch."""
        if not belief.reached:
            return self._look_up(belief)
        return self._acquire() if belief.lease is None else self._use(belief, belief.lease)

    def _look_up(self, belief: HostBelief) -> Program[HostBelief]:
        reached = yield Reach(ENDPOINT)
        return replace(belief, reached=reached is True)

    def _acquire(self) -> Program[HostBelief]:
        lease: Lease | None | Unknown = yield from self.manager.acquire(HOST, TTL_MS, ONCE)
        return HostBelief(reached=False, lease=lease if isinstance(lease, Lease) else None)

    def _use(self, belief: HostBelief, lease: Lease) -> Program[HostBelief]:
        """Renew, and launch under what was renewed. Afterwards the record is looked up again."""
        renewed = yield from self.manager.renew(lease)
        if renewed is UNKNOWN:
            return replace(belief, reached=False)
        if isinstance(renewed, Refused) and not self.deaf:
            return HostBelief()
        launched = yield LaunchUnlooked(lease) if self.blind else LaunchUnderLease(lease)
        lost = isinstance(launched, Refused) and not self.deaf
        return HostBelief() if lost else replace(belief, reached=False)
