"""Nobody starves: of owners that ask again and again, each gets its turns.

Jain's index is (sum x)^2 / (n sum x^2) of the turns of n owners: 1 if all got as many, 1/n if one got all (Jain, Chiu,
Hawe, "A Quantitative Measure of Fairness and Discrimination for Resource Allocation", DEC-TR-301, 1984).
"""

from collections.abc import Sequence

from leasebench.bench.lockchecks import EXCLUDES
from leasebench.bench.verify.calls import LockTurn
from leasebench.bench.verify.finding import LockFinding
from leasebench.bench.verify.lock_check import LockCheck
from leasebench.bench.verify.rig import Rig
from leasebench.leases.manager import LeaseManager
from leasebench.leases.traits import is_timed_by_waiters

SECONDS = 2.0
ROUNDS = 4
HOLD_MS = 2.0
TURNS = 3
"""Who gets fewer than that in all rounds starves; a round is added while there is somebody who has not got them."""


def refuses(manager: LeaseManager) -> str | None:
    """An election is no queue: its candidates look again after a share of the time to live only."""
    return "its waiters look again after a share of the time to live" if is_timed_by_waiters(manager) else None


def run(rig: Rig) -> LockFinding:
    """Race four owners with holds of 2 ms, and count."""
    turns: list[list[LockTurn]] = [[] for _ in rig.owners]
    resource, rounds = rig.fresh(), 0
    while rounds < ROUNDS and min(map(len, turns)) < TURNS:
        rounds += 1
        more = rig.race(resource, SECONDS, HOLD_MS)
        turns = [[*own, *new] for own, new in zip(turns, more, strict=True)]
    counts = [len(own) for own in turns]
    index, longest_ms = jain(counts), longest_wait_s(turns) * 1000
    over = f"in {rounds * SECONDS:g} s"
    rig.forget()
    for owner, count in zip(rig.owners, counts, strict=True):
        rig.note(owner.name, f"acquire() and release(), again and again {over}", f"{count:,} turns")
    told = f"{', '.join(f'{count:,}' for count in counts)} turns {over}, Jain's index {index:.2f}"
    if min(counts) < TURNS:
        return rig.defect(f"an owner starves: {told}", f"{index:.2f}")
    return rig.holds(f"{told}, longest wait {longest_ms:,.0f} ms", f"{index:.2f}")


def jain(counts: Sequence[int]) -> float:
    """Jain's index of fairness, 1/n to 1; 1 where nobody got anything."""
    squares = sum(count * count for count in counts)
    return sum(counts) ** 2 / (len(counts) * squares) if squares else 1.0


def longest_wait_s(turns: Sequence[Sequence[LockTurn]]) -> float:
    """The longest wait that ended with the lock, seconds."""
    return max(((turn.taken_ns - turn.asked_ns) / 1e9 for own in turns for turn in own), default=0.0)


PLUGIN = LockCheck("fairness", "nobody starves", run, owners=4, needs=EXCLUDES, alone=True, refuses=refuses)
