"""Fencing numbers grow in the order of the grants, also where an owner is held between two requests of its acquire.

A number that is drawn in a step after the grant can be drawn late: the owner that lost the lock meanwhile then has a
higher number than its successor, and a store that looks at it refuses the wrong one.
"""

from time import monotonic, sleep

from leasebench.bench.lockchecks import EXCLUDES
from leasebench.bench.verify.calls import Said
from leasebench.bench.verify.finding import LockFinding
from leasebench.bench.verify.lock_check import LockCheck
from leasebench.bench.verify.lost_replies import requests_of_acquire
from leasebench.bench.verify.owner import LockOwner
from leasebench.bench.verify.races import inversion
from leasebench.bench.verify.rig import NAMES, Rig
from leasebench.leases.manager import LeaseManager

SECONDS = 0.5
COMES_WITHIN_S = 5.0
ANSWERED_AFTER_S = 0.02


def refuses(manager: LeaseManager) -> str | None:
    """Most locks give no number."""
    return None if manager.fencing else "it gives no fencing number"


def run(rig: Rig) -> LockFinding:
    """Race two owners; then hold one at each of its acquire's requests, until another one has the lock."""
    a, b = rig.owners
    turns = rig.race(rig.fresh(), SECONDS, 1.0)
    rig.forget()
    inverted = inversion(turns)
    if inverted is not None:
        for number, turn in inverted:
            rig.show_turn(NAMES[number], turn)
        return rig.defect("a later owner got a number that is not higher", "inverted")
    if rig.gateway is None:
        return rig.holds(f"in {sum(map(len, turns)):,} grants each number is higher than the one before")
    for request in reversed(requests_of_acquire(rig, a)[1:]):
        resource = rig.fresh()
        rig.gateway.hold(request)
        a.begin_acquire(resource, rig.ttl_ms)
        if not _held(rig, a):
            a.answered()
            continue
        rig.note(a.name, f"(is held before its {request})", at_ns=rig.gateway.hit_ns)
        a.stop()
        got = rig.takes_over(b, resource, rig.ttl_ms)
        # The request goes on first: as it wakes up, its owner reads the reply, and hears of the loss later.
        rig.gateway.let_go()
        sleep(ANSWERED_AFTER_S)
        a.resume()
        late = a.answered()
        if got.said is late.said is Said.TAKEN and (late.fence or 0) > (got.fence or 0):
            return rig.defect(
                f"an owner held before its {request} is granted {late.fence} after its successor got {got.fence}",
                "inverted",
            )
    return rig.holds("numbers grow in the order of the grants, also where an owner is held amid its acquire")


def _held(rig: Rig, owner: LockOwner) -> bool:
    """Whether the request came and is held; the acquire may end without it."""
    assert rig.gateway is not None
    deadline = monotonic() + COMES_WITHIN_S
    while not owner.has_answered() and monotonic() < deadline:
        if rig.gateway.has_hit(0.01):
            return True
    return False


PLUGIN = LockCheck(
    "fence_order", "fencing numbers grow", run, needs=EXCLUDES, after=("no_ttl",), gateway=True, refuses=refuses
)
