"""Only a newer plan is written: the one rule that looks at the plan itself."""

from leasebench.leases.commit_rule import CommitRule

PLUGIN = CommitRule(
    name="monotonic",
    about="written only if the plan is newer than the one in force",
)
