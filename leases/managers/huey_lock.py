"""huey 3: `huey.lock_task`, as it comes.

Acquire: HSETNX without a time to live, which is its default: what a killed owner held stays held. Release: HDEL,
whoever has it by then. All of its locks are fields of one hash, `huey.results.<name>`.
"""

from typing import Any
from uuid import uuid4

from leasebench.leases.lease import Wait
from leasebench.leases.manager import LibraryLock, Taken, tried_until
from leasebench.leases.managers.redis_client import RedisLocks


class HueyLocks(RedisLocks[Any]):
    """The library over the pool of one client."""

    def __init__(self, url: str, timeout_s: float) -> None:
        from huey import RedisHuey
        from huey.exceptions import TaskLockedException

        super().__init__(url, timeout_s, single=False)
        self._huey = RedisHuey("leasebench", connection_pool=self.client.connection_pool)
        self._locked = TaskLockedException

    def take(self, key: str, ttl_ms: int, wait: Wait) -> tuple[Any, Taken] | None:  # noqa: ARG002  (it has no TTL)
        lock = self._huey.lock_task(key)
        return (lock, Taken(uuid4().hex)) if tried_until(wait, lambda: self._once(lock)) else None

    def _once(self, lock: Any) -> bool:
        try:
            return bool(lock.acquire())
        except self._locked:
            return False


class HueyLock(LibraryLock):
    """Hands every call to the library."""

    name = "huey_lock"
    about = "huey's lock_task as it comes: HSETNX without a time to live, HDEL whoever has it by then"
    distributions = ("huey",)
    extra = "tasks"
    shared_by = ("threads", "forks")
    renews = False
    takes_ttl = False
    validates = False
    keeps_prefix = False

    def connect(self, url: str, timeout_s: float) -> HueyLocks:
        return HueyLocks(url, timeout_s)


PLUGIN = HueyLock()
