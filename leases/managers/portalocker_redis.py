"""portalocker 4.4: `portalocker.RedisLock`, as it comes, and with `fencing=True`.

Who holds the lock is who is subscribed to its channel: there is no key and no time to live. A rival pings the holder,
and has its connection killed (CLIENT KILL) if it does not answer within a second. `ensure_held` looks at what the
holder's own thread has noticed, and asks nobody. With `fencing` the number is drawn (INCR) after the grant, in a step
of its own: a holder that is stopped in between gets a higher number than its successor.
"""

from typing import Any

from leasebench.leases.lease import Wait
from leasebench.leases.manager import LibraryLock, Taken
from leasebench.leases.managers.redis_client import RedisLocks


class PortalockerLocks(RedisLocks[Any]):
    """The library over one client; each lock has a connection of its own for its subscription."""

    def __init__(self, url: str, timeout_s: float, *, fencing: bool) -> None:
        from portalocker import RedisLock
        from portalocker.exceptions import AlreadyLocked, LockLostError

        # It compares texts that it gets from the server.
        super().__init__(url, timeout_s, single=False, decode_responses=True)
        self.lost = (LockLostError,)
        self._lock, self._taken, self._fencing = RedisLock, AlreadyLocked, fencing

    def take(self, key: str, ttl_ms: int, wait: Wait) -> tuple[Any, Taken] | None:  # noqa: ARG002  (it has no TTL)
        lock = self._lock(
            key,
            connection=self.client,
            timeout=wait.timeout_ms / 1000,
            interrupt_on_lost=False,
            fencing=self._fencing,
        )
        try:
            lock.acquire()
        except self._taken:
            return None
        return lock, Taken(lock.holder_id, lock.fence_token if self._fencing else None)

    def owned(self, lock: Any) -> Any:
        lock.ensure_held()
        return True

    def give_back(self, lock: Any) -> Any:
        """As at the end of a `with` block: release, and tell a loss that was noticed."""
        lost = lock.lost
        answer = lock.release()
        return False if lost else answer


class PortalockerRedis(LibraryLock):
    """Hands every call to the library."""

    name = "portalocker_redis"
    about = "portalocker's RedisLock: a subscription for a key, no time to live, a silent holder is cut off by a rival"
    distributions = ("portalocker",)
    extra = "locks"
    renews = False
    takes_ttl = False
    shared_by = ("threads", "forks")

    def connect(self, url: str, timeout_s: float) -> PortalockerLocks:
        return PortalockerLocks(url, timeout_s, fencing=self.fencing)


PLUGIN = PortalockerRedis()
