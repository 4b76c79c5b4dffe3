"""The time to live that is asked for is the one that is given, and how finely it can be asked for.

Both ends are proven by the calls alone, however slow the machine is: a lock ended early if another owner had it before
the time to live was over since the call that took it; it ended late if a call that began after that was refused.
"""

from leasebench.bench.lockchecks import EXCLUDES
from leasebench.bench.verify.calls import Said
from leasebench.bench.verify.finding import LockAnswer, LockFinding
from leasebench.bench.verify.lock_check import LockCheck
from leasebench.bench.verify.rig import Rig, seconds_between
from leasebench.leases.manager import LeaseManager
from leasebench.leases.traits import takes_ttl, ttl_step_ms

FRACTION_MS = 1_500
"""One and a half seconds: what a library of whole seconds can't do."""
EARLY_S = 0.02
LATE_S = 0.5
LATE_PART = 0.5
"""A rival that polls comes late by half of the time to live, or by half a second, and is not to be blamed."""


def refuses(manager: LeaseManager) -> str | None:
    """A lock without a time to live has none to be honoured."""
    return None if takes_ttl(manager) else "it takes no time to live"


def run(rig: Rig) -> LockFinding:
    """Stop an owner and see when another one gets in; the second time, if it can be, with a time to live of 1.5 s."""
    found = _lived(rig, rig.ttl_ms)
    step = ttl_step_ms(rig.manager)
    if found.answer is not LockAnswer.HOLDS or step > FRACTION_MS:
        return found
    fraction = _lived(rig, FRACTION_MS)
    if FRACTION_MS % step and fraction.answer is LockAnswer.DEFECT:
        return rig.holds(f"whole seconds only, as it says: 1.5 s becomes {fraction.cell}", "whole seconds")
    if FRACTION_MS % step and fraction.answer is LockAnswer.HOLDS:
        return rig.holds(f"{found.line}; 1.5 s becomes {fraction.cell}", fraction.cell)
    return fraction


def _lived(rig: Rig, ttl_ms: int) -> LockFinding:
    a, b = rig.owners
    resource = rig.fresh()
    ttl_s, kept_s = ttl_ms / 1000, rig.kept_s(ttl_ms)
    asked = f"asked for {ttl_s:g} s" + (f", and {kept_s - ttl_s:g} s of lock-delay" if kept_s > ttl_s else "")
    taken, still_ns = rig.stopped_holder(a, resource, ttl_ms)
    got = rig.takes_over(b, resource, ttl_ms)
    a.resume()
    if got.said not in (Said.TAKEN, Said.REFUSED):
        return rig.cant_tell(f"a rival was answered: {got.text}")
    life = seconds_between(taken.end_ns, got.end_ns)
    at_least = seconds_between(still_ns, got.refused_ns) if got.refused_ns else 0.0
    if got.said is Said.TAKEN and seconds_between(taken.start_ns, got.end_ns) < kept_s - EARLY_S:
        return rig.defect(f"{asked}, it ended after {life:.2f} s: too early", f"{life:.1f} s")
    if at_least > kept_s + max(LATE_S, LATE_PART * kept_s):
        return rig.defect(f"{asked}, it was still held after {at_least:.2f} s: late", f"{at_least:.1f} s")
    return rig.holds(f"{asked}, another owner had it after {life:.2f} s", f"{life:.1f} s")


PLUGIN = LockCheck("ttl", "the time to live is honoured", run, needs=(*EXCLUDES, "no_ttl"), refuses=refuses)
