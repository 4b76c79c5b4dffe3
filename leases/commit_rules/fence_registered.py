"""A fenced write whose number the check has registered before, so that older owners are refused from then on."""

from leasebench.leases.commit_rule import CommitRule
from leasebench.leases.guard_axes import VersionCheck

PLUGIN = CommitRule(
    name="fence_registered",
    about="refused with a fencing number lower than the highest seen at a check or a write",
    fence=True,
    registers=True,
    only_check=VersionCheck.INSIDE,
    why_check="registers its fence at the read",
    enforced_as="fenced",
)
