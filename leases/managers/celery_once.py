"""celery-once 3: the lock that keeps a task from being queued twice, `celery_once.backends.Redis`.

Acquire: redis-py's Lock, without waiting. Release: a bare DEL, whoever has the key by then. Nobody is told anything.
"""

from typing import Any

from leasebench.leases.lease import Wait
from leasebench.leases.manager import LibraryLock, Taken, tried_until
from leasebench.leases.managers.redis_client import RedisLocks

ANY_URL = "redis://localhost"
"""The backend parses one; it asks our client."""


class OverheardClient:
    """A client that remembers the value it set last: the library throws the token of its lock away."""

    def __init__(self, client: Any) -> None:
        self._client, self.token = client, b""

    def set(self, name: str, value: bytes, **options: Any) -> Any:
        self.token = value
        return self._client.set(name, value, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class CeleryOnceLocks(RedisLocks[str]):
    """The library's backend over one client. A lock is its key."""

    def __init__(self, url: str, timeout_s: float) -> None:
        from celery_once.backends.redis import Redis as Backend
        from celery_once.tasks import AlreadyQueued

        super().__init__(url, timeout_s)
        self._backend, self._queued = Backend({"url": ANY_URL}), AlreadyQueued
        self._overheard = OverheardClient(self.client)
        self._backend._redis = self._overheard  # noqa: SLF001  (its own client repeats what was lost)

    def take(self, key: str, ttl_ms: int, wait: Wait) -> tuple[str, Taken] | None:
        got = tried_until(wait, lambda: self._once(key, ttl_ms))
        return (key, Taken(self._overheard.token.decode())) if got else None

    def _once(self, key: str, ttl_ms: int) -> bool:
        try:
            self._backend.raise_or_lock(key, ttl_ms / 1000)
        except self._queued:
            return False
        return True

    def give_back(self, lock: str) -> Any:
        return self._backend.clear_lock(lock)


class CeleryOnce(LibraryLock):
    """Hands every call to the library."""

    name = "celery_once"
    about = "celery-once: SET NX PX, a bare DEL whoever has it by then, no renewal, nobody is told of a loss"
    distributions = ("celery-once",)
    extra = "tasks"
    renews = False
    validates = False

    def connect(self, url: str, timeout_s: float) -> CeleryOnceLocks:
        return CeleryOnceLocks(url, timeout_s)


PLUGIN = CeleryOnce()
