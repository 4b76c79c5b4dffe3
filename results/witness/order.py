"""The order in time: each event stands where its client was asking for it, and no client's calls are mixed up.

Instants in the order of the history exist, each inside its call, if and only if no call ended before one began whose
event stands earlier (a history can be placed greedily: each event as early as those before it allow). So one pass with
the latest begin so far tells.
"""

from collections.abc import Callable, Iterator

import numpy as np

from leasebench.results.evidence.clocks import NEVER, UNKNOWN_NS, before
from leasebench.results.evidence.columns import pieces
from leasebench.results.evidence.events import Ints
from leasebench.results.witness.calls import Calls
from leasebench.results.witness.mismatch import NONE, Comparison

OUTSIDE = "outside its request"
MIXED_UP = "a client's calls mixed up"
LONG_AGO = np.iinfo(np.int64).min // 4
UNKNOWN_CLOCK = "calls by a clock that is not known on the common axis"


def in_time(calls: Calls, *, repeats: bool) -> Comparison:
    """Hold the order of the events of each server against begin and end of their calls.

    Where clients repeat a call by themselves, one of its copies may arrive after its answer.
    """
    held = Comparison()
    for at in _by_server(calls):
        if repeats:
            copies = np.bincount(calls.row_of_event[at], minlength=1)[calls.row_of_event[at]]
            at = at[copies == 1]  # noqa: PLW2901
        for branch in _branches(calls, at):
            _within_requests(calls, branch, held)
        _in_client_order(calls, at, held)
    return held


def _by_server(calls: Calls) -> Iterator[Ints]:
    """The events with a call, of the store and of a lease server of its own: no order is known between the two."""
    apart = calls.of_lease_server[calls.joined]
    yield calls.joined[~apart]
    yield calls.joined[apart]


def _branches(calls: Calls, at: Ints) -> Iterator[Ints]:
    """The events of one server in orders that are orders in time: all of them, or by branch where there are several.

    Up to a fork, and to the end, those that the server of that time had, or had had from one before that ended.
    """
    events = calls.trial.events
    first, behind = (0, events.last + 1) if len(at) and at[0] <= events.last else (events.last + 1, len(events))
    forks = [int(fork) for fork in events.forks if first <= fork < behind]
    for end in [*forks, behind]:
        here = at < end
        position = end
        for fork in reversed(forks):
            if fork < position:
                position = min(first + max(int(events.previous[fork]), 0), fork)
                here &= (at < position) | (at > fork)
        yield at[here]


def _within_requests(calls: Calls, at: Ints, held: Comparison) -> None:
    """By every pair of clocks: the latest begin by one of them so far must not be after an end by the other."""
    known = calls.by_known_clock[calls.row_of_event[at]]
    held.leave(UNKNOWN_CLOCK, int(np.count_nonzero(~known)))
    at = at[known]
    if not len(at):
        return
    clocks, start_ns = calls.trial.compared.code, calls.trial.journal["start_ns"].to_numpy()
    unsure_ns = calls.trial.compared.unsure_ns
    for one in np.flatnonzero(np.bincount(clocks[calls.row_of_event[at]])).tolist():
        latest_ns = LONG_AGO
        wrong: list[Ints] = []
        for part in pieces(len(at)):
            row = calls.row_of_event[at[part]]
            end = calls.ended_ns(row)
            begun = np.where(clocks[row] == one, start_ns[row], LONG_AGO)
            latest = np.maximum(np.maximum.accumulate(begun), latest_ns)
            latest_ns = latest[-1]
            surely, _ = before(end, latest, unsure_ns[clocks[row], one])
            found = np.flatnonzero(surely & (end < NEVER))
            if len(found) and not wrong:
                culprit = _first_begun(calls, at[: part.start + found[0] + 1], one, int(latest[found[0]]))
            wrong.append(at[part][found])
        events = np.concatenate(wrong)
        if len(events):
            why = f"its call had ended before that of event {_seq(calls, culprit)} began, which stands earlier"
            held.differ(OUTSIDE, why, calls.row_of_event[events], events)


def _first_begun(calls: Calls, at: Ints, clock: int, begun_ns: int) -> int:
    """The first of these events whose call began at an instant of a clock."""
    row = calls.row_of_event[at]
    begun = (calls.trial.journal["start_ns"].to_numpy()[row] == begun_ns) & (calls.trial.compared.code[row] == clock)
    return int(at[np.flatnonzero(begun)[0]])


def _in_client_order(calls: Calls, at: Ints, held: Comparison) -> None:
    """By the number of its calls: what a client asked for later stands later than what it was answered before."""
    process = calls.trial.journal["process"].cat.codes.to_numpy()[calls.row_of_event[at]]
    why = "a later call of the same client stands before an earlier one that was answered"
    for one in np.flatnonzero(np.bincount(process)).tolist():
        own = at[process == one]
        attempt = calls.trial.events.attempt[own]
        if np.any(attempt[1:] < attempt[:-1]):
            own = own[np.argsort(attempt, kind="stable")]
        row = calls.row_of_event[own]
        latest = np.maximum.accumulate(np.where(calls.answered[row], own, NONE))
        mixed = np.flatnonzero(latest[:-1] > own[1:]) + 1
        held.differ(MIXED_UP, why, row[mixed], own[mixed])


def _seq(calls: Calls, at: int) -> int:
    """The `seq` of an event: those of a lease server of its own count from 0 again."""
    last = calls.trial.events.last
    return at if at <= last else at - last - 1


def cuts_around(calls: Calls, rows: Ints) -> tuple[Ints, Ints]:
    """Return the earliest and the latest cut of the store's events at which what each row asked for can have happened.

    A cut `c` is after the first `c` events and before the others. By every clock: behind the last event whose call
    had ended before that row began, and before the first one whose call began after it had ended. How early the calls
    from an event on ended only grows with the event, and so does how late those up to it began: no sorting.
    """
    journal, compared = calls.trial.journal, calls.trial.compared
    begun, ended = journal["start_ns"].to_numpy()[rows], journal["end_ns"].to_numpy()[rows]
    own = compared.code[rows]
    first = np.zeros(len(rows), dtype=np.int64)
    last = np.full(len(rows), calls.trial.events.last + 1, dtype=np.int64)
    for one in np.flatnonzero(compared.unsure_on_axis_ns < UNKNOWN_NS).tolist():
        unsure_ns = compared.unsure_ns[own, one]
        ends = _instants(calls, one, calls.ended_ns, NEVER)[::-1]
        np.minimum.accumulate(ends, out=ends)
        first = np.maximum(first, np.searchsorted(ends[::-1], begun - unsure_ns, side="left"))
        del ends
        begins = _instants(calls, one, lambda row: journal["start_ns"].to_numpy()[row], LONG_AGO)
        np.maximum.accumulate(begins, out=begins)
        last = np.minimum(last, np.searchsorted(begins, ended + unsure_ns, side="right"))
    return first, last


def _instants(calls: Calls, clock: int, of_rows: Callable[[Ints], Ints], else_ns: int) -> Ints:
    """Per event of the store an instant of its call by that clock; `else_ns` where there is no such call."""
    instants = np.empty(calls.trial.events.last + 1, dtype=np.int64)
    for part in pieces(len(instants)):
        row = calls.row_of_event[part]
        theirs = (row != NONE) & (calls.trial.compared.code[row] == clock)
        instants[part] = np.where(theirs, of_rows(row), else_ns)
    return instants
