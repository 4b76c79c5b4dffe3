"""A fence that refuses the highest number seen and no other, lower ones included: for a negative control."""

from leasebench.leases.commit_rule import CommitRule

PLUGIN = CommitRule(
    name="broken_equality_fence",
    about="wrong on purpose: refuses only the fencing number that is the highest seen",
    fence=True,
    broken=True,
)
