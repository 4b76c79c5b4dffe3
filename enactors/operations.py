"""The operations on plans and endpoints. What an operation is, and those on leases, see `leases.operations`."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

from leasebench.leases.client import LeaseClient
from leasebench.leases.guard_axes import DeleteRule
from leasebench.leases.lease import Lease
from leasebench.leases.operations import Operation, operation
from leasebench.leases.outcome import Outcome, Refused


@dataclass(frozen=True, slots=True)
class Plans:
    """The plans that exist, oldest first: those that can be applied, and those in quarantine."""

    applicable: tuple[int, ...] = ()
    quarantined: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far one client came with one plan: `walked` endpoints of its walk are at plan `plan`, or at a newer one."""

    plan: int
    walked: int


class VersionStore(Protocol):
    """One client's session with the plan version store of one cell.

    Every write is atomic and appends its event to the history in the same step, refusals with their reason.
    `attempt` is the client's own number of the call; it stands in the event. A reply that never came is
    raised as `ReplyUnknown`, a server that can't be reached as `ServerDown` (`leases.errors`).
    """

    def publish(self, version: int, attempt: int, content: int | None = None) -> Outcome:
        """Make a plan available, or the content of plan `content` again under this version.

        Refused unless it is newer than every plan there ever was, or if plan `content` is gone.
        """
        ...

    def newest(self) -> int:
        """Return the newest applicable plan; 0 if there is none."""
        ...

    def await_announcement(self, newer_than: int, timeout_ms: int) -> bool:
        """Wait up to `timeout_ms` for the publication of a plan newer than `newer_than`; tell whether it came."""
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

    def repair(self, step: "Repair", attempt: int) -> Outcome:
        """Point an endpoint at a plan that exists, whatever stands there."""
        ...

    def register_fence(self, step: "RegisterFence", attempt: int) -> int | Refused:
        """Record the lease's fence as seen at the endpoint and read, or refuse it if a higher one was seen."""
        ...

    def commit(self, step: "Commit", attempt: int, checkpoint: Checkpoint | None = None) -> Outcome:
        """Point an endpoint at a plan under the step's rule; if that is done, keep `checkpoint` in the same step."""
        ...

    def checkpoint(self) -> Checkpoint | None:
        """Return what the commits of this client, or of one that had its name before, kept last; None for nothing."""
        ...

    def delete(self, step: "DeletePlan", attempt: int) -> Outcome:
        """Delete or quarantine a plan."""
        ...


class Client(LeaseClient, Protocol):
    """What an engine gives a program to perform operations with."""

    @property
    def versions(self) -> VersionStore: ...

    def await_due(self) -> bool:
        """Wait until the next publication is due; False when the load is over."""
        ...

    def await_news(self, newer_than: int) -> bool:
        """Wait a little for a plan newer than `newer_than`; False when the program is to stop."""
        ...

    def work(self) -> None:
        """Take as long as building a record tree takes."""
        ...


@operation
class AwaitDue(Operation):
    """Wait until the next publication is due. Returns True, or False when the load is over."""

    local: ClassVar[bool] = True
    passes_time: ClassVar[bool] = True
    skipped: ClassVar[bool] = True

    def perform(self, client: Client) -> bool:
        return client.await_due()


@operation
class Publish(Operation):
    """Make plan `version` available. Returns Done, Refused or UNKNOWN.

    With `content`, the new plan holds what plan `content` holds (an operator's rollback). Refused: it is not the
    newest, or plan `content` is gone.
    """

    version: int
    content: int | None = None

    step: ClassVar[str] = "publish"

    def perform(self, client: Client) -> Outcome:
        return client.versions.publish(self.version, client.attempt, self.content)


@operation
class AwaitPlan(Operation):
    """Wait for a plan newer than `newer_than`. Returns the newest version, None when told to stop, or UNKNOWN."""

    newer_than: int

    step: ClassVar[str] = "discover"
    waits: ClassVar[bool] = True
    served_by_last_look: ClassVar[bool] = True

    def perform(self, client: Client) -> int | None:
        newest = client.versions.newest()
        return newest if newest > self.newer_than else None

    def idle(self, client: Client, tried: int) -> bool:  # noqa: ARG002
        return client.await_news(self.newer_than)


@operation
class ReadEndpoint(Operation):
    """Read an endpoint's version (0: none). Returns it, or UNKNOWN.

    `watch` makes a later `watch` commit on the same connection fail if the endpoint is written in between.
    """

    endpoint: str
    watch: bool = False

    step: ClassVar[str] = "check"

    def perform(self, client: Client) -> int:
        return client.versions.read(self.endpoint, watch=self.watch)


@operation
class Resolve(Operation):
    """Look up an endpoint as a resolver does. Returns an Outcome, and leaves no event.

    Done names the version that answers (0: no plan was applied yet). Refused (`plan_gone`) names the plan that the
    endpoint points at and that was deleted; one in quarantine still answers.
    """

    endpoint: str

    step: ClassVar[str] = "resolve"

    def perform(self, client: Client) -> Outcome:
        return client.versions.resolve(self.endpoint)


@operation
class Repair(Operation):
    """Point an endpoint at plan `version`, whatever stands there: an operator's step. Returns an Outcome.

    The rollback record is set to the same plan, so that the next commit finds one. Refused if the plan is gone.
    """

    endpoint: str
    version: int

    step: ClassVar[str] = "repair"

    def perform(self, client: Client) -> Outcome:
        return client.versions.repair(self, client.attempt)


@operation
class RegisterFence(Operation):
    """Atomically refuse a fence lower than the highest seen at the endpoint, else record it and read.

    Returns the endpoint's version, Refused, or UNKNOWN.
    """

    endpoint: str
    version: int
    lease: Lease

    step: ClassVar[str] = "check"

    def perform(self, client: Client) -> int | Refused:
        return client.versions.register_fence(self, client.attempt)


@operation
class Work(Operation):
    """Build the record tree of one endpoint: what lies between check and write. The engine knows how long."""

    endpoint: str

    step: ClassVar[str] = "work"
    local: ClassVar[bool] = True
    passes_time: ClassVar[bool] = True

    def perform(self, client: Client) -> None:
        client.work()


@operation
class Commit(Operation):
    """Point `endpoint` at plan `version` under the commit rule of that name. Returns an Outcome.

    `lease` is what the writer believes it holds, `seen` the version that its last check read. With
    `referential`, a plan that was deleted or quarantined can't be applied.
    """

    endpoint: str
    version: int
    rule: str
    lease: Lease | None = None
    seen: int | None = None
    referential: bool = False

    step: ClassVar[str] = "commit"

    def perform(self, client: Client) -> Outcome:
        return client.versions.commit(self, client.attempt)


@operation
class CheckpointedCommit(Commit):
    """A commit that keeps `checkpoint` for its client in the same atomic step; a refused one leaves the last one."""

    checkpoint: Checkpoint | None = None

    def perform(self, client: Client) -> Outcome:
        return client.versions.commit(self, client.attempt, self.checkpoint)


@operation
class ReadCheckpoint(Operation):
    """Read the checkpoint that this client's commits kept last. Returns it, None for none, or UNKNOWN."""

    step: ClassVar[str] = "checkpoint"

    def perform(self, client: Client) -> Checkpoint | None:
        return client.versions.checkpoint()


@operation
class ResumePlan(Operation):
    """Note that the application of plan `version` goes on behind its first `walked` endpoints. No I/O."""

    version: int
    walked: int

    step: ClassVar[str] = "continue"
    local: ClassVar[bool] = True

    def perform(self, client: Client) -> int:  # noqa: ARG002
        return self.walked


@operation
class Withdraw(Operation):
    """Note that the guard's own read saw `seen`, newer than plan `version`, and gave the endpoint up. No I/O."""

    endpoint: str
    version: int
    seen: int

    step: ClassVar[str] = "withdraw"
    local: ClassVar[bool] = True

    def perform(self, client: Client) -> int:  # noqa: ARG002
        return self.seen


@operation
class Finish(Operation):
    """Note the end of an application; `complete` if every endpoint was seen at the plan or a newer one. No I/O."""

    version: int
    complete: bool

    local: ClassVar[bool] = True

    def perform(self, client: Client) -> None:  # noqa: ARG002
        return None


@operation
class ListPlans(Operation):
    """Returns Plans, or UNKNOWN."""

    step: ClassVar[str] = "list"

    def perform(self, client: Client) -> Plans:
        return client.versions.plans()


@operation
class DeletePlan(Operation):
    """Delete or quarantine a plan. Returns an Outcome."""

    version: int
    rule: DeleteRule

    step: ClassVar[str] = "delete"

    def perform(self, client: Client) -> Outcome:
        return client.versions.delete(self, client.attempt)
