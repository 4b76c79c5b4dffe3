"""What performs the operations on leases, as they see it: a session with a lease server, opaque locks, a clock."""

from collections.abc import Sequence
from typing import Any, Protocol

from leasebench.leases.lease import Lease, Wait
from leasebench.leases.outcome import Outcome


class Procedure(Protocol):
    """An atomic step that is none of those which every store has: a script, and its twin in memory."""

    @property
    def lua(self) -> str:
        """The text of the script; it stands behind the store's prelude."""
        ...

    def works_on(self) -> tuple[str, ...]:
        """Name the keys that it works on, without the cell's prefix."""
        ...

    def arguments(self) -> tuple[str | int, ...]:
        """Return what the script is given."""
        ...

    def in_memory(self, cell: Any, client: str, attempt: int) -> Outcome:
        """Do the same in memory, its event included."""
        ...


class LeaseStore(Protocol):
    """One client's session with the lease server of one cell.

    Every method is atomic. `attempt` is the client's own number of the call, under which the history has it. A reply
    that never came is raised as `ReplyUnknown`, a server that can't be reached as `ServerDown`.
    """

    def grant(self, resource: str, ttl_ms: int, token: str, attempt: int) -> Lease | None:
        """Try once to take a lease; None if another owner holds it."""
        ...

    def grant_by_clock(self, resource: str, ttl_ms: int, token: str, attempt: int, now_ms: int) -> Lease | None:
        """Try once to take a lease that is free or, by the taker's own clock `now_ms`, has expired."""
        ...

    def renew(self, lease: Lease, attempt: int) -> Outcome:
        """Prolong a lease to its full time to live."""
        ...

    def renew_many(self, leases: Sequence[Lease], attempt: int) -> tuple[Outcome, ...]:
        """Prolong several leases by one request: an atomic step and an event of its own for each, in this order."""
        ...

    def release(self, lease: Lease, attempt: int) -> Outcome:
        """Give a lease back."""
        ...

    def release_unchecked(self, lease: Lease, attempt: int) -> Outcome:
        """Give a lease back, no matter who holds it by now; refused only if nobody does."""
        ...

    def validate(self, lease: Lease) -> Outcome:
        """Look whether a lease still stands. Writes nothing."""
        ...

    def call(self, step: Procedure, attempt: int) -> Outcome:
        """Do what a lease manager or a program kind brought, in one atomic step."""
        ...

    def holder(self, resource: str) -> str | None:
        """Return the token of the lease that the server has for `resource`. For schedules, not for guards."""
        ...

    def held_until_ms(self, resource: str) -> int | None:
        """Return until when `resource` is held by its owner's own clock; None where the server's clock decides."""
        ...

    def expire(self, resource: str) -> bool:
        """Let a lease run out before its time; False if nobody holds it. For schedules, not for guards."""
        ...


class OpaqueLock(Protocol):
    """A third-party lock that is called and never looked into; its calls wait by themselves."""

    def acquire(self, resource: str, ttl_ms: int, wait: Wait, attempt: int) -> Lease | None:
        """Wait for the lock; None when `wait` is over."""
        ...

    def renew(self, lease: Lease) -> Outcome:
        """Prolong the lock."""
        ...

    def release(self, lease: Lease) -> Outcome:
        """Give the lock back."""
        ...

    def validate(self, lease: Lease) -> Outcome:
        """Ask whether the lock still stands."""
        ...

    def heard_of(self, lease: Lease) -> Outcome:
        """Return whether the lock, which renews itself, has told that it is lost. No I/O."""
        ...


class Renewals(Protocol):
    """The second program of an owner, which keeps its lease alive."""

    def start(self, lease: Lease) -> None:
        """Begin to renew `lease`."""
        ...

    def stop(self, lease: Lease) -> None:
        """End the renewal; on return none is in flight."""
        ...

    def believes(self, lease: Lease) -> bool:
        """Return whether no renewal was told that `lease` is lost, and its owner's own deadline has not passed."""
        ...


class LeaseClient(Protocol):
    """What an engine gives a program to perform operations on leases with."""

    attempt: int
    """The client's own number of the present call."""

    @property
    def leases(self) -> LeaseStore: ...

    @property
    def opaque_lock(self) -> OpaqueLock: ...

    @property
    def renewals(self) -> Renewals: ...

    def token(self) -> str:
        """Return a token that no other owner has; the same one throughout one operation."""
        ...

    def now_ms(self) -> int:
        """Return the client's own wall clock, milliseconds."""
        ...

    def observe(self, resource: str, version: int) -> None:
        """Note that the record of a lease has this version now, which grows with each change."""
        ...

    def unchanged_for(self, resource: str, ms: float) -> int | None:
        """The version of a record that was seen first longer than `ms` ago, by the client's own monotonic clock."""
        ...

    def back_off(self, wait: Wait, tried: int) -> bool:
        """Let time pass between two tries as `wait` says; False when it is over, or the program is to stop."""
        ...

    def sleep(self, ms: float) -> None:
        """Do nothing for `ms`."""
        ...
