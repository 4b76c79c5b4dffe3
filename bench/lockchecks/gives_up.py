"""Whoever waits in vain is told so: nobody enters the body of a lock that another one holds.

redlock-ng's `with redlock.lock(...)` is an example of the defect: its body runs when the acquisition has failed.
"""

from leasebench.bench.lockchecks.exclusion import PLUGIN as EXCLUSION
from leasebench.bench.verify.calls import Said
from leasebench.bench.verify.finding import LockFinding
from leasebench.bench.verify.lock_check import LockCheck
from leasebench.bench.verify.rig import LONG_MS, Rig, must_have

WAIT_MS = 300.0


def run(rig: Rig) -> LockFinding:
    """Let one wait for a lock that stays with its owner."""
    a, b = rig.owners
    resource = rig.fresh()
    must_have(a.acquire(resource, LONG_MS))
    waited = b.acquire(resource, LONG_MS, WAIT_MS)
    if waited.said is Said.TAKEN:
        return rig.defect("an owner that waited in vain goes in without the lock", "enters")
    if waited.said is Said.RAISED:
        return rig.defect(f"an owner that waits in vain is not told None: acquire {waited.text}", "raises")
    if waited.said is not Said.REFUSED:
        return rig.cant_tell(f"an owner that waited was answered: {waited.text}")
    return rig.holds("an owner that waited in vain is told that it does not have the lock")


PLUGIN = LockCheck("gives_up", "no entry without the lock", run, needs=(EXCLUSION.name,))
