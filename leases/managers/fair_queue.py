"""A fair lock on one Redis: waiters stand in a queue, and the first of them gets it.

Source: Redisson's `RedissonFairLock` (`getFairLock`), its two keys: a list of the waiters in the order in which they
came, and a sorted set with the time by which each counts as dead unless it asks again. Each attempt first drops the
dead at the head, then takes the lock if it is free and nobody, or the caller itself, stands first; else the caller
stands at the end. Redisson lets a waiter live for 5 s (`fairLockWaitTimeout`) and wakes the next one by a message.
Here it lives for as long as a lease does since it asked last, and every waiter polls as its guard says: a waiter that
was killed so keeps the others waiting for one time to live at most. One that stood still for longer stands at the end
again; one that gives up leaves the queue (Redisson's `acquireFailed`).

In the explorer a queue is empty whenever somebody asks: waiters may give up and die, so that any order is possible.
"""

from functools import partial

from leasebench.leases.client import LeaseClient
from leasebench.leases.lease import Lease, Wait
from leasebench.leases.lease_script import EVENTS, HELD, LeaseMemory, LeaseScript, asked_for, granted, granted_in_memory
from leasebench.leases.managers.redis_lease import RedisLease
from leasebench.leases.operations import AcquireLease, Program
from leasebench.leases.outcome import Done, Outcome, Refused, Unknown

GRANT = (
    EVENTS
    + """
-- KEYS: 1 lease, 2 queue of tokens, 3 until when each of them waits (ms), 4 fencing counter, 5 history.
-- ARGV: enactor, attempt, resource, token, ttl_ms. Returns the fencing number, or `held:` and the number of waiters.
local now_ms = now[1] * 1000 + math.floor(now[2] / 1000)
local first = redis.call('LINDEX', KEYS[2], 0)
while first and tonumber(redis.call('ZSCORE', KEYS[3], first) or '0') < now_ms do
  redis.call('LPOP', KEYS[2])
  redis.call('ZREM', KEYS[3], first)
  first = redis.call('LINDEX', KEYS[2], 0)
end
if redis.call('EXISTS', KEYS[1]) == 0 and (not first or first == ARGV[4]) then
  if first then
    redis.call('LPOP', KEYS[2])
    redis.call('ZREM', KEYS[3], first)
  end
  redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[5])
  return granted(KEYS[4], KEYS[5], ARGV[5])
end
if not redis.call('ZSCORE', KEYS[3], ARGV[4]) then
  redis.call('RPUSH', KEYS[2], ARGV[4])
end
redis.call('ZADD', KEYS[3], string.format('%.0f', now_ms + ARGV[5]), ARGV[4])
return 'held:' .. redis.call('LLEN', KEYS[2])
"""
)
LEAVE = (
    EVENTS
    + """
-- KEYS: 1 queue of tokens, 2 until when each of them waits, 3 history. ARGV: enactor, attempt, resource, token.
redis.call('LREM', KEYS[1], 1, ARGV[4])
redis.call('ZREM', KEYS[2], ARGV[4])
return 0
"""
)


class AcquireInTurn(AcquireLease):
    """Stand in the queue, and take the lease when it is free and nobody stands before."""

    __slots__ = ()

    def perform(self, client: LeaseClient) -> Lease | None:
        lease = asked_for(client, self.resource, self.ttl_ms)
        keys = tuple(f"{kind}:{self.resource}" for kind in ("lease", "queue", "queue_until", "fence"))
        given = (self.resource, lease.token, self.ttl_ms)
        script = LeaseScript(GRANT, keys, given, partial(_grant_in_memory, lease))
        taken = granted(client, script, lease)
        return None if isinstance(taken, Refused) else taken

    def idle(self, client: LeaseClient, tried: int) -> bool:
        if client.back_off(self.wait, tried):
            return True
        lease = asked_for(client, self.resource, self.ttl_ms)
        keys = (f"queue:{self.resource}", f"queue_until:{self.resource}")
        client.leases.call(
            LeaseScript(LEAVE, keys, (self.resource, lease.token), partial(_leave_in_memory, lease)), client.attempt
        )
        return False


def _grant_in_memory(lease: Lease, cell: LeaseMemory, client: str, attempt: int) -> Outcome:
    """The queue is what there is of these values, in the order in which they were put there."""
    place, now_ms = f"queue_until:{lease.resource}:", cell.now_us // 1000
    queue = [key for key in cell.values if key.startswith(place)]
    while queue and cell.values[queue[0]] < now_ms:
        del cell.values[queue.pop(0)]
    own = f"{place}{lease.token}"
    if cell.holder(lease.resource) is None and (not queue or queue[0] == own):
        cell.values.pop(own, None)
        return granted_in_memory(lease, cell, client, attempt, lives_ms=lease.ttl_ms)
    cell.values[own] = now_ms + lease.ttl_ms
    return Refused(HELD, len(queue) + (own not in queue))


def _leave_in_memory(lease: Lease, cell: LeaseMemory, client: str, attempt: int) -> Outcome:  # noqa: ARG001
    cell.values.pop(f"queue_until:{lease.resource}:{lease.token}", None)
    return Done()


class FairQueue:
    """Our own protocol; only the grant differs from the redis lock's."""

    name = "fair_queue"
    about = "a fair lock: waiters stand in a queue in Redis, and dead ones leave it by their own time-outs (Redisson)"
    fencing = True
    audited = True
    renews = True
    broken = False

    def acquire(self, resource: str, ttl_ms: int, wait: Wait) -> Program[Lease | None | Unknown]:
        lease: Lease | None | Unknown = yield AcquireInTurn(resource, ttl_ms, wait)
        return lease

    _plain = RedisLease()
    renew = _plain.renew
    validate = _plain.validate
    release = _plain.release


PLUGIN = FairQueue()
