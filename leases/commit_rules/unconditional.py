"""The store writes whatever it is told."""

from leasebench.leases.commit_rule import CommitRule

PLUGIN = CommitRule(
    name="unconditional",
    about="the store writes whatever it is told",
)
