"""A check that somebody holds the lease, whoever that is: for a negative control."""

from leasebench.leases.commit_rule import CommitRule

PLUGIN = CommitRule(
    name="broken_owner_check",
    about="wrong on purpose: looks whether the lease is held, and not by whom",
    owner=True,
    broken=True,
)
