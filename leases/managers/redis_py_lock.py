"""redis-py's `Lock`, as it comes (its default poll of 0.1 s included).

No fencing number. `release` and `extend` raise `LockNotOwnedError` when the lock was lost; nothing tells
the owner before. The renewal is `reacquire`, since `extend` adds to the time that is left (see `redis_py_extend`).
`thread_local=False`, because a renewer runs on another thread; the client of one connection has a lock of its own.
"""

from typing import TYPE_CHECKING

from leasebench.leases.lease import Wait
from leasebench.leases.manager import LibraryLock, Taken
from leasebench.leases.managers.redis_client import RedisLocks

if TYPE_CHECKING:
    from redis.lock import Lock


class RedisPyLibrary(RedisLocks["Lock"]):
    """The library over one client."""

    def __init__(self, url: str, timeout_s: float) -> None:
        # Here: who only lists the guards does not wait 0.1 s for it.
        from redis.exceptions import LockError
        from redis.lock import Lock

        super().__init__(url, timeout_s)
        self.lost = (LockError,)
        self._lock = Lock

    def take(self, key: str, ttl_ms: int, wait: Wait) -> "tuple[Lock, Taken] | None":
        patience_s = wait.timeout_ms / 1000
        lock = self._lock(self.client, key, timeout=ttl_ms / 1000, blocking_timeout=patience_s, thread_local=False)
        return (lock, Taken(lock.local.token.decode())) if lock.acquire() else None

    def prolong(self, lock: "Lock") -> object:
        return lock.reacquire()

    def owned(self, lock: "Lock") -> object:
        return lock.owned()


class RedisPyLock(LibraryLock):
    """Hands every call to the library."""

    name = "redis_py"
    about = "redis-py's Lock as it comes: SET NX PX, poll every 0.1 s, renewal by hand, no fencing number"
    distributions = ("redis",)
    thread_safe = True

    def connect(self, url: str, timeout_s: float) -> RedisPyLibrary:
        return RedisPyLibrary(url, timeout_s)


PLUGIN = RedisPyLock()
