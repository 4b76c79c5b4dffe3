"""A lock that has ended is not brought back to life by a renewal: others may have had it meanwhile.

aioredlock's `extend` does that: its script sets a key that is free.
"""

from leasebench.bench.lockchecks import EXCLUDES
from leasebench.bench.lockchecks.renewal import refuses
from leasebench.bench.verify.calls import Said
from leasebench.bench.verify.finding import LockFinding
from leasebench.bench.verify.lock_check import LockCheck
from leasebench.bench.verify.rig import LONG_MS, Rig, must_have


def run(rig: Rig) -> LockFinding:
    """Let another owner have the lock and give it back, then renew it."""
    a, b = rig.owners
    resource = rig.fresh()
    rig.stopped_holder(a, resource, rig.ttl_ms)
    must_have(rig.takes_over(b, resource, rig.ttl_ms))
    b.release(resource)
    a.resume()
    renewed = a.renew(resource)
    if renewed.said is Said.CANNOT:
        return rig.not_asked("it can't be renewed")
    if renewed.said is Said.DONE:
        return rig.defect("a renewal brings back a lock that had ended; another owner had it meanwhile", renewed.text)
    if renewed.said is Said.UNKNOWN:
        return rig.cant_tell(f"the renewal was answered: {renewed.text}")
    if b.acquire(resource, LONG_MS).said is Said.REFUSED:
        return rig.holds("a late renewal is refused, but takes the lock again: nobody has it until it ends", "retaken")
    return rig.holds(f"a late renewal is refused: {renewed.text}")


PLUGIN = LockCheck("renew_revives", "what has ended stays ended", run, needs=(*EXCLUDES, "no_ttl"), refuses=refuses)
