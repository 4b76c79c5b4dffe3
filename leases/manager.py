"""The face of every lease manager, ours or a library's, and what the adapter of a library need not write again."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from random import uniform
from time import perf_counter, sleep
from types import MappingProxyType
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

from leasebench.leases.errors import ReplyUnknown
from leasebench.leases.lease import Lease, Wait
from leasebench.leases.operations import AcquireLock, Program, ReleaseLock, RenewLock, ValidateLock
from leasebench.leases.outcome import Outcome, Refused, Unknown

REDIS = "redis"
Lock = TypeVar("Lock")


@runtime_checkable
class LeaseManager(Protocol):
    """Grants, renews, validates and releases leases; each method is a program over operations.

    A manager that cannot do a thing returns None from it and does not pretend. One that can renew several leases by one
    request has a method `renew_many(leases)` beside these, which returns an Outcome for each, or UNKNOWN for all.
    """

    name: str
    about: str
    fencing: bool
    """Whether a lease carries a fencing number."""
    audited: bool
    """Whether its grants stand in the history; a library's do not pass through our store."""
    renews: bool
    """Whether it can prolong a lease."""
    broken: bool
    """Whether it is wrong on purpose, for a negative control."""

    def acquire(self, resource: str, ttl_ms: int, wait: Wait) -> Program[Lease | None | Unknown]:
        """Wait for the lease; None when `wait` is over, UNKNOWN when the reply never came."""
        ...

    def renew(self, lease: Lease) -> Program[Outcome | None]:
        """Prolong to the full time to live; Refused tells the owner that the lease is lost."""
        ...

    def validate(self, lease: Lease) -> Program[Outcome | None]:
        """Ask whether the lease still stands."""
        ...

    def release(self, lease: Lease) -> Program[Outcome | None]:
        """Give it back; Refused tells the owner that it was lost before."""
        ...


@runtime_checkable
class LibraryManager(LeaseManager, Protocol):
    """A third-party lock. `connect` is called in the process that will use it, never before the fork."""

    def connect(self, url: str, timeout_s: float) -> "Library":
        """Build the library's client with explicit time-outs and no retries."""
        ...


@runtime_checkable
class LibraryOnNodes(LibraryManager, Protocol):
    """A third-party lock over several lease servers that know nothing of each other, as Redlock is."""

    nodes: int
    """How many."""

    def connect_nodes(self, urls: Sequence[str], timeout_s: float) -> "Library":
        """Build the library's clients, one for each of the servers."""
        ...


class Taken(NamedTuple):
    """A lock that a library took: its token, and the fencing number if the library gives one."""

    token: str
    fence: int | None = None


class Library(Protocol):
    """The library's calls as we use them. `key` is the lock's full key under our prefix.

    What an exception of the library means is normalised here: True for done, False for refused because the lease is
    lost, or a `Refused` with a reason of the library's own. Whatever says that a reply never came is raised as
    `ReplyUnknown` (leases.errors).
    """

    def acquire(self, key: str, ttl_ms: int, wait: Wait) -> Taken | str | None:
        """Return what was taken, or None when `wait` is over."""
        ...

    def renew(self, key: str) -> bool | Refused:
        """Prolong the lock to its full time to live; False when it was lost."""
        ...

    def validate(self, key: str) -> bool | Refused:
        """Tell whether the lock is still ours."""
        ...

    def release(self, key: str) -> bool | Refused:
        """Give the lock back; False when it was lost before."""
        ...

    def close(self) -> None:
        """Close the client."""
        ...


class TellingLibrary(Library, Protocol):
    """A library whose manager says `tells_loss`."""

    def heard_of(self, key: str) -> bool:
        """Tell whether the lock is still ours as far as it has said by itself: False once it told of its loss."""
        ...


class LibraryLock(ABC):
    """A lease manager that hands every call to a library. A subclass says its name, what it can, and how to connect.

    `server` names the kind of server that `connect` is given the URL of: the trial's own Redis, or another kind, whose
    URL the user sets in the environment (`server_variable`). What a library leaves on such a server is its own affair.
    """

    name: str
    about: str
    fencing = False
    audited = False
    renews = True
    validates = True
    """Whether it can say that a lock is still its owner's."""
    broken = False
    thread_safe = False
    """Whether another thread may renew a lock while its owner works: what a watchdog of ours does."""
    tells_loss = False
    """Whether it renews itself and says when it is lost, so that its owner can look before each write."""
    watched = False
    """Whether the guard that is made for it has a watchdog, which renews it on a second thread."""
    hints: Mapping[str, str] = MappingProxyType({})
    """What its user can do about an ability that it lacks, by the attribute's name."""
    server: str = REDIS
    distributions: ClassVar[tuple[str, ...]] = ()
    """The packages that it needs; their versions belong to a result."""
    rivals: ClassVar[tuple[str, ...]] = ()
    """Packages that install a module of the same name: where one is here, too, nobody can tell which is imported."""
    extra: ClassVar[str] = ""
    """The extra of leasebench that installs them; "" where they come with it."""
    ttl_step_ms: ClassVar[int] = 1
    """What every time to live has to be a multiple of: 1,000 for a library that knows whole seconds only."""
    takes_ttl: bool = True
    """Whether its caller says how long a lock lives."""
    shared_by: tuple[str, ...] = ()
    """Who may take locks with one client at once, as its library says: "threads", "forks" (a process and its fork)."""
    nodes: int = 1
    """How many independent servers its leases are on; with more than one it has `connect_nodes`."""
    own_deadline: ClassVar[bool] = False
    """Whether an owner knows by itself until when it may believe in its lease: it then validates it before it writes,
    which has to be a look at its own clock and ask nobody."""
    replicas: ClassVar[int] = 0
    """How many replicas each of them has to have."""
    plain_url: ClassVar[bool] = False
    """Whether the library reads the URL itself, and knows no server behind sentinels or in a cluster."""
    keeps_prefix: ClassVar[bool] = True
    """Whether all keys of the library begin with the key that it is given: elsewhere only a server of ours will do."""

    def acquire(self, resource: str, ttl_ms: int, wait: Wait) -> Program[Lease | None | Unknown]:
        lease: Lease | None | Unknown = yield AcquireLock(resource, ttl_ms, wait)
        return lease

    def renew(self, lease: Lease) -> Program[Outcome | None]:
        if not self.renews:
            return None
        outcome: Outcome = yield RenewLock(lease)
        return outcome

    def validate(self, lease: Lease) -> Program[Outcome | None]:
        if not self.validates:
            return None
        outcome: Outcome = yield ValidateLock(lease)
        return outcome

    def release(self, lease: Lease) -> Program[Outcome | None]:
        outcome: Outcome = yield ReleaseLock(lease)
        return outcome

    @abstractmethod
    def connect(self, url: str, timeout_s: float) -> Library:
        """Build the library's client with explicit time-outs and no retries."""


class LockObjects(ABC, Generic[Lock]):
    """A library whose locks are objects, one a key. A subclass says how one is taken and what its calls are.

    `lost` are the exceptions by which the library says that a lock is not ours any more; `silent` those that say that
    a reply never came.
    """

    lost: tuple[type[Exception], ...] = ()
    silent: tuple[type[Exception], ...] = ()

    def __init__(self) -> None:
        self._locks: dict[str, Lock] = {}
        self.last_said = ""
        """What the library's last call on a lock said, in its own way: "raises LockNotOwnedError", "False", "None"."""

    @abstractmethod
    def take(self, key: str, ttl_ms: int, wait: Wait) -> tuple[Lock, Taken] | None:
        """Take the lock, or return None when `wait` is over."""

    def prolong(self, lock: Lock) -> Any:
        """Give a lock its full time to live again. False: it was lost; or `Refused` with a reason of your own."""
        raise NotImplementedError("the library can't renew: its manager has to say renews = False")

    def owned(self, lock: Lock) -> Any:
        """Look whether a lock is still ours."""
        raise NotImplementedError("the library can't tell: its manager has to say validates = False")

    def told(self, lock: Lock) -> bool:
        """Look whether a lock has said by itself that it is lost. Asks no server."""
        raise NotImplementedError("the library says nothing by itself: its manager has to say tells_loss = False")

    def give_back(self, lock: Any) -> Any:
        """Release a lock: by its own `release`, which raises one of `lost` where it was lost; or return False then."""
        return lock.release()

    @abstractmethod
    def close(self) -> None:
        """Close the client."""

    def acquire(self, key: str, ttl_ms: int, wait: Wait) -> Taken | None:
        try:
            found = self.take(key, ttl_ms, wait)
        except self.silent as error:
            raise ReplyUnknown(str(error)) from error
        if found is None:
            return None
        self._locks[key], taken = found
        return taken

    def renew(self, key: str) -> bool | Refused:
        return self._stands(self.prolong, self._locks[key])

    def validate(self, key: str) -> bool | Refused:
        return self._stands(self.owned, self._locks[key])

    def release(self, key: str) -> bool | Refused:
        return self._stands(self.give_back, self._locks.pop(key))

    def heard_of(self, key: str) -> bool:
        return not self.told(self._locks[key])

    def _stands(self, call: Callable[[Lock], Any], lock: Lock) -> bool | Refused:
        try:
            answer = call(lock)
        except self.lost as error:
            self.last_said = f"raises {type(error).__name__}"
            return False
        except self.silent as error:
            raise ReplyUnknown(str(error)) from error
        self.last_said = f"{answer!r:.40}"
        return answer if isinstance(answer, Refused) else answer is not False


def tried_until(wait: Wait, once: Callable[[], Lock | None]) -> Lock | None:
    """Try `once` until it returns something, or the wait is over: for a library that does not wait itself.

    The pause doubles, and half of it is drawn by chance.
    """
    until, tried = perf_counter() + wait.timeout_ms / 1000, 0
    while not (found := once()):
        pause_s = wait.pause_ms(tried) / 1000
        if perf_counter() + pause_s > until:
            return None
        sleep(pause_s * uniform(0.5, 1.0))
        tried += 1
    return found
