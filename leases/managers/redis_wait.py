"""A lock on a primary with a replica: SET NX PX, then WAIT until the replica has it; else it is given back.

Protocol: SET NX PX with a random token; `WAIT 1 <half the time to live>` on the same connection (redis.io, "WAIT":
the number of replicas that acknowledged all writes of this connection, which may be fewer than asked for after the
time-out); with none, the lock is deleted by a script that compares the token, and tried again. A renewal waits, too.
A release does not: if it is lost, the lock is free when its time is over.

WAIT is no consensus (redis.io, "WAIT", "Consistency and WAIT"). It tells that one replica had the lock. It does not
make the one that takes over be that replica; it does not undo a write that no replica acknowledged, which may be
there all the same; and it does nothing against a server that forgets, a clock that steps, or an owner that stands
still.
"""

from secrets import token_hex
from time import perf_counter

from leasebench.leases.lease import Wait
from leasebench.leases.manager import LibraryLock, Taken, tried_until
from leasebench.leases.managers.redis_client import RedisLocks
from leasebench.leases.managers.redlock import DELETE, PROLONG

REPLICAS = 1
SHARE = 0.5
"""How much of the time to live the replica may take; what is left is the owner's."""
BEYOND_S = 1.0
"""How much longer than WAIT itself the client waits for its answer."""
Acknowledged = tuple[str, str, int]
"""A key that is held, its token, and its time to live."""


class WaitCalls(RedisLocks[Acknowledged]):
    """The protocol over one connection: WAIT tells of the writes of its own connection."""

    ours = True

    def __init__(self, url: str, timeout_s: float) -> None:
        super().__init__(url, timeout_s + BEYOND_S)
        self._prolong = self.client.register_script(PROLONG)
        self._delete = self.client.register_script(DELETE)

    def take(self, key: str, ttl_ms: int, wait: Wait) -> tuple[Acknowledged, Taken] | None:
        lock = tried_until(wait, lambda: self._try(key, ttl_ms))
        return (lock, Taken(lock[1])) if lock else None

    def prolong(self, lock: Acknowledged) -> bool:
        key, token, ttl_ms = lock
        return bool(self._prolong(keys=(key,), args=(token, ttl_ms))) and self._replicated(ttl_ms)

    def owned(self, lock: Acknowledged) -> bool:
        return self.has(lock[0], lock[1])

    def give_back(self, lock: Acknowledged) -> bool:
        return bool(self._delete(keys=(lock[0],), args=(lock[1],)))

    def _try(self, key: str, ttl_ms: int) -> Acknowledged | None:
        began, token = perf_counter(), token_hex()
        if not self.client.set(key, token, nx=True, px=ttl_ms):
            return None
        if self._replicated(ttl_ms) and perf_counter() - began < ttl_ms / 1000:
            return key, token, ttl_ms
        self._delete(keys=(key,), args=(token,))
        return None

    def _replicated(self, ttl_ms: int) -> bool:
        return int(self.client.wait(REPLICAS, int(ttl_ms * SHARE))) >= REPLICAS


class RedisWait(LibraryLock):
    """Our own implementation; it is called and not interpreted, since no operation of ours waits for a replica."""

    name = "redis_wait"
    about = "SET NX PX on a primary, then WAIT until its replica has it, too; given back if that does not come"
    distributions = ("redis",)
    replicas = REPLICAS

    def connect(self, url: str, timeout_s: float) -> WaitCalls:
        return WaitCalls(url, timeout_s)


PLUGIN = RedisWait()
