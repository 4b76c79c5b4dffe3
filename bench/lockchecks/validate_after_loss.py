"""An owner that asks just before its write whether it still has the lock is told that it has lost it."""

from leasebench.bench.lockchecks import EXCLUDES
from leasebench.bench.verify.finding import LockFinding
from leasebench.bench.verify.lock_check import LockCheck
from leasebench.bench.verify.rig import Rig
from leasebench.bench.verify.telling import told
from leasebench.leases.manager import LeaseManager


def refuses(manager: LeaseManager) -> str | None:
    """Some locks can't be asked."""
    return None if getattr(manager, "validates", True) else "it can't be asked whether it still stands"


def run(rig: Rig) -> LockFinding:
    """Let one who lost the lock ask, as soon as it goes on."""
    a, b = rig.owners
    resource = rig.fresh()
    rig.loses(a, b, resource)
    return told(rig, a.validate(resource), "validate")


PLUGIN = LockCheck(
    "validate_after_loss", "whoever asks is told of a loss", run, needs=EXCLUDES, after=("no_ttl",), refuses=refuses
)
