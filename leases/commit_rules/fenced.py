"""A fencing number lower than the highest seen at a write of the endpoint is refused (Kleppmann 2016).

It orders the writers by their leases, not their plans; and an old owner is refused only once its successor has written.
"""

from leasebench.leases.commit_rule import CommitRule

PLUGIN = CommitRule(
    name="fenced",
    about="refused with a fencing number lower than the highest seen at a write",
    fence=True,
)
