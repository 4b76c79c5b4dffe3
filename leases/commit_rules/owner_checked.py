"""The write and the check that this grant still holds the lease are one transaction.

A valid lease does not make a plan fresh: its owner may have picked the plan before it waited for the lease.
"""

from leasebench.leases.commit_rule import CommitRule

PLUGIN = CommitRule(
    name="owner_checked",
    about="written only if this grant's token still holds the lease, in one transaction",
    owner=True,
)
