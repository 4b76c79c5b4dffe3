"""One client of a lock used by two threads: still one owner at a time. Asked where the library allows it."""

from leasebench.bench.lockchecks import EXCLUDES
from leasebench.bench.verify.finding import LockFinding
from leasebench.bench.verify.lock_check import LockCheck
from leasebench.bench.verify.races import shared
from leasebench.bench.verify.rig import Rig
from leasebench.leases.manager import LeaseManager
from leasebench.leases.traits import may_be_used_by


def refuses(manager: LeaseManager) -> str | None:
    """Most adapters give the library one connection."""
    return None if may_be_used_by(manager, "threads") else "one client is for one thread, as its adapter makes it"


def run(rig: Rig) -> LockFinding:
    """Race two threads of one process."""
    return shared(rig, "race_on_threads", "two threads with one client")


PLUGIN = LockCheck("threads", "threads may share a client", run, owners=1, needs=EXCLUDES, refuses=refuses)
