"""redis-py's `Lock`, as it comes (its default poll of 0.1 s included).

No fencing number. `release` and `extend` raise `LockNotOwnedError` when the lock was lost; nothing tells
the owner before. `thread_local=False`, because a renewer runs on another thread.
"""

from collections.abc import Callable

import redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import LockError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.lock import Lock
from redis.retry import Retry

from leasebench.leases.errors import ReplyUnknown, ServerDown
from leasebench.leases.lease import Lease, Wait
from leasebench.leases.operations import AcquireLock, Outcome, Program, ReleaseLock, RenewLock, Unknown, ValidateLock


class RedisPyLock:
    """Hands every call to the library."""

    name = "redis_py"
    about = "redis-py's Lock as it comes: SET NX PX, poll every 0.1 s, renewal by hand, no fencing number"
    fencing = False
    audited = False
    renews = True
    broken = False

    def acquire(self, resource: str, ttl_ms: int, wait: Wait) -> Program[Lease | None | Unknown]:
        lease: Lease | None | Unknown = yield AcquireLock(resource, ttl_ms, wait)
        return lease

    def renew(self, lease: Lease) -> Program[Outcome | None]:
        outcome: Outcome = yield RenewLock(lease)
        return outcome

    def validate(self, lease: Lease) -> Program[Outcome | None]:
        outcome: Outcome = yield ValidateLock(lease)
        return outcome

    def release(self, lease: Lease) -> Program[Outcome | None]:
        outcome: Outcome = yield ReleaseLock(lease)
        return outcome

    def connect(self, url: str, timeout_s: float) -> "RedisPyLibrary":
        return RedisPyLibrary(url, timeout_s)


class RedisPyLibrary:
    """The library's client, one connection, no retries. It connects at once: raises ServerDown."""

    def __init__(self, url: str, timeout_s: float) -> None:
        try:
            self._client = redis.Redis.from_url(
                url,
                socket_timeout=timeout_s,
                socket_connect_timeout=timeout_s,
                retry=Retry(NoBackoff(), 0),
                single_connection_client=True,
            )
        except (RedisConnectionError, RedisTimeoutError) as error:
            raise ServerDown(f"{url}: {error}") from error
        self._locks: dict[str, Lock] = {}

    def acquire(self, key: str, ttl_ms: int, wait: Wait) -> str | None:
        lock = Lock(
            self._client,
            key,
            timeout=ttl_ms / 1000,
            blocking_timeout=wait.timeout_ms / 1000,
            thread_local=False,
        )
        try:
            if not lock.acquire():
                return None
        except (RedisConnectionError, RedisTimeoutError) as error:
            raise ReplyUnknown(str(error)) from error
        self._locks[key] = lock
        token: bytes = lock.local.token
        return token.decode()

    def renew(self, key: str) -> bool:
        return self._told(self._locks[key].reacquire)

    def validate(self, key: str) -> bool:
        return self._told(self._locks[key].owned)

    def release(self, key: str) -> bool:
        return self._told(self._locks.pop(key).release)

    def close(self) -> None:
        self._client.close()

    @staticmethod
    def _told(call: Callable[[], bool | None]) -> bool:
        """Run one call; False where the library says that the lock is not ours any more."""
        try:
            return call() is not False
        except LockError:
            return False
        except (RedisConnectionError, RedisTimeoutError) as error:
            raise ReplyUnknown(str(error)) from error


PLUGIN = RedisPyLock()
