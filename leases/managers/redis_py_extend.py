"""redis-py's `Lock`, renewed by `extend`, as many do, and not by `reacquire`.

`extend(seconds)` adds to what is left of the time to live (a script: GET, PTTL, PEXPIRE with their sum), and so a lock
that is renewed at a third of it lives longer and longer: when its owner dies, nobody gets it for that long. Its
`replace_ttl=True`, and `reacquire`, set the time to live anew.
"""

from typing import TYPE_CHECKING

from leasebench.leases.managers.redis_py_lock import RedisPyLibrary, RedisPyLock

if TYPE_CHECKING:
    from redis.lock import Lock


class ExtendingLibrary(RedisPyLibrary):
    """The library over one client."""

    def prolong(self, lock: "Lock") -> object:
        assert lock.timeout is not None
        return lock.extend(lock.timeout)


class RedisPyExtend(RedisPyLock):
    """The same library, but for the renewal."""

    name = "redis_py_extend"
    about = "redis-py's Lock renewed by extend, which adds to the time that is left instead of setting it anew"

    def connect(self, url: str, timeout_s: float) -> ExtendingLibrary:
        return ExtendingLibrary(url, timeout_s)


PLUGIN = RedisPyExtend()
