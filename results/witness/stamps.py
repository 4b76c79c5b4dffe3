"""Each event bears a time at which its client was asking for it, by what is known of the server's clock."""

import numpy as np

from leasebench.results.evidence.alignment import offset_by_block
from leasebench.results.evidence.clocks import before
from leasebench.results.evidence.columns import pieces
from leasebench.results.evidence.events import Ints, Mask
from leasebench.results.witness.calls import Calls
from leasebench.results.witness.mismatch import Comparison

STAMPED = "stamped outside its request"
ASTRAY_NS = 1_000_000
"""So far a server's clock may be off for a moment, and nobody tells: on a virtual machine stamps were seen to go astray
by 0.3 ms for a millisecond, in one of 795 trials. The harness's pulse notes steps of 5 ms."""
UNTOLD = "stamps of a server whose clock can't be told: stepped, or too few calls"


def stamps(calls: Calls) -> Comparison:
    """Hold the stamps of answered calls against begin and end of these, server by server."""
    held = Comparison()
    apart = calls.of_lease_server[calls.joined]
    for at in (calls.joined[~apart], calls.joined[apart]):
        row = calls.row_of_event[at]
        usable = calls.answered[row] & calls.by_known_clock[row]
        _of_server(calls, at[usable], held)
    return held


def _of_server(calls: Calls, at: Ints, held: Comparison) -> None:
    journal, compared = calls.trial.journal, calls.trial.compared
    clocks, unsure_ns = compared.code, compared.unsure_on_axis_ns

    def stamped(part: slice) -> tuple[Ints, Ints, Ints, Ints]:
        row = calls.row_of_event[at[part]]
        start, end = journal["start_ns"].to_numpy()[row], journal["end_ns"].to_numpy()[row]
        return calls.trial.events.t_us[at[part]], start, end, unsure_ns[clocks[row]]

    offsets = offset_by_block(len(at), stamped)
    known, outside = np.zeros(len(at), dtype=bool), np.zeros(len(at), dtype=bool)
    for part in pieces(len(at)):
        t_us, start, end, unsure = stamped(part)
        offset = offsets.of(part)
        stamp = t_us * 1000 + offset.value_ns
        unsure = unsure + offset.unsure_ns + ASTRAY_NS
        early, _ = before(stamp, start, unsure)
        late, _ = before(end, stamp, unsure)
        known[part] = offset.known & (calls.trial.facts.stepped_clocks == ())
        outside[part] = known[part] & (early | late)
    held.leave(UNTOLD, int(np.count_nonzero(~known)))
    wrong = at[_between(outside, known)]
    why = "the server's time of it is not within the request, though that of those before and after it is"
    held.differ(STAMPED, why, calls.row_of_event[wrong], wrong)


def _between(wrong: Mask, known: Mask) -> Mask:
    """Those that stand between right ones: where all go wrong up to an end, the clock was stepped."""
    right = np.flatnonzero(known & ~wrong)
    if not len(right):
        return wrong & False
    between = wrong.copy()
    between[: right[0]] = between[right[-1] :] = False
    return between
