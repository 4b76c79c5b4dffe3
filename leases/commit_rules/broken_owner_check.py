"""A check that the lease is held, no matter by whom: for a negative control."""

from leasebench.leases.commit_rule import CommitRule

PLUGIN = CommitRule(
    name="broken_owner_check",
    about="wrong on purpose: looks whether the lease is held, and not by whom",
    owner=True,
    broken=True,
)
