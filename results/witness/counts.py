"""How often each call stands in the history: an acknowledged one once, a refused one never, no other one at all."""

import numpy as np

from leasebench.results.evidence.events import Ints, Mask
from leasebench.results.record.journal import RowOutcome
from leasebench.results.witness.calls import BY_OTHERS, NO_EFFECT, OF_LEASES, Calls, is_own_step
from leasebench.results.witness.mismatch import NONE, Comparison

ABSENT = "acknowledged and absent"
REFUSED_DONE = "refused and done"
TWICE = "done twice"
UNASKED = "nobody asked for it"
REPEATED = "calls of clients that repeat them by themselves (client_retries)"
NO_ANSWER = "calls that were never answered: they may be there or not"
FORGOTTEN = "acknowledged calls, and the history of a server that came back does not have them"
OWN_STEP = "events of a step that another package brings"


def counted(calls: Calls, *, repeats: bool) -> Comparison:
    """Count the events of each call; `repeats`: clients send a call again whose reply was lost."""
    held = Comparison()
    _of_enactors(calls, held, repeats=repeats)
    _of_others(calls, held, repeats=repeats)
    if not repeats:
        _unasked(calls, held)
    return held


def _of_enactors(calls: Calls, held: Comparison, *, repeats: bool) -> None:
    journal = calls.trial.journal
    rows = np.flatnonzero(
        calls.numbered & (calls.effect_of_row != NO_EFFECT) & ~np.isin(calls.effect_of_row, BY_OTHERS)
    )
    effect = calls.effect_of_call
    done = (effect != NO_EFFECT) & (effect == calls.effect_of_event)
    times = calls.times(done)[rows]
    outcome = journal["outcome"].to_numpy()[rows]
    acknowledged, refused = outcome == RowOutcome.DONE, np.isin(outcome, (RowOutcome.REFUSED, RowOutcome.NOTHING))
    absent = acknowledged & (times == 0)
    kinds = calls.effect_of_row[rows]
    forgiven = absent & np.where(np.isin(kinds, OF_LEASES), calls.leases_forgot, calls.store_forgot)
    held.leave(FORGOTTEN, int(np.count_nonzero(forgiven)))
    missing = rows[absent & ~forgiven]
    held.differ(ABSENT, "a call was acknowledged, and no event bears its number", missing, NONE)
    held.leave(NO_ANSWER, int(np.count_nonzero(~acknowledged & ~refused)))
    held.covered += len(rows) - int(np.count_nonzero(forgiven | (~acknowledged & ~refused)))
    if repeats:
        held.leave(REPEATED, int(np.count_nonzero(refused & (times > 0)) + np.count_nonzero(times > 1)))
        return
    wrong = rows[refused & (times > 0)]
    held.differ(REFUSED_DONE, "its client was told no, and it was done", wrong, _event_of(calls, wrong, done, 0))
    again = rows[~refused & (times > 1)]
    held.differ(TWICE, "one call was done more than once", again, _event_of(calls, again, done, 1))


def _event_of(calls: Calls, rows: Ints, done: Mask, number: int) -> Ints:
    """For each row the event of that number, from 0, among the `done` ones that it left."""
    if not len(rows):
        return rows
    events = np.flatnonzero(done)
    by = calls.row_of_event[events]
    order = np.argsort(by, kind="stable")
    found: Ints = events[order][np.searchsorted(by[order], rows) + number]
    return found


def _of_others(calls: Calls, held: Comparison, *, repeats: bool) -> None:
    """Publications and repairs, by what they are about: so many were acknowledged, so many may have been done."""
    if calls.store_forgot:
        return  # a plan that was lost may be published again under its number
    rows, at, asked, there = calls.by_others
    outcome = calls.trial.journal["outcome"].to_numpy()[rows]
    done, refused = outcome == RowOutcome.DONE, np.isin(outcome, (RowOutcome.REFUSED, RowOutcome.NOTHING))
    things = len(rows) + len(at)
    acknowledged, possible, wanted = (
        np.bincount(asked[which], minlength=things) for which in (done, ~refused, slice(None))
    )
    found = np.bincount(there, minlength=things)
    held.covered += int(np.count_nonzero(done))
    held.leave(NO_ANSWER, int(np.count_nonzero(~done & ~refused)))
    missing = rows[done & (found < acknowledged)[asked]]
    held.differ(ABSENT, "a call was acknowledged, and no event is about it", missing, NONE)
    if repeats:
        return
    more = found > possible
    by = np.full(things, NONE, dtype=np.int64)
    by[asked] = rows
    unasked, known = more & (wanted == 0), more & (wanted > 0)
    nothing_done = known & (possible == 0)
    held.differ(UNASKED, "no client ever asked for this", NONE, at[unasked[there]])
    for name, why, which in (
        (REFUSED_DONE, "its client was told no, and it was done", nothing_done),
        (TWICE, "it was done more often than it was asked", known & ~nothing_done),
    ):
        events = at[which[there]]
        held.differ(name, why, by[there[which[there]]], events)


def _unasked(calls: Calls, held: Comparison) -> None:
    """Events in the name of an enactor that bear the number of none of its calls, or of one for another thing."""
    events = calls.trial.events
    named = (events.enactor >= 0) & ~calls.restarts
    nobody = named & (calls.row_of_event == NONE)
    held.differ(UNASKED, "no call of its client bears this number", NONE, np.flatnonzero(nobody))
    joined = calls.row_of_event != NONE
    if not np.any(joined):
        return
    own = joined & is_own_step(calls.trial)[calls.row_of_event]
    held.leave(OWN_STEP, int(np.count_nonzero(own)))
    effect = calls.effect_of_event
    other = joined & (effect != NO_EFFECT) & (effect != calls.effect_of_call) & ~own
    at = np.flatnonzero(other)
    held.differ(UNASKED, "its client's call of this number asked for something else", calls.row_of_event[at], at)
