"""What a store enforces when it writes an endpoint or deletes a plan: two of a guard's four choices."""

from enum import StrEnum


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
