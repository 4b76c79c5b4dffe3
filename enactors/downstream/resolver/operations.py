"""A lookup, as the resolver that was asked for it writes it down."""

from typing import Any, ClassVar

from leasebench.leases.operations import Operation, operation
from leasebench.leases.outcome import UNKNOWN, Done, Outcome, Reason, Refused


@operation
class Lookup(Operation):
    """Note what a customer was answered for `endpoint`. No I/O.

    `version` is the plan that the record points at, 0 before the first one is in force. `empty`: that plan is deleted,
    so the answer has no address. `answered` is False where no reply came. `age_us` is how old the answer was when it
    was given: 0 unless it came from the cache.

    Its row in the journal ends when the answer was there; `due_ns` is when the customer asked, `seen` the age.
    """

    endpoint: str
    version: int
    age_us: int = 0
    empty: bool = False
    answered: bool = True

    step: ClassVar[str] = "lookup"
    local: ClassVar[bool] = True

    def perform(self, client: Any) -> Outcome | None:  # noqa: ARG002
        if not self.answered:
            return UNKNOWN
        if self.empty:
            return Refused(Reason.PLAN_GONE, self.age_us)
        return Done(self.age_us) if self.version else None
