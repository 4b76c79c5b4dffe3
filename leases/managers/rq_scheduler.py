"""rq 3: the lock by which one of several schedulers leads, `rq.scripts.acquire_or_refresh_lock`.

Acquire and refresh are one script: GET, then SET EX in whole seconds if nobody or the caller has the key. Release
compares the owner's name in a script. rq itself leases for its interval and a minute more.
"""

from typing import Any, NamedTuple
from uuid import uuid4

from leasebench.leases.lease import Wait
from leasebench.leases.manager import LibraryLock, Taken, tried_until
from leasebench.leases.managers.redis_client import RedisLocks


class RqHeld(NamedTuple):
    """The key of a lock, its owner's name, and its time to live in seconds."""

    key: str
    owner: str
    seconds: int


class RqLocks(RedisLocks[RqHeld]):
    """The library's scripts over one client."""

    def __init__(self, url: str, timeout_s: float) -> None:
        from rq import scripts

        super().__init__(url, timeout_s)
        self._scripts = scripts

    def take(self, key: str, ttl_ms: int, wait: Wait) -> tuple[RqHeld, Taken] | None:
        lock = RqHeld(key, uuid4().hex, ttl_ms // 1000)
        got = tried_until(wait, lambda: self._ask(lock) != "taken")
        return (lock, Taken(lock.owner)) if got else None

    def prolong(self, lock: RqHeld) -> Any:
        return self._ask(lock) == "refreshed"

    def owned(self, lock: RqHeld) -> Any:
        return self.has(lock.key, lock.owner)

    def give_back(self, lock: RqHeld) -> Any:
        return self._scripts.release_lock(self.client, lock.key, lock.owner)

    def _ask(self, lock: RqHeld) -> str:
        return str(self._scripts.acquire_or_refresh_lock(self.client, lock.key, lock.owner, lock.seconds))


class RqScheduler(LibraryLock):
    """Hands every call to the library."""

    name = "rq_scheduler"
    about = "the lock of rq's scheduler: acquire or refresh in one script, whole seconds, release compares the owner"
    distributions = ("rq",)
    extra = "tasks"
    ttl_step_ms = 1_000

    def connect(self, url: str, timeout_s: float) -> RqLocks:
        return RqLocks(url, timeout_s)


PLUGIN = RqScheduler()
