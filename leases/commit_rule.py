"""What a store may enforce when it writes one endpoint: the face of every commit rule."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from leasebench.leases.guard_axes import VersionCheck
from leasebench.registry import plugin


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitRule:
    """One rule: what it is, and what it asks of a guard. Whoever enforces it finds its part by the rule's name."""

    name: str
    about: str
    owner: bool = False
    """Whether it looks at the lease in the transaction that writes: lease and endpoint have to be on one server."""
    fence: bool = False
    """Whether it compares fencing numbers."""
    registers: bool = False
    """Whether the check records the lease's fence as it reads, in one atomic step."""
    seen: bool = False
    """Whether it compares with the version that the check read."""
    watches: bool = False
    """Whether the check lets the server watch the endpoint, and the write is a transaction that a change aborts."""
    by_enactor: bool = False
    """Whether the enactor compares by itself, so that the store is asked for an unconditional write."""
    only_check: VersionCheck | None = None
    """The only check that it works with."""
    why_check: str = ""
    """Why it works with no other."""
    enforced_as: str = ""
    """The rule whose write it shares, where only the check differs."""
    broken: bool = False
    """Whether it is wrong on purpose, for a negative control."""
    parts: Mapping[str, Any] = field(default_factory=dict)
    """Of a rule of another package: what enforces it in a store, by the driver's name; as `results` what it promises;
    as `explain`, if it likes, what it would have done with a stale overwrite. See `commit_script`, `refusal_of`,
    `promise_of` and `Counterfactual` for what each of them is."""

    @property
    def needs_lease(self) -> bool:
        """Whether it means nothing without a lease."""
        return self.owner or self.fence

    @property
    def write(self) -> str:
        """The name under which stores look for what they do at the write."""
        return self.enforced_as or self.name


@cache
def commit_rule(name: str) -> CommitRule:
    """The rule of that name. Raises DefinitionError: why it can't be used, or which names come nearest."""
    rule: CommitRule = plugin("leases.commit_rules", "commit rule", name)
    return rule
