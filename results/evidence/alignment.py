"""The server's clock, which stamps the history, on the axis of the journals."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from leasebench.results.evidence.clocks import UNKNOWN_NS, Offset
from leasebench.results.evidence.columns import pieces
from leasebench.results.evidence.drift import DRIFT
from leasebench.results.evidence.events import Ints, Mask
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.journal import OWN, RowKind, RowOutcome


def offset_of_server(trial: Trial) -> Offset | None:
    """What to add to a store event's `t_us * 1000` to have it on the journal's axis; None if that can't be told.

    Every commit that was acknowledged stands in both: the server's stamp lies between the start and the end of the
    call. The median over all of them of the call's middle is right to half a call of the usual length, and to what
    is unsure of the callers' own clocks. Where the server's clock was stepped it holds for the larger part of the
    trial only.
    """
    events, journal = trial.events, trial.journal
    unsure_ns, clock = trial.compared.unsure_on_axis_ns, trial.compared.code
    acknowledged = trial.rows(RowKind.COMMIT, RowOutcome.DONE) & (unsure_ns < UNKNOWN_NS)[clock]
    committed, by = events.of("commit"), trial.process_enactor.astype(np.int16)
    rows, commits = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    for one in range(-1, len(events.enactors)):  # all at once would take a hundred bytes a commit
        asked, stored = np.flatnonzero(acknowledged & (by == one)), np.flatnonzero(committed & (events.enactor == one))
        attempt = journal["attempt"].to_numpy()[asked]
        _, ours, theirs = np.intersect1d(attempt, events.attempt[stored], return_indices=True)
        rows.append(asked[ours].astype(np.int32))
        commits.append(stored[theirs].astype(np.int32))
    row, commit = np.concatenate(rows), np.concatenate(commits)
    if not len(row):
        return None
    start_ns, end_ns, t_us = journal["start_ns"].to_numpy(), journal["end_ns"].to_numpy(), events.t_us
    middle, half = np.empty(len(row), np.int64), np.empty(len(row), np.int64)
    for part in pieces(len(row)):
        start, end = start_ns[row[part]], end_ns[row[part]]
        middle[part] = (start + end) // 2 - t_us[commit[part]] * 1000
        half[part] = (end - start) // 2 + unsure_ns[clock[row[part]]]
    value_ns, uncertainty_ns = (np.median(one, overwrite_input=True) for one in (middle, half))
    return Offset(int(value_ns), int(uncertainty_ns))


def offset_of_data(trial: Trial) -> Offset | None:
    """The same for the server of the data store behind the endpoints; None where there is none, or it can't be told.

    By what its clients did there: an event has the number that its client gave the call.
    """
    data, journal = trial.data, trial.journal
    if data is None or not len(data):
        return None
    number = {name: at for at, name in enumerate(dict.fromkeys(process.name for process in trial.processes))}
    kind, attempt = journal["kind"].to_numpy(), journal["attempt"].to_numpy()
    calls = np.isin(kind, (RowKind.ACQUIRE, RowKind.RENEW)) | ((kind >= OWN) & (attempt > 0))
    rows = np.flatnonzero(calls & (journal["outcome"].to_numpy() == RowOutcome.DONE))
    client = np.array([number[process.name] for process in trial.processes] or [-1], dtype=np.int64)
    believed = client[journal["process"].cat.codes.to_numpy()[rows]] << 48 | attempt[rows]
    names = np.array([*(number.get(name, -1) for name in data["enactor"].cat.categories), -1], dtype=np.int64)
    writer, numbered = names[data["enactor"].cat.codes.to_numpy()], data["attempt"].to_numpy()
    events = np.flatnonzero((writer >= 0) & (numbered > 0))
    _, ours, theirs = np.intersect1d(believed, writer[events] << 48 | numbered[events], return_indices=True)
    if not len(ours):
        return None
    start, end = (journal[name].to_numpy()[rows[ours]] for name in ("start_ns", "end_ns"))
    middle_ns = np.median((start + end) // 2 - data["t_us"].to_numpy()[events[theirs]] * 1000)
    return Offset(int(middle_ns), int(np.median((end - start) // 2)))


BLOCK = 64
"""Calls of which a server's offset is told together: few enough that it does not drift meanwhile."""
BLOCKS_AT_ONCE = 1 << 14
"""A million calls: of so many the columns are in memory."""
GRAIN_NS = 1_000
"""A server's stamp is in whole microseconds."""


@dataclass(frozen=True)
class OffsetOverTime:
    """For each call the server's offset in its neighbourhood, by how much that may be wrong, and whether it is known.

    Of n calls each has its stamp inside: its middle is at most half its length from the stamp. At least half of the
    middles are at or beyond their median, on either side, and so are at least half of the halves; so the median of the
    middles is right to the median half. This holds though less than half of the calls lie. Where neighbourhoods
    disagree the clock was stepped in between, and nothing is known of either.
    """

    value_ns: Ints
    unsure_ns: Ints
    known: Mask


@dataclass(frozen=True)
class OffsetByBlock:
    """The same, BLOCK calls at a time; the last block has what remains, too."""

    value_ns: Ints
    unsure_ns: Ints
    known: Mask

    def of(self, calls: slice) -> OffsetOverTime:
        """Those of some of the calls."""
        if not len(self.known):
            none = np.zeros(calls.stop - calls.start, dtype=np.int64)
            return OffsetOverTime(none, none, none > 0)
        block = np.minimum(np.arange(calls.start, calls.stop) // BLOCK, len(self.known) - 1)
        return OffsetOverTime(self.value_ns[block], self.unsure_ns[block], self.known[block])


def offset_by_block(calls: int, stamped: Callable[[slice], tuple[Ints, Ints, Ints, Ints]]) -> OffsetByBlock:
    """The offset of a server's clock along so many calls, which are in its order.

    Of a piece of them `stamped` gives the server's stamps (us), the starts and the ends (ns), and by how much these may
    be wrong (ns): never all are in memory.
    """
    blocks = calls // BLOCK
    value, halves, began, ended = (np.zeros(blocks, dtype=np.int64) for _ in range(4))
    for low in range(0, blocks, BLOCKS_AT_ONCE):
        part = slice(low, min(low + BLOCKS_AT_ONCE, blocks))
        here, whole = part.stop - part.start, (part.stop - part.start) * BLOCK
        until = part.stop * BLOCK if part.stop < blocks else calls
        t_us, start_ns, end_ns, unsure_ns = stamped(slice(low * BLOCK, until))
        middle = ((start_ns + end_ns) // 2 - t_us * 1000)[:whole]
        half = ((end_ns - start_ns) // 2 + unsure_ns)[:whole]
        first = np.arange(here) * BLOCK
        value[part] = np.median(middle.reshape(here, BLOCK), axis=1).astype(np.int64)
        # Of an even number the upper of the two in the middle: the lower one would be no bound.
        halves[part] = np.sort(half.reshape(here, BLOCK), axis=1)[:, BLOCK // 2]
        began[part] = np.minimum.reduceat(start_ns, first)
        ended[part] = np.maximum.reduceat(end_ns, first)
    unsure = halves + ((ended - began) * DRIFT).astype(np.int64) + GRAIN_NS
    apart = np.abs(np.diff(value)) > unsure[1:] + unsure[:-1] + (np.abs(np.diff(began)) * DRIFT).astype(np.int64)
    steady = np.ones(blocks, dtype=bool)
    steady[1:] &= ~apart
    steady[:-1] &= ~apart
    return OffsetByBlock(value, unsure, steady)
