"""An optimistic transaction (WATCH, MULTI): aborted if the endpoint was written since the check."""

from leasebench.leases.commit_rule import CommitRule

PLUGIN = CommitRule(
    name="watch",
    about="aborted if the endpoint was written since the check (WATCH, MULTI)",
    seen=True,
    watches=True,
    enforced_as="unconditional",
)
