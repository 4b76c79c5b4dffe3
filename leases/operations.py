"""What a program may ask for: what an operation says of itself, and the operations on leases.

A program is a generator that yields operations and is sent their results. It does no I/O, reads no clock and draws no
random number; given the same results it does the same. An engine executes the operations.

An operation describes itself, so that engines, faults and journals need no list of operations: by which step they know
it, whether another process can see that it was done, and how it is performed on a client.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar, dataclass_transform

from leasebench.leases.client import LeaseClient
from leasebench.leases.lease import Lease, Wait
from leasebench.leases.outcome import Outcome

Carried = TypeVar("Carried")
Defined = TypeVar("Defined")


class Operation:
    """One step that a program asks for; a subclass is an `operation` (below) that says the following of itself.

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


@dataclass_transform(frozen_default=True)
def operation(defined: type[Defined]) -> type[Defined]:
    """Make the class of an operation a dataclass with slots that nobody changes: who checks types sees to that.

    One that is frozen at run time, too, would do as well, but costs five times as much to make (2.1 us against 0.4 for
    a commit), and one is made for every commit that is measured.
    """
    return dataclass(slots=True, unsafe_hash=True)(defined)


@operation
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


@operation
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


@operation
class RenewLease(Operation):
    """Prolong a lease to its full time to live from now. Returns an Outcome."""

    lease: Lease

    step: ClassVar[str] = "renew"

    def perform(self, client: LeaseClient) -> Outcome:
        return client.leases.renew(self.lease, client.attempt)


@operation
class RenewLeases(Operation):
    """Prolong several leases by one request. Returns an Outcome for each, in their order, or UNKNOWN for all.

    Each is renewed in an atomic step of its own: one that is lost does not keep the others from being renewed.
    """

    leases: tuple[Lease, ...]

    step: ClassVar[str] = "renew"

    def perform(self, client: LeaseClient) -> tuple[Outcome, ...]:
        return client.leases.renew_many(self.leases, client.attempt)


@operation
class ReleaseLease(Operation):
    """Give a lease back. Returns an Outcome."""

    lease: Lease

    step: ClassVar[str] = "release"

    def perform(self, client: LeaseClient) -> Outcome:
        return client.leases.release(self.lease, client.attempt)


@operation
class ReleaseUnchecked(Operation):
    """Give a lease back without looking whose it is by now: wrong on purpose. Returns an Outcome."""

    lease: Lease

    step: ClassVar[str] = "release"

    def perform(self, client: LeaseClient) -> Outcome:
        return client.leases.release_unchecked(self.lease, client.attempt)


@operation
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


@operation
class StartRenewal(Operation):
    """Let the second program renew `lease`, on a connection of its own."""

    lease: Lease

    local: ClassVar[bool] = True

    def perform(self, client: LeaseClient) -> None:
        client.renewals.start(self.lease)


@operation
class StopRenewal(Operation):
    """End the renewal. On return none is in flight."""

    lease: Lease

    local: ClassVar[bool] = True

    def perform(self, client: LeaseClient) -> None:
        client.renewals.stop(self.lease)


@operation
class Belief(Operation):
    """Return whether the renewal still believes in the lease: no refusal so far, and no deadline passed. No I/O.

    It is not local: what it receives depends on when it is done, in relation to the steps of the renewal.
    """

    lease: Lease

    def perform(self, client: LeaseClient) -> bool:
        return client.renewals.believes(self.lease)


@operation
class Sleep(Operation):
    """Do nothing for `ms`."""

    ms: float

    local: ClassVar[bool] = True
    passes_time: ClassVar[bool] = True

    def perform(self, client: LeaseClient) -> None:
        client.sleep(self.ms)


Program = Generator[Operation, Any, Carried]
"""One activity: yields operations, is sent results, returns the value carried to the next activity."""
