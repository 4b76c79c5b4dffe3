"""What a program may ask for, what it receives back, and the operations on leases.

A program is a generator that yields operations and is sent their results. It does no I/O, reads no clock and draws no
random number; given the same results it does the same. An engine executes the operations.

An operation describes itself, so that engines, faults and journals need no list of operations: by which step they know
it, whether another process can see that it was done, and how it is performed on a client.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, ClassVar, Protocol, TypeVar

from leasebench.leases.lease import Lease, Wait

Carried = TypeVar("Carried")


class Unknown(Enum):
    """The reply never came: the operation may have happened or not."""

    UNKNOWN = "unknown"


UNKNOWN = Unknown.UNKNOWN


class Reason(StrEnum):
    """The refusals of our own stores and locks. Another package's rule, lock or store may name one of its own."""

    NOT_OWNER = "not_owner"
    FENCE_TOO_LOW = "fence_too_low"
    CHANGED = "changed"
    NOT_NEWER = "not_newer"
    WATCH_CONFLICT = "watch_conflict"
    PLAN_GONE = "plan_gone"
    NO_ROLLBACK_PLAN = "no_rollback_plan"
    PLAN_ACTIVE = "plan_active"
    LEASE_LOST = "lease_lost"
    NOT_NEWEST = "not_newest"
    NO_LEASE = "no_lease"


@dataclass(frozen=True, slots=True)
class Done:
    """The store did it; `previous` is the endpoint's version just before (0: none)."""

    previous: int = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """The store refused; `previous` is the endpoint's version at that instant (0: none).

    `reason` is a `Reason`, or a name that another package gives. What programs do after one that they do not know: they
    read again and try again if their plan is still newer, as after any refusal that does not mean a lost lease.
    """

    reason: str
    previous: int = 0


Outcome = Done | Refused | Unknown


class Operation:
    """One step that a program asks for; a subclass is a frozen dataclass that says the following of itself.

    A new operation needs its own definition and a client that can perform it, nothing else.
    """

    __slots__ = ()

    step: ClassVar[str] = ""
    """The name by which scenarios, faults and journals know it; "" for what none of them ever sees."""
    local: ClassVar[bool] = False
    """Whether no other process can see that it was done; a schedule does not choose when."""
    passes_time: ClassVar[bool] = False
    """Whether a local operation does nothing but let time pass; where there is no time it is skipped."""
    skipped: ClassVar[Any] = None
    """What a local operation receives where it is skipped."""
    waits: ClassVar[bool] = False
    """Whether `perform` returning None means "not yet", so that an engine with a clock tries again."""
    served_by_last_look: ClassVar[bool] = False
    """Whether the service time of one that waits is that of its last try alone."""

    def perform(self, client: Any) -> Any:
        """Do it on a client and return what the program receives. Raises NotImplementedError if no client can do it."""
        raise NotImplementedError(f"{self} asks nothing of a store")

    def idle(self, client: Any, tried: int) -> bool:  # noqa: ARG002
        """Let time pass after `tried` vain tries of one that waits; False when its patience is at an end."""
        return False


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


@dataclass(frozen=True, slots=True)
class AcquireLease(Operation):
    """Wait for a lease of our own protocol and take it. Returns a Lease, None (gave up) or UNKNOWN."""

    resource: str
    ttl_ms: int
    wait: Wait

    step: ClassVar[str] = "acquire"
    waits: ClassVar[bool] = True

    def perform(self, client: LeaseClient) -> Lease | None:
        return client.leases.grant(self.resource, self.ttl_ms, client.token(), client.attempt)

    def idle(self, client: LeaseClient, tried: int) -> bool:
        return client.back_off(self.wait, tried)


@dataclass(frozen=True, slots=True)
class TakeExpired(Operation):
    """Wait for a lease whose record says by its owner's clock until when it is held, and take it.

    The taker compares with its own clock, which the engine supplies. Returns a Lease, None (gave up) or UNKNOWN.
    """

    resource: str
    ttl_ms: int
    wait: Wait

    step: ClassVar[str] = "acquire"
    waits: ClassVar[bool] = True

    def perform(self, client: LeaseClient) -> Lease | None:
        return client.leases.grant_by_clock(self.resource, self.ttl_ms, client.token(), client.attempt, client.now_ms())

    def idle(self, client: LeaseClient, tried: int) -> bool:
        return client.back_off(self.wait, tried)


@dataclass(frozen=True, slots=True)
class RenewLease(Operation):
    """Prolong a lease to its full time to live from now. Returns an Outcome."""

    lease: Lease

    step: ClassVar[str] = "renew"

    def perform(self, client: LeaseClient) -> Outcome:
        return client.leases.renew(self.lease, client.attempt)


@dataclass(frozen=True, slots=True)
class RenewLeases(Operation):
    """Prolong several leases by one request. Returns an Outcome for each, in their order, or UNKNOWN for all.

    Each is renewed in an atomic step of its own: one that is lost does not keep the others from being renewed.
    """

    leases: tuple[Lease, ...]

    step: ClassVar[str] = "renew"

    def perform(self, client: LeaseClient) -> tuple[Outcome, ...]:
        return client.leases.renew_many(self.leases, client.attempt)


@dataclass(frozen=True, slots=True)
class ReleaseLease(Operation):
    """Give a lease back. Returns an Outcome."""

    lease: Lease

    step: ClassVar[str] = "release"

    def perform(self, client: LeaseClient) -> Outcome:
        return client.leases.release(self.lease, client.attempt)


@dataclass(frozen=True, slots=True)
class ReleaseUnchecked(Operation):
    """Give a lease back without looking whose it is by now: wrong on purpose. Returns an Outcome."""

    lease: Lease

    step: ClassVar[str] = "release"

    def perform(self, client: LeaseClient) -> Outcome:
        return client.leases.release_unchecked(self.lease, client.attempt)


@dataclass(frozen=True, slots=True)
class ValidateLease(Operation):
    """Ask the lease server whether the lease still stands. Returns an Outcome."""

    lease: Lease

    step: ClassVar[str] = "validate"

    def perform(self, client: LeaseClient) -> Outcome:
        return client.leases.validate(self.lease)


class AcquireLock(AcquireLease):
    """Call a third-party lock's acquire, which waits by itself. Returns a Lease, None (gave up) or UNKNOWN."""

    __slots__ = ()

    waits: ClassVar[bool] = False

    def perform(self, client: LeaseClient) -> Lease | None:
        return client.opaque_lock.acquire(self.resource, self.ttl_ms, self.wait, client.attempt)


class RenewLock(RenewLease):
    """Call a third-party lock's renewal. Returns an Outcome."""

    __slots__ = ()

    def perform(self, client: LeaseClient) -> Outcome:
        return client.opaque_lock.renew(self.lease)


class ReleaseLock(ReleaseLease):
    """Call a third-party lock's release. Returns an Outcome."""

    __slots__ = ()

    def perform(self, client: LeaseClient) -> Outcome:
        return client.opaque_lock.release(self.lease)


class ValidateLock(ValidateLease):
    """Ask a third-party lock whether it is still held. Returns an Outcome."""

    __slots__ = ()

    def perform(self, client: LeaseClient) -> Outcome:
        return client.opaque_lock.validate(self.lease)


class HearOfLoss(ValidateLease):
    """Look whether a third-party lock that renews itself has told that it is lost. No I/O. Returns an Outcome."""

    __slots__ = ()

    def perform(self, client: LeaseClient) -> Outcome:
        return client.opaque_lock.heard_of(self.lease)


@dataclass(frozen=True, slots=True)
class StartRenewal(Operation):
    """Let the second program renew `lease`, on a connection of its own."""

    lease: Lease

    local: ClassVar[bool] = True

    def perform(self, client: LeaseClient) -> None:
        client.renewals.start(self.lease)


@dataclass(frozen=True, slots=True)
class StopRenewal(Operation):
    """End the renewal. On return none is in flight."""

    lease: Lease

    local: ClassVar[bool] = True

    def perform(self, client: LeaseClient) -> None:
        client.renewals.stop(self.lease)


@dataclass(frozen=True, slots=True)
class Belief(Operation):
    """Return whether the renewal still believes in the lease: no refusal so far, and no deadline passed. No I/O.

    It is not local: what it receives depends on when it is done, in relation to the steps of the renewal.
    """

    lease: Lease

    def perform(self, client: LeaseClient) -> bool:
        return client.renewals.believes(self.lease)


@dataclass(frozen=True, slots=True)
class Sleep(Operation):
    """Do nothing for `ms`."""

    ms: float

    local: ClassVar[bool] = True
    passes_time: ClassVar[bool] = True

    def perform(self, client: LeaseClient) -> None:
        client.sleep(self.ms)


Program = Generator[Operation, Any, Carried]
"""One activity: yields operations, is sent results, returns the value carried to the next activity."""
