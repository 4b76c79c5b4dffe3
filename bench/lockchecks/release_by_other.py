"""An owner that lost the lock can't release it for its successor (redis.io, "Distributed Locks with Redis").

A bare DEL is the textbook's example of the defect.
"""

from leasebench.bench.lockchecks import EXCLUDES
from leasebench.bench.verify.calls import Said
from leasebench.bench.verify.finding import LockFinding
from leasebench.bench.verify.lock_check import LockCheck
from leasebench.bench.verify.rig import LONG_MS, Rig


def run(rig: Rig) -> LockFinding:
    """Let one who lost the lock release it, and a third one try to get in beside its successor."""
    a, b, c = rig.owners
    resource = rig.fresh()
    rig.loses(a, b, resource)
    a.release(resource)
    third = c.acquire(resource, LONG_MS)
    if third.said is Said.TAKEN:
        return rig.defect("an owner that lost it releases its successor's lock, and a third one gets in", "anyone")
    if third.said is not Said.REFUSED:
        return rig.cant_tell(f"a third owner was answered: {third.text}")
    return rig.holds("an owner that lost it can't release its successor's lock")


PLUGIN = LockCheck("release_by_other", "only its owner releases it", run, owners=3, needs=EXCLUDES, after=("no_ttl",))
