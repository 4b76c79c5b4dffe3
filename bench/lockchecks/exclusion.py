"""One owner at a time, without any fault: four processes take turns as fast as they can."""

from leasebench.bench.verify.finding import LockFinding
from leasebench.bench.verify.lock_check import LockCheck
from leasebench.bench.verify.races import overlap
from leasebench.bench.verify.rig import NAMES, Rig

SECONDS = 0.8
HOLD_MS = 1.0


def run(rig: Rig) -> LockFinding:
    """Look for two holds that overlap."""
    turns = rig.race(rig.fresh(), SECONDS, HOLD_MS)
    rig.forget()
    total = sum(map(len, turns))
    found = overlap(turns)
    if found is not None:
        for owner, turn in found:
            rig.show_turn(NAMES[owner], turn)
        return rig.defect(f"two owners had it at once, without any fault, within {total:,} turns", "two at once")
    if total < 2:
        return rig.cant_tell(f"{total} turns in {SECONDS} s are too few to tell")
    return rig.holds(f"{total:,} turns of {len(turns)} processes, never two at once")


PLUGIN = LockCheck("exclusion", "one owner at a time", run, owners=4)
