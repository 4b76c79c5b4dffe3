"""What the turns of several owners show: two at once, numbers out of order; and a race of two who share one client."""

from collections.abc import Sequence
from itertools import pairwise
from time import perf_counter_ns

from leasebench.bench.verify.calls import LockTurn
from leasebench.bench.verify.finding import LockFinding
from leasebench.bench.verify.owner import OwnerFailed
from leasebench.bench.verify.rig import FIRST_TURN_S, LONG_MS, Rig

SECONDS = 0.5
Turns = Sequence[Sequence[LockTurn]]
"""The turns of each owner, in their order."""
Pair = tuple[tuple[int, LockTurn], tuple[int, LockTurn]]
"""Two turns, each with the number of its owner, the earlier one first."""


def overlap(turns: Turns) -> Pair | None:
    """The first two holds that overlap: the later owner had the lock before the earlier one began to give it back.

    A hold is from the end of the acquire to the start of the release, by the clock of the host. One that may have
    outlived its time to live, on a machine that stood still, overlaps with nothing.
    """
    last: tuple[int, LockTurn] | None = None
    for number, turn in _in_order(turns):
        if last is not None and turn.taken_ns < last[1].given_ns and turn.taken_ns - last[1].asked_ns < LONG_MS * 5e5:
            return last, (number, turn)
        if last is None or turn.given_ns > last[1].given_ns:
            last = (number, turn)
    return None


def inversion(turns: Turns) -> Pair | None:
    """Two turns, one after the other, of which the later has a number that is not higher; None if there are none."""
    in_turn = pairwise(_in_order(turns))
    return next((pair for pair in in_turn if (pair[1][1].fence or 0) <= (pair[0][1].fence or 0)), None)


def shared(rig: Rig, order: str, who: str) -> LockFinding:
    """Let two race with one client: by `order`, see `owner_process`."""
    resource = rig.fresh()
    start_ns = perf_counter_ns() + int(FIRST_TURN_S * 1e9)
    try:
        turns = rig.owners[0].order(order, (resource, rig.raced_ms, start_ns, SECONDS), within_s=SECONDS + 30.0)
    except OwnerFailed as failed:
        rig.note("A", f"acquire() and release(), by {who}", str(failed))
        return rig.defect(f"{who}: {failed}", "fails")
    found = overlap(turns)
    if found is not None:
        rig.forget()
        for number, turn in found:
            rig.show_turn(f"A{number + 1}", turn)
        return rig.defect(f"{who} had it at once", "two at once")
    if min(map(len, turns)) == 0:
        return rig.cant_tell(f"{who}: one of them never got the lock")
    return rig.holds(f"{who}: {sum(map(len, turns)):,} turns, never two at once")


def _in_order(turns: Turns) -> list[tuple[int, LockTurn]]:
    every = [(number, turn) for number, own in enumerate(turns) for turn in own]
    return sorted(every, key=lambda one: one[1].taken_ns)
