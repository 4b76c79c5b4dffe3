"""redis-py's `Lock`, as it comes (its default poll of 0.1 s included).

No fencing number. `release` and `extend` raise `LockNotOwnedError` when the lock was lost; nothing tells
the owner before. `thread_local=False`, because a renewer runs on another thread.
"""

from typing import TYPE_CHECKING

from leasebench.leases.errors import ServerDown
from leasebench.leases.lease import Wait
from leasebench.leases.manager import LibraryLock, LockObjects, Taken

if TYPE_CHECKING:
    from redis.lock import Lock


class RedisPyLibrary(LockObjects["Lock"]):
    """The library's client, one connection, no retries. It connects at once: raises ServerDown."""

    def __init__(self, url: str, timeout_s: float) -> None:
        # Here: who only lists the guards does not wait 0.1 s for it.
        import redis
        from redis.backoff import NoBackoff
        from redis.exceptions import ConnectionError as RedisConnectionError
        from redis.exceptions import LockError
        from redis.exceptions import TimeoutError as RedisTimeoutError
        from redis.lock import Lock
        from redis.retry import Retry

        super().__init__()
        self.lost, self.silent = (LockError,), (RedisConnectionError, RedisTimeoutError)
        self._lock = Lock
        times = {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s, "retry": Retry(NoBackoff(), 0)}
        try:
            self._client = redis.Redis.from_url(url, single_connection_client=True, **times)
        except self.silent as error:
            raise ServerDown(f"{url}: {error}") from error

    def take(self, key: str, ttl_ms: int, wait: Wait) -> "tuple[Lock, Taken] | None":
        patience_s = wait.timeout_ms / 1000
        lock = self._lock(self._client, key, timeout=ttl_ms / 1000, blocking_timeout=patience_s, thread_local=False)
        return (lock, Taken(lock.local.token.decode())) if lock.acquire() else None

    def prolong(self, lock: "Lock") -> object:
        return lock.reacquire()

    def owned(self, lock: "Lock") -> object:
        return lock.owned()

    def close(self) -> None:
        self._client.close()


class RedisPyLock(LibraryLock):
    """Hands every call to the library."""

    name = "redis_py"
    about = "redis-py's Lock as it comes: SET NX PX, poll every 0.1 s, renewal by hand, no fencing number"
    distributions = ("redis",)

    def connect(self, url: str, timeout_s: float) -> RedisPyLibrary:
        return RedisPyLibrary(url, timeout_s)


PLUGIN = RedisPyLock()
