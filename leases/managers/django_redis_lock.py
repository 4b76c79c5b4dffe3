"""django-redis 7: `cache.lock`, as it comes: redis-py's Lock on the key `:1:<name>`.

The renewal is redis-py's `reacquire`, since `extend` adds to the time that remains.
"""

from typing import TYPE_CHECKING, Any

from leasebench.leases.lease import Wait
from leasebench.leases.manager import LibraryLock, LockObjects, Taken
from leasebench.leases.managers.redis_client import options

if TYPE_CHECKING:
    from redis.lock import Lock


class DjangoRedisLocks(LockObjects["Lock"]):
    """A cache of Django's with django-redis behind it, configured here if nobody did."""

    def __init__(self, url: str, timeout_s: float) -> None:
        from django.conf import settings
        from django_redis.cache import RedisCache
        from redis.exceptions import ConnectionError as RedisConnectionError
        from redis.exceptions import LockError
        from redis.exceptions import TimeoutError as RedisTimeoutError

        super().__init__()
        self.lost, self.silent = (LockError,), (RedisConnectionError, RedisTimeoutError)
        if not settings.configured:
            settings.configure()
        self._cache = RedisCache(url, {"OPTIONS": {"CONNECTION_POOL_KWARGS": options(timeout_s)}})

    def take(self, key: str, ttl_ms: int, wait: Wait) -> "tuple[Lock, Taken] | None":
        # A renewer runs on another thread.
        patience_s = wait.timeout_ms / 1000
        lock = self._cache.lock(key, timeout=ttl_ms / 1000, blocking_timeout=patience_s, thread_local=False)
        return (lock, Taken(lock.local.token.decode())) if lock.acquire() else None

    def prolong(self, lock: "Lock") -> Any:
        return lock.reacquire()

    def owned(self, lock: "Lock") -> Any:
        return lock.owned()

    def close(self) -> None:
        self._cache.client.get_client(write=True).connection_pool.disconnect()


class DjangoRedisLock(LibraryLock):
    """Hands every call to the library."""

    name = "django_redis"
    about = "django-redis' cache.lock: redis-py's Lock on a key of Django's cache"
    distributions = ("django-redis",)
    extra = "locks"
    shared_by = ("threads", "forks")
    keeps_prefix = False

    def connect(self, url: str, timeout_s: float) -> DjangoRedisLocks:
        return DjangoRedisLocks(url, timeout_s)


PLUGIN = DjangoRedisLock()
