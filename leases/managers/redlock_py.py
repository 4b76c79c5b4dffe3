"""redlock-py 1.0.8: `redlock.Redlock`, as it comes (three tries, 0.2 s apart).

Acquire: SET NX PX on one node after the other, valid for the time to live less its drift of 1 % + 2 ms, by the wall
clock. Release: a script that deletes the key if the owner's value is there; what it answers, and any error, is thrown
away, so the owner is never told that the lock was lost. There is no renewal. Where a majority said yes and one node
can't be reached, `lock` raises `MultipleRedlockException` and gives nothing back: nobody has the lock until its time
is over. So one node that is away keeps the lock from everybody, which is what several nodes are there against.
"""

from collections.abc import Sequence
from typing import Any

from leasebench.leases.lease import Wait
from leasebench.leases.manager import LibraryLock, Taken
from leasebench.leases.managers.redis_client import RedisLocks


class RedlockPyLocks(RedisLocks[Any]):
    """The library over one client a node."""

    def __init__(self, url: str, timeout_s: float, more_urls: Sequence[str] = ()) -> None:
        from redlock import MultipleRedlockException, Redlock

        super().__init__(url, timeout_s, more_urls=more_urls)
        self.silent = (*self.silent, MultipleRedlockException)
        self._redlock = Redlock(self.clients)

    def take(self, key: str, ttl_ms: int, wait: Wait) -> tuple[Any, Taken] | None:  # noqa: ARG002  (it has its own)
        lock = self._redlock.lock(key, ttl_ms)
        return (lock, Taken(lock.key.decode())) if lock else None

    def give_back(self, lock: Any) -> Any:
        return self._redlock.unlock(lock)


class RedlockPy(LibraryLock):
    """Hands every call to the library."""

    name = "redlock_py"
    about = "redlock-py on one node: SET NX PX, three tries 0.2 s apart, no renewal, an owner is never told of a loss"
    distributions = ("redlock-py",)
    rivals = ("redlock", "redlock-ng")
    extra = "locks"
    renews = False
    validates = False

    def connect(self, url: str, timeout_s: float) -> RedlockPyLocks:
        return RedlockPyLocks(url, timeout_s)

    def connect_nodes(self, urls: Sequence[str], timeout_s: float) -> RedlockPyLocks:
        """One client for each node."""
        return RedlockPyLocks(urls[0], timeout_s, urls[1:])


PLUGIN = RedlockPy()
