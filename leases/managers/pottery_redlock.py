"""pottery 3: `pottery.Redlock` on one node, as it comes (three extensions, a pause of up to 0.2 s between tries).

Acquire: SET NX PX on a thread of a pool that is made for each call. Extend and release are scripts that compare the
owner's UUID, and raise `ExtendUnlockedLock` and `ReleaseUnlockedLock` after the loss; the fourth extension raises
`TooManyExtensions`. An error of a node is logged and counts as a no. Its keys begin with `redlock:`.
"""

from typing import Any

from leasebench.leases.lease import Wait
from leasebench.leases.manager import LibraryLock, Taken
from leasebench.leases.managers.redis_client import RedisLocks
from leasebench.leases.operations import Refused


class PotteryLocks(RedisLocks[Any]):
    """The library over one client; it calls from threads of its own, so the client has a pool."""

    def __init__(self, url: str, timeout_s: float) -> None:
        from pottery import ExtendUnlockedLock, Redlock, ReleaseUnlockedLock, TooManyExtensions

        super().__init__(url, timeout_s, single=False)
        self.lost = (ExtendUnlockedLock, ReleaseUnlockedLock)
        self._redlock, self._too_many = Redlock, TooManyExtensions

    def take(self, key: str, ttl_ms: int, wait: Wait) -> tuple[Any, Taken] | None:
        lock = self._redlock(key=key, masters={self.client}, auto_release_time=ttl_ms / 1000)
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


PLUGIN = PotteryRedlock()
