"""What came of an operation: done, refused with a reason, or unknown since the reply never came."""

from dataclasses import dataclass
from enum import Enum, StrEnum


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
