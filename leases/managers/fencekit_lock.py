"""fencekit 0.6: `fencekit.DistributedLock`, as it comes (a try each 50 ms).

Acquire: one script, SET NX PX and INCR of the fencing number, so that fencing numbers grow in the order of the grants.
Extend and release raise `LockNotOwned` after the loss.
"""

from datetime import timedelta
from typing import Any, NamedTuple

from leasebench.leases.lease import Wait
from leasebench.leases.manager import LibraryLock, Taken
from leasebench.leases.managers.redis_client import RedisLocks

RESOURCE = "lock"


class FencekitHeld(NamedTuple):
    """A lock of the library that has the key as its prefix, and the handle of the grant."""

    lock: Any
    handle: Any


class FencekitLocks(RedisLocks[FencekitHeld]):
    """The library over one client."""

    def __init__(self, url: str, timeout_s: float) -> None:
        from fencekit import DistributedLock, LockNotAcquired, LockNotOwned

        super().__init__(url, timeout_s)
        self.lost = (LockNotOwned,)
        self._lock, self._not_acquired = DistributedLock, LockNotAcquired

    def take(self, key: str, ttl_ms: int, wait: Wait) -> tuple[FencekitHeld, Taken] | None:
        lock = self._lock(self.client, prefix=key)
        ttl, patience = timedelta(milliseconds=ttl_ms), timedelta(milliseconds=wait.timeout_ms)
        try:
            handle = lock.acquire(RESOURCE, ttl=ttl, blocking=True, wait=patience)
        except self._not_acquired:
            return None
        return FencekitHeld(lock, handle), Taken(handle.owner_id, handle.token.value)

    def prolong(self, lock: FencekitHeld) -> Any:
        return lock.lock.extend(lock.handle, ttl=lock.handle.ttl)

    def owned(self, lock: FencekitHeld) -> Any:
        return self.has(lock.lock.lock_key(RESOURCE), lock.handle.owner_id)

    def give_back(self, lock: FencekitHeld) -> Any:
        return lock.lock.release(lock.handle)


class Fencekit(LibraryLock):
    """Hands every call to the library."""

    name = "fencekit"
    about = "fencekit's DistributedLock: lock and fencing number in one script, a try each 50 ms, renewal by hand"
    fencing = True
    distributions = ("fencekit",)
    extra = "locks"

    def connect(self, url: str, timeout_s: float) -> FencekitLocks:
        return FencekitLocks(url, timeout_s)


PLUGIN = Fencekit()
