"""A client that was built before a fork and is used on both sides: still one owner at a time."""

from leasebench.bench.lockchecks import EXCLUDES
from leasebench.bench.verify.finding import LockFinding
from leasebench.bench.verify.lock_check import LockCheck
from leasebench.bench.verify.races import shared
from leasebench.bench.verify.rig import Rig
from leasebench.leases.manager import LeaseManager
from leasebench.leases.traits import may_be_used_by


def refuses(manager: LeaseManager) -> str | None:
    """Most adapters build their client after the fork, as their libraries ask for."""
    return None if may_be_used_by(manager, "forks") else "a client is for the process that built it"


def run(rig: Rig) -> LockFinding:
    """Race a process and its fork."""
    return shared(rig, "race_forked", "a process and its fork with one client")


PLUGIN = LockCheck("forks", "a client survives a fork", run, owners=1, needs=EXCLUDES, refuses=refuses)
