"""celery-singleton 0.3: the lock that keeps a task from running twice, `celery_singleton.backends.RedisBackend`.

Acquire: SET NX without a time to live, which is its default: what a killed owner held stays held. Release: a bare DEL,
whoever has the key by then.
"""

from typing import Any
from uuid import uuid4

from leasebench.leases.lease import Wait
from leasebench.leases.manager import LibraryLock, Taken, tried_until
from leasebench.leases.managers.redis_client import RedisLocks, options


class CelerySingletonLocks(RedisLocks[str]):
    """The library's backend. A lock is its key."""

    def __init__(self, url: str, timeout_s: float) -> None:
        from celery_singleton.backends.redis import RedisBackend

        super().__init__(url, timeout_s)
        self._backend = RedisBackend(url, **options(timeout_s))

    def take(self, key: str, ttl_ms: int, wait: Wait) -> tuple[str, Taken] | None:  # noqa: ARG002  (it has no TTL)
        token = uuid4().hex
        return (key, Taken(token)) if tried_until(wait, lambda: self._backend.lock(key, token)) else None

    def give_back(self, lock: str) -> Any:
        return self._backend.unlock(lock)

    def close(self) -> None:
        self._backend.redis.connection_pool.disconnect()
        super().close()


class CelerySingleton(LibraryLock):
    """Hands every call to the library."""

    name = "celery_singleton"
    about = "celery-singleton as it comes: SET NX without a time to live, a bare DEL whoever has it by then"
    distributions = ("celery-singleton",)
    extra = "tasks"
    shared_by = ("threads", "forks")
    renews = False
    takes_ttl = False
    plain_url = True
    validates = False

    def connect(self, url: str, timeout_s: float) -> CelerySingletonLocks:
        return CelerySingletonLocks(url, timeout_s)


PLUGIN = CelerySingleton()
