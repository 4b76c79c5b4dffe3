"""A lock does not go by the wall clocks of its owners: one whose clock is wrong neither takes nor keeps it wrongly.

The owner's process is started with libfaketime, which steps its wall clock alone.
"""

import os
import shutil

from leasebench.bench.lockchecks import EXCLUDES
from leasebench.bench.servers.fakeclock import FakeClock, faketime_library
from leasebench.bench.servers.local import private_directory
from leasebench.bench.verify.calls import Said
from leasebench.bench.verify.finding import LockFinding
from leasebench.bench.verify.lock_check import LockCheck
from leasebench.bench.verify.owner import LockOwner, Stalled
from leasebench.bench.verify.rig import LONG_MS, Rig, must_have, seconds_between
from leasebench.leases.manager import LeaseManager

HOUR_MS = 3_600_000
LIVES_MS = 5_000


SLEEPS_BY_SELECT = """
import select, time
time.sleep = lambda seconds: select.select([], [], [], max(0.0, seconds)) and None
"""
"""Under libfaketime the `sleep` of Python 3.11 and later fails with EINVAL (clock_nanosleep); read as Python starts."""


def refuses(manager: LeaseManager) -> str | None:  # noqa: ARG001
    """Without libfaketime nobody's clock can be stepped."""
    return None if faketime_library() is not None else "libfaketime is not installed"


def run(rig: Rig) -> LockFinding:
    """Step one owner's clock by an hour: ahead, as it asks for a held lock; back and ahead, as it takes one."""
    folder = private_directory()
    clock = FakeClock(folder)
    (folder / "sitecustomize.py").write_text(SLEEPS_BY_SELECT, encoding="ascii")
    paths = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
    wrong = rig.add(environment={**clock.environment, "PYTHONPATH": paths})
    try:
        for look in (_taken_from_others, _taken_away, _kept):
            found = look(rig, wrong, clock)
            if found is not None:
                return found
        return rig.holds("an hour ahead or behind, an owner's wall clock changes nothing")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _taken_from_others(rig: Rig, wrong: LockOwner, clock: FakeClock) -> LockFinding | None:
    right, resource = rig.owners[0], rig.fresh()
    must_have(right.acquire(resource, LONG_MS))
    _step(rig, wrong, clock, HOUR_MS)
    asked = wrong.acquire(resource, LONG_MS)
    if asked.said is Said.TAKEN:
        return rig.defect("an owner whose clock is an hour ahead takes a lock that another one holds", "taken")
    return None if asked.said is Said.REFUSED else rig.cant_tell(f"with its clock ahead, acquire: {asked.text}")


def _taken_away(rig: Rig, wrong: LockOwner, clock: FakeClock) -> LockFinding | None:
    right, resource = rig.owners[0], rig.fresh()
    _step(rig, wrong, clock, -HOUR_MS)
    taken = must_have(wrong.acquire(resource, rig.longer(LIVES_MS)))
    got = right.acquire(resource, LONG_MS)
    if got.said is not Said.TAKEN:
        return None if got.said is Said.REFUSED else rig.cant_tell(f"acquire: {got.text}")
    if seconds_between(taken.start_ns, got.end_ns) > rig.longer(LIVES_MS) / 1000:
        raise Stalled("the lock had ended before anybody could look")
    return rig.defect("the lock of an owner whose clock is an hour behind is taken away while it lives", "taken")


def _kept(rig: Rig, wrong: LockOwner, clock: FakeClock) -> LockFinding | None:
    if not rig.ends:
        return None
    right, resource = rig.owners[0], rig.fresh()
    _step(rig, wrong, clock, HOUR_MS)
    rig.stopped_holder(wrong, resource, rig.ttl_ms)
    got = rig.takes_over(right, resource, rig.ttl_ms)
    wrong.resume()
    if got.said is Said.REFUSED:
        return rig.defect("the lock of an owner whose clock is an hour ahead does not end", "never ends")
    return None if got.said is Said.TAKEN else rig.cant_tell(f"acquire: {got.text}")


def _step(rig: Rig, wrong: LockOwner, clock: FakeClock, ms: float) -> None:
    clock.step(ms - clock.offset_s * 1000)
    rig.note(wrong.name, f"(its wall clock is an hour {'ahead' if ms > 0 else 'behind'})")


PLUGIN = LockCheck(
    "wall_clock", "owners' clocks do not matter", run, owners=1, needs=EXCLUDES, after=("no_ttl",), refuses=refuses
)
