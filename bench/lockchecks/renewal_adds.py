"""A renewal sets the time to live anew, and does not add to what is left of it.

One that adds lets the lock of a renewing owner live longer and longer, and a takeover after its death takes as long.
redis-py's `extend` adds (`reacquire` does not).
"""

from leasebench.bench.lockchecks import EXCLUDES
from leasebench.bench.lockchecks.renewal import refuses
from leasebench.bench.verify.calls import Said
from leasebench.bench.verify.finding import LockFinding
from leasebench.bench.verify.lock_check import LockCheck
from leasebench.bench.verify.owner import Stalled
from leasebench.bench.verify.rig import Rig, must_have, seconds_between

TTL_MS = 1_000
LATE_PART = 0.5


def run(rig: Rig) -> LockFinding:
    """Renew at once, stop the owner, and see when another one gets in: after one time to live, or after two."""
    a, b = rig.owners
    resource = rig.fresh()
    ttl_ms = rig.longer(TTL_MS)
    ttl_s = ttl_ms / 1000
    taken = must_have(a.acquire(resource, ttl_ms))
    renewed = a.renew(resource, then_stop=True)
    still_ns = a.stands_still()
    if seconds_between(taken.start_ns, renewed.end_ns) > ttl_s * (1 - LATE_PART):
        raise Stalled("the renewal came too late for what was left to be seen")
    if renewed.said is not Said.DONE:
        return rig.cant_tell(f"the renewal was answered: {renewed.text}")
    got = rig.takes_over(b, resource, ttl_ms)
    at_least = seconds_between(still_ns, got.refused_ns) if got.refused_ns else 0.0
    life = seconds_between(renewed.end_ns, got.end_ns)
    if at_least > rig.kept_s(ttl_ms) + LATE_PART * ttl_s:
        return rig.defect(
            f"renewed for {ttl_s:g} s, it lived for {life:.2f} s: the renewal adds to what is left", "adds"
        )
    return rig.holds(f"renewed for {ttl_s:g} s, it lived for {life:.2f} s: the renewal begins anew", "resets")


PLUGIN = LockCheck("renewal_adds", "a renewal adds nothing", run, needs=(*EXCLUDES, "ttl", "renewal"), refuses=refuses)
