"""A release tells an owner that it had lost the lock before: by an exception, or by False."""

from leasebench.bench.lockchecks import EXCLUDES
from leasebench.bench.verify.finding import LockFinding
from leasebench.bench.verify.lock_check import LockCheck
from leasebench.bench.verify.rig import Rig
from leasebench.bench.verify.telling import told


def run(rig: Rig) -> LockFinding:
    """Let one who lost the lock to another owner release it."""
    a, b = rig.owners
    resource = rig.fresh()
    rig.loses(a, b, resource)
    return told(rig, a.release(resource), "release")


PLUGIN = LockCheck("release_after_loss", "a release tells of a loss", run, needs=EXCLUDES, after=("no_ttl",))
