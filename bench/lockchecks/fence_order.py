"""Fencing numbers grow in the order of the grants, also where an owner is held between two requests of its acquire.

A number that is drawn in a step after the grant can be drawn late: the owner that lost the lock meanwhile then has a
higher number than its successor, and a store that looks at it refuses the wrong one.
"""

from leasebench.bench.lockchecks import EXCLUDES
from leasebench.bench.verify.calls import Said
from leasebench.bench.verify.finding import LockFinding
from leasebench.bench.verify.lock_check import LockCheck
from leasebench.bench.verify.lost_replies import requests_of_acquire
from leasebench.bench.verify.races import inversion
from leasebench.bench.verify.rig import LONG_MS, NAMES, Rig
from leasebench.leases.manager import LeaseManager

SECONDS = 0.5
MOST_REQUESTS = 4


def refuses(manager: LeaseManager) -> str | None:
    """Most locks give no number."""
    return None if manager.fencing else "it gives no fencing number"


def run(rig: Rig) -> LockFinding:
    """Race two owners; then hold one at each of its acquire's requests, until another one has the lock."""
    a, b = rig.owners
    _, turns = rig.race(LONG_MS, SECONDS, 1.0)
    rig.forget()
    inverted = inversion(turns)
    if inverted is not None:
        for number, turn in inverted:
            rig.show_turn(NAMES[number], turn)
        return rig.defect("a later owner got a number that is not higher", "inverted")
    if rig.gateway is None:
        return rig.holds(f"in {sum(map(len, turns)):,} grants each number is higher than the one before")
    for number in range(2, min(len(requests_of_acquire(rig, a)), MOST_REQUESTS) + 1):
        resource = rig.fresh()
        rig.gateway.hold(number)
        a.begin_acquire(resource, rig.ttl_ms)
        if not rig.gateway.has_hit():
            rig.gateway.count_anew()
            a.answered()
            continue
        held = rig.gateway.seen[-1].text
        a.stop()
        got = b.insist(resource, LONG_MS, rig.patience_s)
        a.resume()
        rig.gateway.let_go()
        late = a.answered()
        rig.gateway.count_anew()
        if got.said is Said.TAKEN is late.said and (late.fence or 0) > (got.fence or 0):
            return rig.defect(
                f"an owner held before its {held} is granted {late.fence} after its successor got {got.fence}", "inverted"
            )
    return rig.holds("numbers grow in the order of the grants, also where an owner is held amid its acquire")


PLUGIN = LockCheck(
    "fence_order", "fencing numbers grow", run, needs=EXCLUDES, after=("no_ttl",), gateway=True, refuses=refuses
)
