"""What the store in memory does for each commit rule: the twin of the scripts `commit_<name>.lua` in Redis."""

from collections.abc import Callable
from functools import cache

from leasebench.definitions import DefinitionError
from leasebench.enactors.operations import Commit
from leasebench.enactors.store.memory.memory_cell import Endpoint, MemoryCell
from leasebench.leases.commit_rule import commit_rule
from leasebench.leases.outcome import Reason

DRIVER = "memory"
Refusal = Callable[[Commit, Endpoint, MemoryCell], str | None]
"""Why a commit at the endpoint is refused: a `Reason`, or a name of the rule's own; None if it is not."""


def nothing(step: Commit, at: Endpoint, cell: MemoryCell) -> None:
    """Refuse nothing."""


def not_owner(step: Commit, at: Endpoint, cell: MemoryCell) -> str | None:  # noqa: ARG001
    """Look whether this grant still holds the lease."""
    assert step.lease is not None
    return Reason.NOT_OWNER if cell.holder(step.lease.resource) != step.lease.token else None


def held_by_nobody(step: Commit, at: Endpoint, cell: MemoryCell) -> str | None:  # noqa: ARG001
    """Look whether anybody holds the lease."""
    assert step.lease is not None
    return Reason.NOT_OWNER if cell.holder(step.lease.resource) is None else None


def fence_too_low(step: Commit, at: Endpoint, cell: MemoryCell) -> str | None:  # noqa: ARG001
    """Compare with the highest fencing number seen."""
    return Reason.FENCE_TOO_LOW if fence_of(step) < at.fence_seen else None


def fence_is_the_highest(step: Commit, at: Endpoint, cell: MemoryCell) -> str | None:  # noqa: ARG001
    """Compare with the highest fencing number seen, for equality."""
    return Reason.FENCE_TOO_LOW if fence_of(step) == at.fence_seen else None


def changed(step: Commit, at: Endpoint, cell: MemoryCell) -> str | None:  # noqa: ARG001
    """Compare the version in force with the one that was read."""
    return Reason.CHANGED if step.seen != at.version else None


def not_newer(step: Commit, at: Endpoint, cell: MemoryCell) -> str | None:  # noqa: ARG001
    """Compare the version in force with the plan's."""
    return Reason.NOT_NEWER if step.version <= at.version else None


REFUSALS: dict[str, Refusal] = {
    "unconditional": nothing,
    "owner_checked": not_owner,
    "fenced": fence_too_low,
    "compare_and_set": changed,
    "monotonic": not_newer,
    "broken_owner_check": held_by_nobody,
    "broken_equality_fence": fence_is_the_highest,
}


@cache
def refusal_of(name: str) -> Refusal:
    """What enforces the rule of that name; the part `memory` of a rule of another package."""
    rule = commit_rule(name)
    refusal: Refusal | None = rule.parts.get(DRIVER) or REFUSALS.get(rule.write)
    if refusal is None:
        raise DefinitionError(f"the store {DRIVER!r} does not enforce the commit rule {name!r}")
    return refusal


def fence_of(step: Commit) -> int:
    """The fencing number that a commit brings."""
    assert step.lease is not None
    assert step.lease.fence is not None
    return step.lease.fence
