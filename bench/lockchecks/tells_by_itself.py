"""A lock that renews itself and tells of a loss by itself does so as soon as its owner goes on: without being asked."""

from time import monotonic, sleep

from leasebench.bench.lockchecks import EXCLUDES
from leasebench.bench.verify.calls import Said
from leasebench.bench.verify.finding import LockFinding
from leasebench.bench.verify.lock_check import LockCheck
from leasebench.bench.verify.rig import Rig
from leasebench.leases.manager import LeaseManager

WITHIN_S = 2.0
"""And a time to live more: who is told by then at all."""
LATE_S = 0.7
"""Who is told later than that has worked on beside its successor."""
LOOKS_EVERY_S = 0.002


def refuses(manager: LeaseManager) -> str | None:
    """Most locks say nothing unless they are asked."""
    return None if getattr(manager, "tells_loss", False) else "it says nothing unless it is asked"


def run(rig: Rig) -> LockFinding:
    """Let an owner lose the lock, and look from its waking up on whether it was told; no request is made."""
    a, b = rig.owners
    resource = rig.fresh()
    rig.loses(a, b, resource)
    began, within_s = monotonic(), WITHIN_S + rig.ttl_ms / 1000
    while (told := a.heard_of(resource)).said is Said.DONE and monotonic() < began + within_s:
        sleep(LOOKS_EVERY_S)
    waited_s = monotonic() - began
    if told.said is Said.DONE:
        return rig.defect(f"an owner that lost it was not told within {within_s:g} s of going on", "never")
    rig.note(a.name, "(is told that it lost the lock)", f"{waited_s * 1000:.0f} ms after it went on")
    if waited_s > LATE_S:
        return rig.defect(f"an owner that lost it is told only {waited_s:.1f} s after it goes on", f"{waited_s:.1f} s")
    return rig.holds(
        f"an owner that lost it is told {waited_s * 1000:.0f} ms after it goes on", f"{waited_s * 1000:.0f} ms"
    )


PLUGIN = LockCheck(
    "tells_by_itself", "it tells of a loss by itself", run, needs=EXCLUDES, after=("no_ttl",), refuses=refuses
)
