"""Locks that a process calls and does not look into: a library's, and one in a process and language of its own."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar, cast

from leasebench.leases.foreign.lock import GRANTS_KEPT, ForeignLock
from leasebench.leases.lease import Lease, Wait
from leasebench.leases.manager import Library, Taken, TellingLibrary
from leasebench.leases.outcome import Done, Outcome, Reason, Refused

Answer = TypeVar("Answer")
MAX_FENCE = 1 << 53
"""Scripts in Lua compare larger numbers wrongly."""


@dataclass(frozen=True, slots=True)
class CalledLibrary:
    """A library's lock as an opaque lock: its keys are under our prefix, what it says is made an Outcome.

    Whoever is to stop asks for no further lock: a library's wait can't be cut short, and a lock that a dead owner holds
    for ever would be waited for at every endpoint that is left.
    """

    library: Library
    key_of: Callable[[str], str]
    fencing: bool
    stopping: Callable[[], bool]
    own_deadline: bool = False

    def acquire(self, resource: str, ttl_ms: int, wait: Wait, attempt: int) -> Lease | None:
        taken = None if self.stopping() else self.library.acquire(self.key_of(resource), ttl_ms, wait)
        if taken is None:
            return None
        if isinstance(taken, str):
            taken = Taken(taken)
        if self.fencing and (taken.fence is None or not 0 <= taken.fence < MAX_FENCE):
            raise ValueError(f"a lease manager that says fencing = True gave the fencing number {taken.fence}")
        fence = taken.fence if self.fencing else None
        return Lease(resource, taken.token, fence, attempt, ttl_ms, self.own_deadline)

    def renew(self, lease: Lease) -> Outcome:
        return _outcome(self.library.renew(self.key_of(lease.resource)))

    def release(self, lease: Lease) -> Outcome:
        return _outcome(self.library.release(self.key_of(lease.resource)))

    def validate(self, lease: Lease) -> Outcome:
        return _outcome(self.library.validate(self.key_of(lease.resource)))

    def heard_of(self, lease: Lease) -> Outcome:
        telling = cast("TellingLibrary", self.library)
        return _outcome(telling.heard_of(self.key_of(lease.resource)))


def _outcome(answer: bool | Refused) -> Outcome:
    if isinstance(answer, Refused):
        return answer
    return Done() if answer else Refused(Reason.LEASE_LOST)


class ForeignListener(Protocol):
    """Who is told what a foreign lock says of itself."""

    def took(self, service_ns: int) -> None:
        """How long the present call took in the lock itself."""
        ...

    def lost(self, lease: Lease, at_ns: int) -> None:
        """The lock told its owner by itself, at this instant of the host's monotonic clock, that a lease is lost."""
        ...


class ForeignOwner:
    """The owner of foreign locks, as an opaque lock. What the lock tells by itself is heard when the owner looks."""

    def __init__(self, called: CalledLibrary, lock: ForeignLock) -> None:
        self._called, self._lock = called, lock
        self.group = lock.group
        self.listener: ForeignListener | None = None
        self._granted: OrderedDict[str, Lease] = OrderedDict()

    def acquire(self, resource: str, ttl_ms: int, wait: Wait, attempt: int) -> Lease | None:
        return self._answered(self._acquire, resource, ttl_ms, wait, attempt)

    def _acquire(self, resource: str, ttl_ms: int, wait: Wait, attempt: int) -> Lease | None:
        lease = self._called.acquire(resource, ttl_ms, wait, attempt)
        if lease is not None:
            self._granted[lease.token] = lease
            if len(self._granted) > GRANTS_KEPT:
                self._granted.popitem(last=False)
        return lease

    def renew(self, lease: Lease) -> Outcome:
        return self._answered(self._called.renew, lease)

    def release(self, lease: Lease) -> Outcome:
        return self._answered(self._called.release, lease)

    def validate(self, lease: Lease) -> Outcome:
        return self._answered(self._called.validate, lease)

    def heard_of(self, lease: Lease) -> Outcome:
        heard = self._called.heard_of(lease)
        self._take(look=False)
        return heard

    def hear(self) -> None:
        """Take what the lock told by itself, without waiting."""
        self._take(look=True)

    def _answered(self, call: Callable[..., Answer], *arguments: object) -> Answer:
        try:
            answer = call(*arguments)
        finally:
            if self.listener is not None:
                self.listener.took(self._lock.own_ns)
        self._take(look=False)
        return answer

    def _take(self, *, look: bool) -> None:
        for loss in self._lock.losses(look=look):
            lease = self._granted.get(loss.token)
            if lease is not None and self.listener is not None:
                self.listener.lost(lease, loss.at_ns)
