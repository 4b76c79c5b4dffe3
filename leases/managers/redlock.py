"""Redlock by the published algorithm: a lock over N independent servers, held by whoever has a majority of them.

Protocol: redis.io, "Distributed Locks with Redis", "The Redlock algorithm". Acquire: note the time; SET NX PX with
one random value on all nodes in turn, with a time-out for each that is small beside the time to live; the lock is
held if at least N/2 + 1 nodes said yes and its validity, the time to live less what that took and a drift (1 % of it
+ 2 ms), is not over. Else release on *all* nodes, those that said no or nothing included, and try again after a
random pause. Renew: a script on all nodes that prolongs the key if the value is still there; done with a majority,
inside the validity. Release: a script on all nodes that deletes the key if the value is still there.

The times are by the owner's monotonic clock. An owner looks whether the validity is over before it writes
(`own_deadline`), without asking anybody: what it can't know is how long it stands still after that look.

What it rests on, as the page says: clocks of the nodes that run at about the same rate and don't step, owners that
don't outlive the validity unseen, and nodes that don't forget: one that may have lost a lease has to stay away for
longer than any lease lives ("delayed restarts"). See M. Kleppmann, "How to do distributed locking" (2016).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from secrets import token_hex
from time import perf_counter_ns
from typing import Any

from leasebench.leases.errors import ReplyUnknown
from leasebench.leases.lease import Wait
from leasebench.leases.manager import LibraryLock, Taken, tried_until
from leasebench.leases.managers.redis_client import RedisLocks

NODE_TIMEOUT_S = 0.05
"""After which a node that says nothing counts as one that said no: the page has 5 to 50 ms for a lease of 10 s."""
DRIFT = 0.01
DRIFT_MS = 2.0
"""By how much clocks may drift apart: this share of the time to live, and the precision of Redis's expiry."""
TOKEN_BYTES = 20
PROLONG = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0
"""
DELETE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


@dataclass(slots=True)
class Quorum:
    """A lock that is held: on a majority of the nodes, until `until_ns` of the owner's monotonic clock."""

    key: str
    token: str
    ttl_ms: int
    until_ns: int


class RedlockCalls(RedisLocks[Quorum]):
    """The algorithm over one client a node. `majority`: how many have to say yes, for one that is wrong on purpose."""

    ours = True

    def __init__(self, urls: Sequence[str], timeout_s: float, majority: int | None = None) -> None:
        super().__init__(urls[0], min(timeout_s, NODE_TIMEOUT_S), more_urls=urls[1:], single=False)
        self._majority = len(urls) // 2 + 1 if majority is None else majority
        self._prolong = self.client.register_script(PROLONG)
        self._delete = self.client.register_script(DELETE)

    def take(self, key: str, ttl_ms: int, wait: Wait) -> tuple[Quorum, Taken] | None:
        lock = tried_until(wait, lambda: self._try(key, ttl_ms))
        return (lock, Taken(lock.token)) if lock else None

    def prolong(self, lock: Quorum) -> bool:
        asked_ns = perf_counter_ns()
        yes, silent = self._ask(self._prolong, lock, lock.ttl_ms)
        until_ns = valid_until_ns(asked_ns, lock.ttl_ms)
        if yes >= self._majority and perf_counter_ns() < min(until_ns, lock.until_ns):
            lock.until_ns = until_ns
            return True
        return self._told_no(yes, silent)

    def owned(self, lock: Quorum) -> bool:
        return perf_counter_ns() < lock.until_ns

    def give_back(self, lock: Quorum) -> bool:
        yes, silent = self._ask(self._delete, lock)
        return yes >= self._majority or self._told_no(yes, silent)

    def _try(self, key: str, ttl_ms: int) -> Quorum | None:
        """Ask all nodes once."""
        asked_ns = perf_counter_ns()
        lock = Quorum(key, token_hex(TOKEN_BYTES), ttl_ms, valid_until_ns(asked_ns, ttl_ms))
        yes = 0
        for client in self.clients:
            try:
                yes += bool(client.set(key, lock.token, nx=True, px=ttl_ms))
            except self.silent:
                continue
        if yes >= self._majority and self.owned(lock):
            return lock
        self._ask(self._delete, lock)
        return None

    def _ask(self, script: Any, lock: Quorum, *more: int) -> tuple[int, int]:
        """Run a script on all nodes. Returns how many said yes, and how many said nothing."""
        yes = silent = 0
        for client in self.clients:
            try:
                yes += bool(script(keys=(lock.key,), args=(lock.token, *more), client=client))
            except self.silent:
                silent += 1
        return yes, silent

    def _told_no(self, yes: int, silent: int) -> bool:
        """False where no majority can have said yes. Raises ReplyUnknown where one may have."""
        if yes + silent >= self._majority:
            raise ReplyUnknown(f"{yes} of {len(self.clients)} nodes said yes, {silent} said nothing")
        return False


def valid_until_ns(asked_ns: int, ttl_ms: float) -> int:
    """Until when a lock is valid that was asked for at `asked_ns`, by the same clock."""
    return asked_ns + int((ttl_ms - ttl_ms * DRIFT - DRIFT_MS) * 1e6)


class Redlock(LibraryLock):
    """Our own implementation; it is called and not interpreted, since our operations know one lease server."""

    name = "redlock_3"
    about = (
        "Redlock by the published algorithm on three nodes: a majority in time; an owner minds the end of its validity"
    )
    distributions = ("redis",)
    nodes = 3
    own_deadline = True

    def connect(self, url: str, timeout_s: float) -> RedlockCalls:
        return self.connect_nodes([url], timeout_s)

    def connect_nodes(self, urls: Sequence[str], timeout_s: float) -> RedlockCalls:
        """One client for each node."""
        return RedlockCalls(urls, timeout_s)


PLUGIN = Redlock()
