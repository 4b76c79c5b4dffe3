"""A renewal tells an owner that it has lost the lock to another one."""

from leasebench.bench.lockchecks import EXCLUDES
from leasebench.bench.lockchecks.renewal import refuses
from leasebench.bench.verify.finding import LockFinding
from leasebench.bench.verify.lock_check import LockCheck
from leasebench.bench.verify.rig import Rig
from leasebench.bench.verify.telling import told


def run(rig: Rig) -> LockFinding:
    """Let one who lost the lock to another owner renew it."""
    a, b = rig.owners
    resource = rig.fresh()
    rig.loses(a, b, resource)
    return told(rig, a.renew(resource), "renew")


PLUGIN = LockCheck(
    "renew_after_loss", "a renewal tells of a loss", run, needs=EXCLUDES, after=("no_ttl",), refuses=refuses
)
