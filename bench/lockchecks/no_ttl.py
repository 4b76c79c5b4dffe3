"""The lock of an owner that stands still ends, by itself or by a rival: it is not held for ever."""

from leasebench.bench.lockchecks import EXCLUDES
from leasebench.bench.verify.calls import Said
from leasebench.bench.verify.finding import LockFinding
from leasebench.bench.verify.lock_check import LockCheck
from leasebench.bench.verify.rig import Rig, seconds_between


def run(rig: Rig) -> LockFinding:
    """Stop the owner for good, and let another one try."""
    a, b = rig.owners
    resource = rig.fresh()
    taken, _ = rig.stopped_holder(a, resource, rig.ttl_ms)
    got = rig.takes_over(b, resource, rig.ttl_ms)
    if got.said is Said.REFUSED:
        asked = seconds_between(taken.end_ns, got.refused_ns)
        return rig.defect(
            f"asked for {rig.ttl_ms / 1000:g} s, a stopped owner still has it after {asked:.1f} s: no time to live",
            "for ever",
        )
    if got.said is not Said.TAKEN:
        return rig.cant_tell(f"a rival was answered: {got.text}")
    life = seconds_between(taken.end_ns, got.end_ns)
    return rig.holds(f"a stopped owner has it for {life:.2f} s (asked for {rig.ttl_ms / 1000:g} s)", f"{life:.2f} s")


PLUGIN = LockCheck("no_ttl", "a stopped owner's lock ends", run, needs=EXCLUDES)
