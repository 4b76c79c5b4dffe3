"""The version in force must be the one that the check read."""

from leasebench.leases.commit_rule import CommitRule

PLUGIN = CommitRule(
    name="compare_and_set",
    about="written only if the version in force is the one that the check read",
    seen=True,
)
