"""sherlock 0.4: `sherlock.RedisLock`, as it comes (a try each 0.1 s).

Acquire: a script, SETNX and EXPIRE in whole seconds. Renew: GET and EXPIRE, which returns False after the loss;
release: GET and DEL, which raises `LockException` then.
"""

from typing import Any

from leasebench.leases.lease import Wait
from leasebench.leases.manager import LibraryLock, Taken
from leasebench.leases.managers.redis_client import RedisLocks


class SherlockLocks(RedisLocks[Any]):
    """The library over one client."""

    def __init__(self, url: str, timeout_s: float) -> None:
        from sherlock import LockException, LockTimeoutException, RedisLock

        super().__init__(url, timeout_s)
        self.lost = (LockException,)
        self._lock, self._timed_out = RedisLock, LockTimeoutException

    def take(self, key: str, ttl_ms: int, wait: Wait) -> tuple[Any, Taken] | None:
        lock = self._lock(key, client=self.client, expire=ttl_ms // 1000, timeout=wait.timeout_ms / 1000)
        try:
            lock.acquire()
        except self._timed_out:
            return None
        return lock, Taken(lock._owner)  # noqa: SLF001

    def prolong(self, lock: Any) -> Any:
        return lock.renew()

    def owned(self, lock: Any) -> Any:
        return self.has(lock.lock_name, lock._owner)  # noqa: SLF001


class SherlockRedis(LibraryLock):
    """Hands every call to the library."""

    name = "sherlock_redis"
    about = "sherlock's RedisLock: SETNX and EXPIRE in one script, whole seconds, a try each 0.1 s, renewal by hand"
    distributions = ("sherlock",)
    extra = "locks"
    ttl_step_ms = 1_000

    def connect(self, url: str, timeout_s: float) -> SherlockLocks:
        return SherlockLocks(url, timeout_s)


PLUGIN = SherlockRedis()
