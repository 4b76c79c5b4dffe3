"""The vocabulary of steps: what a program may ask for, and what it hears back.

A program is a generator that yields operations and is sent their results. It does no I/O, reads no clock
and draws no random number; given the same results it does the same. An engine executes the operations.
Waiting is one operation: a poll that found nothing is not a step.
"""

from collections.abc import Generator
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, TypeVar

from leasebench.leases.lease import Lease, Wait

Carried = TypeVar("Carried")


class CommitRule(StrEnum):
    """What the store itself enforces when it writes one endpoint.

    The broken ones are for negative controls. `broken_cas` is no rule of a store: its enactor compares by itself.
    """

    UNCONDITIONAL = "unconditional"
    OWNER_CHECKED = "owner_checked"
    FENCED = "fenced"
    FENCE_REGISTERED = "fence_registered"
    WATCH = "watch"
    COMPARE_AND_SET = "compare_and_set"
    MONOTONIC = "monotonic"
    BROKEN_EQUALITY_FENCE = "broken_equality_fence"
    BROKEN_CAS = "broken_cas"
    BROKEN_OWNER_CHECK = "broken_owner_check"


BROKEN_RULES = frozenset({CommitRule.BROKEN_EQUALITY_FENCE, CommitRule.BROKEN_CAS, CommitRule.BROKEN_OWNER_CHECK})
"""Rules that are wrong on purpose."""
OWNER_RULES = frozenset({CommitRule.OWNER_CHECKED, CommitRule.BROKEN_OWNER_CHECK})
"""Rules that look at the lease in the transaction that writes: lease and endpoint have to be on one server."""


class DeleteRule(StrEnum):
    """Under which condition the store lets go of an old plan."""

    ALWAYS = "always"
    SKIP_ACTIVE = "skip_active"
    QUARANTINE = "quarantine"


class Unknown(Enum):
    """The reply never came: the operation may have happened or not."""

    UNKNOWN = "unknown"


UNKNOWN = Unknown.UNKNOWN


class Reason(StrEnum):
    """Why the store refused."""

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


@dataclass(frozen=True, slots=True)
class Done:
    """The store did it; `previous` is the endpoint's version just before (0: none)."""

    previous: int = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """The store refused; `previous` is the endpoint's version at that instant (0: none)."""

    reason: Reason
    previous: int = 0


Outcome = Done | Refused | Unknown


@dataclass(frozen=True, slots=True)
class Plans:
    """The plans that exist, oldest first: those that can be applied, and those in quarantine."""

    applicable: tuple[int, ...] = ()
    quarantined: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class AwaitDue:
    """Wait until the next publication is due. Hears True, or False when the load is over."""


@dataclass(frozen=True, slots=True)
class Publish:
    """Make plan `version` available. Hears Done, Refused or UNKNOWN.

    With `content`, the new plan holds what plan `content` holds (an operator's rollback). Refused: it is not the
    newest, or plan `content` is gone.
    """

    version: int
    content: int | None = None


@dataclass(frozen=True, slots=True)
class AwaitPlan:
    """Wait for a plan newer than `newer_than`. Hears the newest version, None when told to stop, or UNKNOWN."""

    newer_than: int


@dataclass(frozen=True, slots=True)
class ReadEndpoint:
    """Read an endpoint's version (0: none). Hears it, or UNKNOWN.

    `watch` makes a later `watch` commit on the same connection fail if the endpoint is written in between.
    """

    endpoint: str
    watch: bool = False


@dataclass(frozen=True, slots=True)
class Resolve:
    """Look up an endpoint as a resolver does. Hears an Outcome, and leaves no event.

    Done names the version that answers (0: no plan was applied yet). Refused (`plan_gone`) names the plan that the
    endpoint points at and that was deleted; one in quarantine still answers.
    """

    endpoint: str


@dataclass(frozen=True, slots=True)
class Repair:
    """Point an endpoint at plan `version`, whatever stands there: an operator's step. Hears an Outcome.

    The rollback record is set to the same plan, so that the next commit finds one. Refused if the plan is gone.
    """

    endpoint: str
    version: int


@dataclass(frozen=True, slots=True)
class RegisterFence:
    """Atomically refuse a fence lower than the highest seen at the endpoint, else record it and read.

    Hears the endpoint's version, Refused, or UNKNOWN.
    """

    endpoint: str
    version: int
    lease: Lease


@dataclass(frozen=True, slots=True)
class Work:
    """Build the record tree of one endpoint: what lies between check and write. The engine knows how long."""

    endpoint: str


@dataclass(frozen=True, slots=True)
class Commit:
    """Point `endpoint` at plan `version` under `rule`. Hears an Outcome.

    `lease` is what the writer believes it holds, `seen` the version that its last check read. With
    `referential`, a plan that was deleted or quarantined can't be applied.
    """

    endpoint: str
    version: int
    rule: CommitRule
    lease: Lease | None = None
    seen: int | None = None
    referential: bool = False


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Note that the guard's own read saw `seen`, newer than plan `version`, and gave the endpoint up. No I/O."""

    endpoint: str
    version: int
    seen: int


@dataclass(frozen=True, slots=True)
class Finish:
    """Note the end of an application; `complete` if every endpoint was seen at the plan or a newer one. No I/O."""

    version: int
    complete: bool


@dataclass(frozen=True, slots=True)
class ListPlans:
    """Hears Plans, or UNKNOWN."""


@dataclass(frozen=True, slots=True)
class DeletePlan:
    """Delete or quarantine a plan. Hears an Outcome."""

    version: int
    rule: DeleteRule


@dataclass(frozen=True, slots=True)
class AcquireLease:
    """Wait for a lease of our own protocol and take it. Hears a Lease, None (gave up) or UNKNOWN."""

    resource: str
    ttl_ms: int
    wait: Wait


@dataclass(frozen=True, slots=True)
class TakeExpired:
    """Wait for a lease whose record says by its owner's clock until when it is held, and take it.

    The taker compares with its own clock, which the engine supplies. Hears a Lease, None (gave up) or UNKNOWN.
    """

    resource: str
    ttl_ms: int
    wait: Wait


@dataclass(frozen=True, slots=True)
class RenewLease:
    """Prolong a lease to its full time to live from now. Hears an Outcome."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class ReleaseLease:
    """Give a lease back. Hears an Outcome."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class ReleaseUnchecked:
    """Give a lease back without looking whose it is by now: wrong on purpose. Hears an Outcome."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class ValidateLease:
    """Ask the lease server whether the lease still stands. Hears an Outcome."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class CallLibrary:
    """One call into a third-party lock, which is opaque: only real processes can run it.

    `call` is the operation of our own that it stands for; what is heard is the same as there.
    """

    call: AcquireLease | RenewLease | ReleaseLease | ValidateLease


@dataclass(frozen=True, slots=True)
class StartRenewal:
    """Let the second program renew `lease` at a third of its time to live, on a connection of its own."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class StopRenewal:
    """End the renewal. On return none is in flight."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class Belief:
    """Hears whether the renewal has not been told that the lease is lost. No I/O."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class Sleep:
    """Do nothing for `ms`."""

    ms: float


Operation = (
    AwaitDue
    | Publish
    | AwaitPlan
    | ReadEndpoint
    | Resolve
    | Repair
    | RegisterFence
    | Work
    | Commit
    | Withdraw
    | Finish
    | ListPlans
    | DeletePlan
    | AcquireLease
    | TakeExpired
    | RenewLease
    | ReleaseLease
    | ReleaseUnchecked
    | ValidateLease
    | CallLibrary
    | StartRenewal
    | StopRenewal
    | Belief
    | Sleep
)

Program = Generator[Operation, Any, Carried]
"""One activity: yields operations, is sent results, returns the value carried to the next activity."""
