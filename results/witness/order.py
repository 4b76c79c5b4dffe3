"""The order in time: each event stands where its client was asking for it, and no client's calls are mixed up.

Instants in the order of the history exist, each inside its call, if and only if no call ended before one began whose
event stands earlier (a history can be placed greedily: each event as early as those before it allow). So one pass with
the latest begin so far tells.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from leasebench.results.evidence.clocks import NEVER, before
from leasebench.results.evidence.events import Ints
from leasebench.results.witness.calls import Calls
from leasebench.results.witness.mismatch import Comparison

OUTSIDE = "outside its request"
MIXED_UP = "a client's calls mixed up"
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
    row = calls.row_of_event[at]
    start, end = calls.trial.journal["start_ns"].to_numpy()[row], calls.ended_ns[row]
    clock, unsure_ns = calls.trial.compared.code[row], calls.trial.compared.unsure_ns
    for one in np.unique(clock).tolist():
        begun = np.where(clock == one, start, np.iinfo(np.int64).min // 4)
        latest = np.maximum.accumulate(begun)
        ended = np.flatnonzero(end < NEVER)
        surely, _ = before(end[ended], latest[ended], unsure_ns[clock[ended], one])
        for wrong in ended[surely][:1].tolist():
            culprit = int(np.flatnonzero(begun[: wrong + 1] == latest[wrong])[0])
            why = f"its call had ended before that of event {_seq(calls, int(at[culprit]))} began, which stands earlier"
            held.differ(OUTSIDE, why, row[ended[surely]], at[ended[surely]])


def _in_client_order(calls: Calls, at: Ints, held: Comparison) -> None:
    """By the number of its calls: what a client asked for later stands later than what it was answered before."""
    row, attempt = calls.row_of_event[at], calls.trial.events.attempt[at]
    process = calls.trial.journal["process"].cat.codes.to_numpy()[row].astype(np.int64)
    order = np.lexsort((attempt, process))
    # Process and place as one number, so that one running maximum serves all: it begins anew with each process.
    base = process[order] * (len(calls.trial.events) + 1)
    latest = np.maximum.accumulate(base + np.where(calls.answered[row], at + 1, 0)[order])
    earlier = np.concatenate(([0], latest))[: len(latest)] - base - 1
    mixed = order[np.flatnonzero(earlier > at[order])]
    why = "a later call of the same client stands before an earlier one that was answered"
    held.differ(MIXED_UP, why, row[mixed], at[mixed])


def _seq(calls: Calls, at: int) -> int:
    """The `seq` of an event: those of a lease server of its own count from 0 again."""
    last = calls.trial.events.last
    return at if at <= last else at - last - 1


@dataclass(frozen=True)
class Cuts:
    """Between which events of the store something happened, by what is known of those that came before and after.

    A cut `c` is after the first `c` events and before the others.
    """

    calls: Calls

    @cached_property
    def _bounds(self) -> tuple[Ints, Ints, Ints, Ints]:
        """Position, begin, end and clock of the store's events with a call by a known clock."""
        at = next(_by_server(self.calls))
        row = self.calls.row_of_event[at]
        known = self.calls.by_known_clock[row]
        at, row = at[known], row[known]
        start = self.calls.trial.journal["start_ns"].to_numpy()[row]
        return at, start, self.calls.ended_ns[row], self.calls.trial.compared.code[row]

    def around(self, rows: Ints) -> tuple[Ints, Ints]:
        """The earliest and the latest cut at which what each of these rows asked for can have happened."""
        at, start, end, clock = self._bounds
        journal = self.calls.trial.journal
        begun, ended = journal["start_ns"].to_numpy()[rows], journal["end_ns"].to_numpy()[rows]
        own, unsure_ns = self.calls.trial.compared.code[rows], self.calls.trial.compared.unsure_ns
        first = np.zeros(len(rows), dtype=np.int64)
        last = np.full(len(rows), self.calls.trial.events.last + 1, dtype=np.int64)
        for one in np.unique(clock).tolist():
            theirs = clock == one
            unsure = unsure_ns[own, one] if len(rows) else own
            ended_before = theirs & (end < NEVER)
            order = np.argsort(end[ended_before], kind="stable")
            done = np.maximum.accumulate(at[ended_before][order]) if np.any(ended_before) else at[:0]
            number = np.searchsorted(end[ended_before][order], begun - unsure, side="left")
            first = np.maximum(first, np.where(number > 0, done[number - 1] + 1, 0) if len(done) else 0)
            order = np.argsort(start[theirs], kind="stable")
            later = np.minimum.accumulate(at[theirs][order][::-1])[::-1]
            number = np.searchsorted(start[theirs][order], ended + unsure, side="right")
            there = number < len(later)
            last = np.minimum(last, np.where(there, later[np.minimum(number, len(later) - 1)], last))
        return first, last
