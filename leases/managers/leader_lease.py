"""A leader's lease in the manner of Kubernetes' client-go: candidates and leader time it, each by its own clock.

Source: k8s.io/client-go, tools/leaderelection/leaderelection.go. The record has a holder and a version
(`resourceVersion`) that each write raises; no time in it is compared with a clock. A candidate notes when it *first
saw* the present version (`observedTime`), on its own clock, and takes the record, by comparing the version, once that
was a LeaseDuration ago. The leader renews each RetryPeriod and stops leading when it had no success for a
RenewDeadline. Defaults: LeaseDuration 15 s, RenewDeadline 10 s, RetryPeriod 2 s, the latter drawn up by up to 1.2 times
(JitterFactor) by candidates. Here the time to live is the LeaseDuration and the others are the same shares of it; a
candidate waits 1.1 to 2.2 RetryPeriods. The deadline counts from the *begin of the last renewal that succeeded*;
client-go lets each round of tries begin a new one, a RetryPeriod later at most. A lease that is given back is free at
once (`ReleaseOnCancel`).

No client's clock is compared with another's or with the server's: only their rates must agree. A guard with
`renewal = "watchdog"` makes the leader look at its deadline before each write. What that can't do: a leader that is
stopped between that look and its write writes, however late it wakes up.
"""

from functools import partial

from leasebench.leases.client import LeaseClient
from leasebench.leases.lease import Lease, Wait
from leasebench.leases.lease_script import (
    EVENTS,
    HELD,
    LeaseMemory,
    LeaseScript,
    asked_for,
    granted,
    granted_in_memory,
    lost_in_memory,
    on_lease,
)
from leasebench.leases.managers.redis_lease import RedisLease
from leasebench.leases.operations import AcquireLease, Program, RenewLease
from leasebench.leases.outcome import Done, Outcome, Refused, Unknown

LEASE_DURATION_S, RENEW_DEADLINE_S, RETRY_PERIOD_S, JITTER_FACTOR = 15.0, 10.0, 2.0, 1.2
"""client-go's defaults."""
RETRY = RETRY_PERIOD_S / LEASE_DURATION_S
NOT_SEEN = -1
"""The version that a candidate names which has to wait; no record has it."""
GRANT = (
    EVENTS
    + """
-- KEYS: 1 holder, 2 version of the record, 3 fencing counter, 4 history.
-- ARGV: enactor, attempt, resource, token, ttl_ms, the version that was seen unchanged for long enough.
-- Returns the fencing number, or `held:` and the version.
local version = redis.call('GET', KEYS[2]) or '0'
if redis.call('EXISTS', KEYS[1]) == 1 and version ~= ARGV[6] then
  return 'held:' .. version
end
redis.call('SET', KEYS[1], ARGV[4])
redis.call('INCR', KEYS[2])
return granted(KEYS[3], KEYS[4], ARGV[5])
"""
)
RENEW = (
    EVENTS
    + """
-- KEYS: 1 holder, 2 version of the record, 3 history. ARGV: enactor, attempt, resource, token, fence, ttl_ms.
if redis.call('GET', KEYS[1]) ~= ARGV[4] then
  return lost(KEYS[3], ARGV[5])
end
redis.call('INCR', KEYS[2])
tell(KEYS[3], 'renew', ARGV[5], expires_us(ARGV[6]), '')
return 0
"""
)


class TakeUnrenewed(AcquireLease):
    """Wait until nobody leads, or the record was seen unchanged for a LeaseDuration by the candidate's own clock."""

    __slots__ = ()

    def perform(self, client: LeaseClient) -> Lease | None:
        seen = client.unchanged_for(self.resource, self.ttl_ms)
        lease = asked_for(client, self.resource, self.ttl_ms)
        keys = (f"lease:{self.resource}", _record(self.resource), f"fence:{self.resource}")
        version = NOT_SEEN if seen is None else seen
        given = (self.resource, lease.token, self.ttl_ms, version)
        script = LeaseScript(GRANT, keys, given, partial(_grant_in_memory, lease, version))
        taken = granted(client, script, lease)
        if isinstance(taken, Refused):
            client.observe(self.resource, taken.previous)
            return None
        return taken

    def idle(self, client: LeaseClient, tried: int) -> bool:  # noqa: ARG002
        # The client draws between a half of it and all.
        pause_ms = (1 + JITTER_FACTOR) * RETRY * self.ttl_ms
        return client.back_off(Wait(pause_ms, pause_ms, self.wait.timeout_ms), 0)


class RenewRecord(RenewLease):
    """Write the record anew, which raises its version: whoever looks on begins to count anew."""

    __slots__ = ()

    def perform(self, client: LeaseClient) -> Outcome:
        lease = self.lease
        keys = (f"lease:{lease.resource}", _record(lease.resource))
        script = LeaseScript(RENEW, keys, on_lease(lease, lease.ttl_ms), partial(_renew_in_memory, lease))
        return client.leases.call(script, client.attempt)


def _record(resource: str) -> str:
    return f"version:{resource}"


def _grant_in_memory(lease: Lease, seen: int, cell: LeaseMemory, client: str, attempt: int) -> Outcome:
    version = cell.values.get(_record(lease.resource), 0)
    if cell.holder(lease.resource) is not None and version != seen:
        return Refused(HELD, version)
    cell.values[_record(lease.resource)] = version + 1
    return granted_in_memory(lease, cell, client, attempt, lives_ms=None)


def _renew_in_memory(lease: Lease, cell: LeaseMemory, client: str, attempt: int) -> Outcome:
    if cell.holder(lease.resource) != lease.token:
        return lost_in_memory(lease, cell, client, attempt)
    cell.values[_record(lease.resource)] = cell.values.get(_record(lease.resource), 0) + 1
    cell.tell("renew", client, attempt, lease, ttl_ms=lease.ttl_ms)
    return Done()


class LeaderLease:
    """Our own protocol; validation and release are the redis lock's."""

    name = "leader_lease"
    about = (
        "a leader's lease as in Kubernetes' client-go: candidates time it by their own clocks, and the leader itself"
    )
    fencing = True
    audited = True
    renews = True
    broken = False
    own_clock = True
    timed_by_waiters = True
    renews_every = RETRY
    trusts_for = RENEW_DEADLINE_S / LEASE_DURATION_S

    def acquire(self, resource: str, ttl_ms: int, wait: Wait) -> Program[Lease | None | Unknown]:
        lease: Lease | None | Unknown = yield TakeUnrenewed(resource, ttl_ms, wait)
        return lease

    def renew(self, lease: Lease) -> Program[Outcome | None]:
        outcome: Outcome = yield RenewRecord(lease)
        return outcome

    _plain = RedisLease()
    validate = _plain.validate
    release = _plain.release


PLUGIN = LeaderLease()
