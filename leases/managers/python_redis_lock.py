"""python-redis-lock 4: `redis_lock.Lock`, as it comes.

Acquire: GET, then SET NX EX; a waiter sits in BLPOP on a signal list. Release: a script that deletes the key and rings
the signal, if the owner's id is there. Both release and `extend` raise `NotAcquired` after the loss; nothing tells the
owner before. Whole seconds. Its keys are `lock:<name>` and `lock-signal:<name>`. A waiter that is left by its owner's
death recovers after its own time-out, not after the time to live.
"""

from typing import TYPE_CHECKING

from leasebench.leases.lease import Wait
from leasebench.leases.manager import LibraryLock, Taken
from leasebench.leases.managers.redis_client import RedisLocks

if TYPE_CHECKING:
    from redis_lock import Lock


class PythonRedisLocks(RedisLocks["Lock"]):
    """The library, with its renewing thread or without."""

    blocks = True

    def __init__(self, url: str, timeout_s: float, *, renewing: bool) -> None:
        import redis_lock

        super().__init__(url, timeout_s, single=False)
        self.lost = (redis_lock.NotAcquired,)
        self._library, self._renewing = redis_lock, renewing

    def take(self, key: str, ttl_ms: int, wait: Wait) -> "tuple[Lock, Taken] | None":
        seconds = ttl_ms // 1000
        lock = self._library.Lock(self.client, key, expire=seconds, auto_renewal=self._renewing)
        patience_s = min(seconds, int(wait.timeout_ms / 1000))
        got = lock.acquire(timeout=patience_s) if patience_s else lock.acquire(blocking=False)
        return (lock, Taken(lock.id)) if got else None

    def prolong(self, lock: "Lock") -> object:
        lock.extend()
        return True

    def owned(self, lock: "Lock") -> object:
        return lock.get_owner_id() == lock.id


class PythonRedisLock(LibraryLock):
    """Hands every call to the library."""

    name = "python_redis_lock"
    about = "python-redis-lock: GET and SET NX EX in whole seconds, waiters in BLPOP, renewal by hand"
    distributions = ("python-redis-lock",)
    rivals = ("redis-lock",)
    extra = "locks"
    shared_by = ("threads", "forks")
    ttl_step_ms = 1_000
    keeps_prefix = False
    renewing = False

    def connect(self, url: str, timeout_s: float) -> PythonRedisLocks:
        return PythonRedisLocks(url, timeout_s, renewing=self.renewing)


PLUGIN = PythonRedisLock()
