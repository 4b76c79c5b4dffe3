"""A renewal prolongs the lock: it stands for its whole time to live from then on."""

from time import sleep

from leasebench.bench.lockchecks import EXCLUDES
from leasebench.bench.verify.calls import Said
from leasebench.bench.verify.finding import LockFinding
from leasebench.bench.verify.lock_check import LockCheck
from leasebench.bench.verify.owner import Stalled
from leasebench.bench.verify.rig import Rig, must_have, seconds_between
from leasebench.leases.manager import LeaseManager

TTL_MS = 1_000
RENEWED_AFTER = 0.4
"""Of the time to live."""
EARLY_S = 0.02


def refuses(manager: LeaseManager) -> str | None:
    """A lock that can't be renewed is not asked."""
    return None if manager.renews else "it can't be renewed"


def run(rig: Rig) -> LockFinding:
    """Renew, stop the owner, and see when another one gets in."""
    a, b = rig.owners
    resource = rig.fresh()
    ttl_ms = rig.longer(TTL_MS)
    ttl_s = ttl_ms / 1000
    taken = must_have(a.acquire(resource, ttl_ms))
    sleep(RENEWED_AFTER * ttl_s)
    renewed = a.renew(resource, then_stop=True)
    a.stands_still()
    if renewed.said is Said.CANNOT:
        return rig.not_asked("it can't be renewed")
    if seconds_between(taken.start_ns, renewed.end_ns) > ttl_s:
        raise Stalled("the renewal came when the lock had ended")
    if renewed.said is not Said.DONE:
        return rig.defect(f"the renewal of a lock that stood was answered: {renewed.text}", "refused")
    got = rig.takes_over(b, resource, ttl_ms)
    life = seconds_between(renewed.start_ns, got.end_ns)
    if got.said is Said.TAKEN and life < ttl_s - EARLY_S:
        return rig.defect(f"renewed for {ttl_s:g} s, it ended {life:.2f} s later: nothing was prolonged", "nothing")
    return rig.holds(f"renewed for {ttl_s:g} s, another owner had it {life:.2f} s later")


PLUGIN = LockCheck("renewal", "a renewal prolongs it", run, needs=(*EXCLUDES, "no_ttl", "ttl"), refuses=refuses)
