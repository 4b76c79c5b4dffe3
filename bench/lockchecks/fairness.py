"""Nobody starves: of owners that ask again and again, each gets its turns.

Jain's index is (sum x)^2 / (n sum x^2) of the turns of n owners: 1 if all got as many, 1/n if one got all (Jain, Chiu,
Hawe, "A Quantitative Measure of Fairness and Discrimination for Resource Allocation", DEC-TR-301, 1984).
"""

from collections.abc import Sequence

from leasebench.bench.lockchecks import EXCLUDES
from leasebench.bench.verify.calls import LockTurn
from leasebench.bench.verify.finding import LockFinding
from leasebench.bench.verify.lock_check import LockCheck
from leasebench.bench.verify.rig import LONG_MS, Rig

SECONDS = 2.0
HOLD_MS = 2.0
ENOUGH = 40
STARVED = 0.05
"""Of a fair share: who gets less than that starves."""


def run(rig: Rig) -> LockFinding:
    """Race four owners with holds of 2 ms, and count."""
    _, turns = rig.race(LONG_MS, SECONDS, HOLD_MS)
    rig.forget()
    counts = [len(own) for own in turns]
    index, longest_s = jain(counts), longest_wait_s(turns)
    told = f"turns of {len(counts)} owners in {SECONDS:g} s: {', '.join(f'{count:,}' for count in counts)}; Jain's index {index:.2f}, longest wait {longest_s * 1000:,.0f} ms"
    for owner, count in zip(rig.owners, counts, strict=True):
        rig.note(owner.name, f"acquire() and release(), for {SECONDS:g} s", f"{count:,} turns")
    if sum(counts) < ENOUGH:
        return rig.cant_tell(f"too few turns to tell: {told}")
    if min(counts) < STARVED * sum(counts) / len(counts):
        return rig.defect(f"an owner starves: {told}", f"{index:.2f}")
    return rig.holds(told, f"{index:.2f}")


def jain(counts: Sequence[int]) -> float:
    """Jain's index of fairness, 1/n to 1; 1 where nobody got anything."""
    squares = sum(count * count for count in counts)
    return sum(counts) ** 2 / (len(counts) * squares) if squares else 1.0


def longest_wait_s(turns: Sequence[Sequence[LockTurn]]) -> float:
    """The longest wait that ended with the lock, seconds."""
    return max(((turn.taken_ns - turn.asked_ns) / 1e9 for own in turns for turn in own), default=0.0)


PLUGIN = LockCheck("fairness", "nobody starves", run, owners=4, needs=EXCLUDES, alone=True)
