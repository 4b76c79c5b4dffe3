"""redis-fifo-lock 0.3: `redis_fifo_lock.FifoLock` (asyncio), as it comes.

Acquire: a script joins a queue, a waiter sits in BLPOP; grants are in the order of arrival and carry a fencing number.
A task renews the lease four times in its life; `release` raises `LeaseLost` after the loss. Its keys begin with the
name in braces. The library needs an event loop, which runs on a thread of its own here.
"""

from typing import Any, NamedTuple

from leasebench.leases.errors import ServerDown
from leasebench.leases.lease import Wait
from leasebench.leases.manager import LibraryLock, LockObjects, Taken
from leasebench.leases.managers.redis_client import BLOCKED_AT_MOST_S


class FifoHeld(NamedTuple):
    """A lock of the library, and the lease that it granted."""

    lock: Any
    lease: Any


class FifoLocks(LockObjects[FifoHeld]):
    """The library, with an event loop on a thread."""

    def __init__(self, url: str, timeout_s: float) -> None:
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
        from redis.exceptions import ConnectionError as RedisConnectionError
        from redis.exceptions import TimeoutError as RedisTimeoutError
        from redis_fifo_lock import FifoLock, LeaseLost

        from leasebench.leases.event_loop import LoopThread

        super().__init__()
        self.lost, self.silent = (LeaseLost,), (RedisConnectionError, RedisTimeoutError)
        self._lock = FifoLock
        self._loop = LoopThread("fifo-lock")
        self._client = Redis.from_url(
            url,
            socket_timeout=timeout_s + BLOCKED_AT_MOST_S,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
        )
        try:
            self._loop.run(self._reached())
        except self.silent as error:
            self._loop.close()
            raise ServerDown(f"{url}: {error}") from error

    async def _reached(self) -> None:
        await self._client.ping()

    def take(self, key: str, ttl_ms: int, wait: Wait) -> tuple[FifoHeld, Taken] | None:
        lock = self._lock(self._client, key, lease_ms=ttl_ms)
        try:
            lease = self._loop.run(lock.acquire(timeout=wait.timeout_ms / 1000))
        except TimeoutError:
            return None
        return FifoHeld(lock, lease), Taken(f"{lease.owner}:{lease.fence}", lease.fence)  # as its key has it

    def owned(self, lock: FifoHeld) -> Any:
        return not lock.lease.lost.is_set()

    def give_back(self, lock: FifoHeld) -> Any:
        return self._loop.run(lock.lock.release(lock.lease))

    def close(self) -> None:
        self._loop.run(self._client.aclose())
        self._loop.close()


class RedisFifoLock(LibraryLock):
    """Hands every call to the library."""

    name = "redis_fifo_lock"
    about = "redis-fifo-lock: a fair queue, waiters in BLPOP, a task renews, a fencing number with each grant"
    fencing = True
    distributions = ("redis-fifo-lock",)
    extra = "locks"
    renews = False
    keeps_prefix = False

    def connect(self, url: str, timeout_s: float) -> FifoLocks:
        return FifoLocks(url, timeout_s)


PLUGIN = RedisFifoLock()
