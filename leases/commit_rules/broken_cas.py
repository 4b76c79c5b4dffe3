"""A comparison in the enactor, one step before its unconditional write: for a negative control."""

from leasebench.leases.commit_rule import CommitRule
from leasebench.leases.guard_axes import VersionCheck

PLUGIN = CommitRule(
    name="broken_cas",
    about="wrong on purpose: the enactor compares, and then writes unconditionally",
    seen=True,
    by_enactor=True,
    only_check=VersionCheck.PER_ENDPOINT,
    why_check="compares with what was read just before",
    broken=True,
)
