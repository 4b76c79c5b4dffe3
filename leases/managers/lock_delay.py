"""The textbook lock on one Redis, and a lock-delay: one that ran out is granted to nobody for a while.

Sources: Burrows, "The Chubby lock service for loosely-coupled distributed systems" (OSDI 2006), section 2.4: a lock
that became free because its holder failed is kept from others for the *lock-delay*, up to a minute, to protect servers
that know of no sequencer from delayed messages and restarts; Consul's sessions (`LockDelay`: 15 s by default; TTLs of
10 s to 24 h): a lock of a session that was invalidated can't be acquired for that long. One that its owner gives back
is free at once. Here the delay is 1.5 times the time to live, Consul's default to its shortest time to live. In place
of a session there is the lease's own time to live.

What it buys: whoever stands still, or whose write is under way, for up to the time to live and the delay together finds
nobody in his place. What it costs: a dead owner's lock is taken over that much later. It is timing still.
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
    delay_of,
    granted,
    granted_in_memory,
    lost_in_memory,
    on_lease,
)
from leasebench.leases.managers.redis_lease import RedisLease
from leasebench.leases.operations import AcquireLease, Program, ReleaseLease, RenewLease
from leasebench.leases.outcome import Done, Outcome, Refused, Unknown

DELAY = 1.5
"""How long a lock that ran out is kept from others, as a share of its time to live."""
GRANT = (
    EVENTS
    + """
-- KEYS: 1 lease, 2 what keeps others out, 3 fencing counter, 4 history.
-- ARGV: enactor, attempt, resource, token, ttl_ms, ttl and delay together in ms. Returns the fencing number.
if redis.call('EXISTS', KEYS[1], KEYS[2]) > 0 then
  return 'held:0'
end
redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[5])
redis.call('SET', KEYS[2], ARGV[4], 'PX', ARGV[6])
return granted(KEYS[3], KEYS[4], ARGV[5])
"""
)
ON_LEASE = (
    EVENTS
    + """
-- KEYS: 1 lease, 2 what keeps others out, 3 history.
-- ARGV: enactor, attempt, resource, token, fence, ttl_ms, ttl and delay together in ms; a ttl of 0 gives it back.
if redis.call('GET', KEYS[1]) ~= ARGV[4] then
  return lost(KEYS[3], ARGV[5])
end
if ARGV[6] == '0' then
  redis.call('DEL', KEYS[1], KEYS[2])
  tell(KEYS[3], 'release', ARGV[5], '', '')
else
  redis.call('PEXPIRE', KEYS[1], ARGV[6])
  redis.call('PEXPIRE', KEYS[2], ARGV[7])
  tell(KEYS[3], 'renew', ARGV[5], expires_us(ARGV[6]), '')
end
return 0
"""
)


class AcquireDelayed(AcquireLease):
    """Wait for a lease that is free and was given back, or ran out long enough ago."""

    __slots__ = ()

    def perform(self, client: LeaseClient) -> Lease | None:
        lease = asked_for(client, self.resource, self.ttl_ms)
        keys = (f"lease:{self.resource}", delay_of(self.resource), f"fence:{self.resource}")
        given = (self.resource, lease.token, self.ttl_ms, _kept_ms(self.ttl_ms))
        script = LeaseScript(GRANT, keys, given, partial(_grant_in_memory, lease))
        taken = granted(client, script, lease)
        return None if isinstance(taken, Refused) else taken


class RenewDelayed(RenewLease):
    """Prolong the lease, and with it what keeps others out after it."""

    __slots__ = ()

    def perform(self, client: LeaseClient) -> Outcome:
        return client.leases.call(_on_lease(self.lease, self.lease.ttl_ms), client.attempt)


class ReleaseDelayed(ReleaseLease):
    """Give the lease back: it is free at once."""

    __slots__ = ()

    def perform(self, client: LeaseClient) -> Outcome:
        return client.leases.call(_on_lease(self.lease, 0), client.attempt)


def _kept_ms(ttl_ms: int) -> int:
    return int(ttl_ms * (1 + DELAY))


def _on_lease(lease: Lease, ttl_ms: int) -> LeaseScript:
    keys = (f"lease:{lease.resource}", delay_of(lease.resource))
    given = on_lease(lease, ttl_ms, _kept_ms(ttl_ms))
    return LeaseScript(ON_LEASE, keys, given, partial(_on_lease_in_memory, lease, ttl_ms))


def _grant_in_memory(lease: Lease, cell: LeaseMemory, client: str, attempt: int) -> Outcome:
    now_ms, kept = cell.now_us // 1000, delay_of(lease.resource)
    if cell.holder(lease.resource) is not None or now_ms <= cell.values.get(kept, -1):
        return Refused(HELD)
    cell.values[kept] = now_ms + _kept_ms(lease.ttl_ms)
    return granted_in_memory(lease, cell, client, attempt, lives_ms=lease.ttl_ms)


def _on_lease_in_memory(lease: Lease, ttl_ms: int, cell: LeaseMemory, client: str, attempt: int) -> Outcome:
    if cell.holder(lease.resource) != lease.token:
        return lost_in_memory(lease, cell, client, attempt)
    if ttl_ms:
        cell.prolong(lease.resource, ttl_ms)
        cell.values[delay_of(lease.resource)] = cell.now_us // 1000 + _kept_ms(ttl_ms)
        cell.tell("renew", client, attempt, lease, ttl_ms=ttl_ms)
    else:
        cell.take_back(lease.resource)
        cell.values.pop(delay_of(lease.resource), None)
        cell.tell("release", client, attempt, lease)
    return Done()


class LockDelay:
    """Our own protocol."""

    name = "lock_delay"
    about = "the redis lock; one that ran out is kept from others for 1.5 times its time to live (Chubby, Consul)"
    fencing = True
    audited = True
    lock_delay = DELAY
    renews = True
    broken = False

    def acquire(self, resource: str, ttl_ms: int, wait: Wait) -> Program[Lease | None | Unknown]:
        lease: Lease | None | Unknown = yield AcquireDelayed(resource, ttl_ms, wait)
        return lease

    def renew(self, lease: Lease) -> Program[Outcome | None]:
        outcome: Outcome = yield RenewDelayed(lease)
        return outcome

    validate = RedisLease().validate

    def release(self, lease: Lease) -> Program[Outcome | None]:
        outcome: Outcome = yield ReleaseDelayed(lease)
        return outcome


PLUGIN = LockDelay()
