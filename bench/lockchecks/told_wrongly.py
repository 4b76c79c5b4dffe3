"""An owner that has the lock is told so: nothing was lost, and nothing says that it was."""

from leasebench.bench.lockchecks import EXCLUDES
from leasebench.bench.verify.calls import Said
from leasebench.bench.verify.finding import LockFinding
from leasebench.bench.verify.lock_check import LockCheck
from leasebench.bench.verify.rig import LONG_MS, Rig, must_have


def run(rig: Rig) -> LockFinding:
    """Ask an owner alone, with a long time to live; renew, and release."""
    (a,) = rig.owners
    resource = rig.fresh()
    must_have(a.acquire(resource, LONG_MS))
    calls = {"validate": a.validate, "renew": a.renew, "release": a.release}
    asked = {"validate": getattr(rig.manager, "validates", True), "renew": rig.manager.renews, "release": True}
    for name, call in calls.items():
        if not asked[name]:
            continue
        reply = call(resource)
        if reply.said in (Said.LOST, Said.RAISED):
            return rig.defect(f"{name} of an owner that has the lock: {reply.text}", name)
        if reply.said is Said.UNKNOWN:
            return rig.cant_tell(f"{name} was answered: {reply.text}")
    return rig.holds("an owner that has the lock is told so")


PLUGIN = LockCheck("told_wrongly", "no false alarm", run, owners=1, needs=EXCLUDES)
