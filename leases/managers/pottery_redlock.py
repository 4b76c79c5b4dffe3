"""pottery 3: `pottery.Redlock`, as it comes (three extensions, a pause of up to 0.2 s between tries).

Acquire: SET NX PX on all nodes at once, each by a thread of a pool that is made for each call, valid for the time to
live less what it took and a drift of 1 % + 2 ms; it returns as soon as a majority said yes. Whether that time is
over, nothing in the library looks at later. Extend and release are scripts that compare the owner's UUID, and raise
`ExtendUnlockedLock` and `ReleaseUnlockedLock` after the loss; the fourth extension raises `TooManyExtensions`. An
error of a node is logged and counts as a no. Its keys begin with `redlock:`.
"""

from collections.abc import Sequence
from typing import Any

from leasebench.leases.lease import Wait
from leasebench.leases.manager import LibraryLock, Taken
from leasebench.leases.managers.redis_client import RedisLocks
from leasebench.leases.outcome import Refused


class PotteryLocks(RedisLocks[Any]):
    """The library over one client a node; it calls from threads of its own, so a client has a pool."""

    def __init__(self, url: str, timeout_s: float, more_urls: Sequence[str] = ()) -> None:
        from pottery import ExtendUnlockedLock, Redlock, ReleaseUnlockedLock, TooManyExtensions

        super().__init__(url, timeout_s, more_urls=more_urls, single=False)
        self.lost = (ExtendUnlockedLock, ReleaseUnlockedLock)
        self._redlock, self._too_many = Redlock, TooManyExtensions

    def take(self, key: str, ttl_ms: int, wait: Wait) -> tuple[Any, Taken] | None:
        lock = self._redlock(key=key, masters=set(self.clients), auto_release_time=ttl_ms / 1000)
        return (lock, Taken(lock._uuid)) if lock.acquire(timeout=wait.timeout_ms / 1000) else None  # noqa: SLF001

    def prolong(self, lock: Any) -> Any:
        try:
            lock.extend()
        except self._too_many:
            return Refused("too_many_extensions")
        return True

    def owned(self, lock: Any) -> Any:
        return lock.locked() > 0


class PotteryRedlock(LibraryLock):
    """Hands every call to the library."""

    name = "pottery_redlock"
    about = "pottery's Redlock on one node: SET NX PX by a thread pool, three extensions at most"
    distributions = ("pottery",)
    extra = "locks"
    shared_by = ("threads", "forks")
    keeps_prefix = False

    def connect(self, url: str, timeout_s: float) -> PotteryLocks:
        return PotteryLocks(url, timeout_s)

    def connect_nodes(self, urls: Sequence[str], timeout_s: float) -> PotteryLocks:
        """One client for each node."""
        return PotteryLocks(urls[0], timeout_s, urls[1:])


PLUGIN = PotteryRedlock()
