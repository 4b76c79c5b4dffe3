"""The face of every lease manager, ours or a library's."""

from typing import Protocol, runtime_checkable

from leasebench.leases.lease import Lease, Wait
from leasebench.leases.operations import Outcome, Program, Unknown


@runtime_checkable
class LeaseManager(Protocol):
    """Grants, renews, validates and releases leases; each method is a program over operations.

    A manager that cannot do a thing returns None from it and does not pretend.
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


class Library(Protocol):
    """The library's calls as we use them. `key` is the lock's full key under our prefix.

    What an exception of the library means is normalised here: True/False for done/refused. Whatever says
    that a reply never came is raised as `ReplyUnknown` (enactors.store).
    """

    def acquire(self, key: str, ttl_ms: int, wait: Wait) -> str | None:
        """Return the token, or None when `wait` is over."""
        ...

    def renew(self, key: str) -> bool:
        """Prolong the lock to its full time to live; False when it was lost."""
        ...

    def validate(self, key: str) -> bool:
        """Tell whether the lock is still ours."""
        ...

    def release(self, key: str) -> bool:
        """Give the lock back; False when it was lost before."""
        ...

    def close(self) -> None:
        """Close the client."""
        ...
