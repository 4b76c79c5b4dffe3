"""A lock does not go by the wall clocks of its owners: one whose clock is wrong neither takes nor keeps it wrongly.

The owner's process is started with libfaketime, which steps its wall clock alone.
"""

import shutil

from leasebench.bench.lockchecks import EXCLUDES
from leasebench.bench.servers.fakeclock import FakeClock, faketime_library
from leasebench.bench.servers.local import private_directory
from leasebench.bench.verify.calls import Said
from leasebench.bench.verify.finding import LockFinding
from leasebench.bench.verify.lock_check import LockCheck
from leasebench.bench.verify.owner import Stalled
from leasebench.bench.verify.rig import LONG_MS, Rig, must_have, seconds_between
from leasebench.leases.manager import LeaseManager

HOUR_MS = 3_600_000
LIVES_MS = 5_000


def refuses(manager: LeaseManager) -> str | None:  # noqa: ARG001
    """Without libfaketime nobody's clock can be stepped."""
    return None if faketime_library() is not None else "libfaketime is not installed"


def run(rig: Rig) -> LockFinding:
    """Step one owner's clock by an hour: ahead, as it asks for a held lock; back, as it takes one; ahead, as it does."""
    (a,) = rig.owners
    folder = private_directory()
    clock = FakeClock(folder)
    wrong = rig.add(environment=clock.environment)
    try:
        resource = rig.fresh()
        must_have(a.acquire(resource, LONG_MS))
        clock.step(HOUR_MS)
        rig.note(wrong.name, "(its wall clock steps an hour ahead)")
        if wrong.acquire(resource, LONG_MS).said is Said.TAKEN:
            return rig.defect("an owner whose clock is an hour ahead takes a lock that another one holds", "taken")
        resource = rig.fresh()
        clock.step(-2 * HOUR_MS)
        rig.note(wrong.name, "(its wall clock is an hour behind)")
        taken = must_have(wrong.acquire(resource, rig.longer(LIVES_MS)))
        got = a.acquire(resource, LONG_MS)
        if got.said is Said.TAKEN:
            if seconds_between(taken.start_ns, got.end_ns) > rig.longer(LIVES_MS) / 1000:
                raise Stalled("the lock had ended before anybody could look")
            return rig.defect("the lock of an owner whose clock is behind is taken away while it lives", "taken")
        resource = rig.fresh()
        clock.step(2 * HOUR_MS)
        rig.note(wrong.name, "(its wall clock is an hour ahead)")
        rig.stopped_holder(wrong, resource, rig.ttl_ms)
        if rig.ends and a.insist(resource, LONG_MS, rig.patience_s).said is Said.REFUSED:
            return rig.defect("the lock of an owner whose clock is ahead does not end", "never ends")
        return rig.holds("an hour ahead or behind, an owner's wall clock changes nothing")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


PLUGIN = LockCheck(
    "wall_clock", "owners' clocks do not matter", run, owners=1, needs=EXCLUDES, after=("no_ttl",), refuses=refuses
)
