"""The face of a plan version store, as one client of it sees it."""

from collections.abc import Iterator
from typing import Protocol

from leasebench.enactors.operations import Commit, DeletePlan, Outcome, Plans, Refused, RegisterFence, Repair
from leasebench.enactors.store.events import Event
from leasebench.leases.lease import Lease


class Store(Protocol):
    """One client's session with one cell.

    Every write is atomic and appends its event to the history in the same step, refusals with their reason.
    `attempt` is the client's own number of the call; it stands in the event. A reply that never came is
    raised as `ReplyUnknown`, a server that can't be reached as `ServerDown` (`enactors.store.wire`).
    """

    def publish(self, version: int, attempt: int, content: int | None = None) -> Outcome:
        """Make a plan available, or the content of plan `content` again under this version.

        Refused unless it is newer than every plan there ever was, or if plan `content` is gone.
        """
        ...

    def newest(self) -> int:
        """Return the newest applicable plan; 0 if there is none."""
        ...

    def plans(self) -> Plans:
        """List the plans that exist."""
        ...

    def read(self, endpoint: str, *, watch: bool = False) -> int:
        """Return an endpoint's version; with `watch`, its next `watch` commit notices any write since."""
        ...

    def resolve(self, endpoint: str) -> Outcome:
        """Look up an endpoint as a resolver does (see `Resolve`). Writes nothing."""
        ...

    def repair(self, step: Repair, attempt: int) -> Outcome:
        """Point an endpoint at a plan that exists, whatever stands there."""
        ...

    def register_fence(self, step: RegisterFence, attempt: int) -> int | Refused:
        """Record the lease's fence as seen at the endpoint and read, or refuse it if a higher one was seen."""
        ...

    def commit(self, step: Commit, attempt: int) -> Outcome:
        """Point an endpoint at a plan under the step's rule."""
        ...

    def delete(self, step: DeletePlan, attempt: int) -> Outcome:
        """Delete or quarantine a plan."""
        ...

    def grant(self, resource: str, ttl_ms: int, token: str, attempt: int) -> Lease | None:
        """Try once to take a lease."""
        ...

    def grant_by_clock(self, resource: str, ttl_ms: int, token: str, attempt: int, now_ms: int) -> Lease | None:
        """Try once to take a lease that is free or, by the taker's own clock `now_ms`, has expired."""
        ...

    def renew(self, lease: Lease, attempt: int) -> Outcome:
        """Prolong a lease to its full time to live."""
        ...

    def release(self, lease: Lease, attempt: int) -> Outcome:
        """Give a lease back."""
        ...

    def release_unchecked(self, lease: Lease, attempt: int) -> Outcome:
        """Give a lease back whoever holds it by now; refused only if nobody does."""
        ...

    def validate(self, lease: Lease) -> Outcome:
        """Look whether a lease still stands. Writes nothing."""
        ...

    def expire(self, resource: str) -> bool:
        """Let a lease run out before its time; False if nobody holds it. For schedules, not for guards."""
        ...

    def history(self) -> Iterator[Event]:
        """All events of the cell, in the order in which they happened."""
        ...
