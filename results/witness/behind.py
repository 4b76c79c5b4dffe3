"""What the clients of a data store behind an endpoint saw of it, held against its history, `data.parquet`.

Its events are known by client and number of the call, as those of a store are; what a stored procedure's event means is
known to its kind alone. So it is held: an acknowledged call left an event, a lease that was refused left no grant, a
lease's call stands there as what it was, every event was asked for, and none stands where its call was not under way.
One call may leave several events: a request that renews many leases does.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from leasebench.results.evidence.events import Ints, Mask
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.history import LEASE_NODE
from leasebench.results.record.journal import OWN, RowKind, RowOutcome
from leasebench.results.witness.calls import CALL_BITS, EFFECTS, NO_CALLS, OF_LEASES, ended_ns, rows_by_call
from leasebench.results.witness.counts import ABSENT, NO_ANSWER, REFUSED_DONE, UNASKED
from leasebench.results.witness.mismatch import NONE, Comparison
from leasebench.results.witness.order import OUTSIDE

MAY_BE_LOST = "events of a data store that a fault was to hit: what stood there may be gone"
SEVERAL_CLOCKS = "events of a data store whose clients have several clocks"


@dataclass(frozen=True)
class DataCalls:
    """The events of one cell's data store, and per event the journal row of the call whose number it bears."""

    trial: Trial
    data: pd.DataFrame

    @cached_property
    def row_of_event(self) -> Ints:
        """NONE where no call of its client has that number."""
        journal = self.trial.journal
        places = [process.name for process in self.trial.processes]
        known = {name: code for code, name in enumerate(dict.fromkeys(places))}
        place = np.array([known[name] for name in places] or [-1], dtype=np.int64)
        process = place[journal["process"].cat.codes.to_numpy()]
        client = self.data["enactor"].map(known).fillna(-1).to_numpy().astype(np.int64)
        attempt = journal["attempt"].to_numpy()
        numbered = self.of_process & (attempt > 0) & (attempt < 1 << CALL_BITS)
        return rows_by_call(np.flatnonzero(numbered), process, attempt, client, self.data["attempt"].to_numpy())

    @cached_property
    def of_process(self) -> Mask:
        """The journal rows of processes that work on the data store: those whose names stand in its history."""
        names = set(self.data["enactor"].cat.categories) - {""}
        theirs = np.array([process.name in names for process in self.trial.processes] or [False])
        mask: Mask = theirs[self.trial.journal["process"].cat.codes.to_numpy()]
        return mask & ~np.isin(self.trial.journal["kind"].to_numpy(), NO_CALLS)


def behind(trial: Trial) -> Comparison:
    """Hold the journal of the clients of a data store against its history; nothing where there is none."""
    held = Comparison()
    data = trial.data
    if data is None or not len(data):
        return held
    if "lease" in trial.facts.hit_servers or bool(np.any(data["node"] == LEASE_NODE)):
        held.leave(MAY_BE_LOST, len(data))
        return held
    calls = DataCalls(trial, data)
    _counted(calls, held)
    _in_time(calls, held)
    return held


def _counted(calls: DataCalls, held: Comparison) -> None:
    journal, row = calls.trial.journal, calls.row_of_event
    kind, outcome = journal["kind"].to_numpy(), journal["outcome"].to_numpy()
    there = np.bincount(row[row != NONE], minlength=len(journal)) > 0
    nobody = calls.data["enactor"].isin(["", "harness"]).to_numpy()
    held.differ(UNASKED, "no call of its client bears this number", NONE, np.flatnonzero((row == NONE) & ~nobody))
    of_leases = calls.of_process & np.isin(kind, OF_LEASES)
    own = calls.of_process & (kind >= OWN) & np.isin(kind, np.unique(kind[row[row != NONE]]))
    done = outcome == RowOutcome.DONE
    held.covered += int(np.count_nonzero((of_leases | own) & done))
    held.leave(NO_ANSWER, int(np.count_nonzero((of_leases | own) & (outcome == RowOutcome.UNKNOWN))))
    absent = np.flatnonzero(of_leases & done & ~there)
    held.differ(ABSENT, "a call was acknowledged, and no event of the data store bears its number", absent, NONE)
    events = calls.data["kind"].to_numpy().astype(str)
    for asked in OF_LEASES:
        mine = np.flatnonzero((row != NONE) & np.isin(events, EFFECTS[asked]))
        by = row[mine]
        other = mine[kind[by] != asked]
        held.differ(UNASKED, "its client's call of this number asked for something else", row[other], other)
        told_no = mine[(kind[by] == asked) & np.isin(outcome[by], (RowOutcome.REFUSED, RowOutcome.NOTHING))]
        if asked is RowKind.ACQUIRE:
            held.differ(REFUSED_DONE, "its client was told no, and it was done", row[told_no], told_no)


def _in_time(calls: DataCalls, held: Comparison) -> None:
    """No call had ended before one began whose event stands earlier."""
    at = np.flatnonzero(calls.row_of_event != NONE)
    row = calls.row_of_event[at]
    if not len(at):
        return
    if calls.trial.compared.widest_ns:
        held.leave(SEVERAL_CLOCKS, len(at))
        return
    journal = calls.trial.journal
    start = journal["start_ns"].to_numpy()[row]
    end = ended_ns(calls.trial)[row]
    latest = np.maximum.accumulate(start)
    wrong = np.flatnonzero(end < latest)
    for first in wrong[:1].tolist():
        culprit = int(np.argmax(start[: first + 1]))
        why = f"its call had ended before that of event {int(at[culprit])} began, which stands earlier"
        held.differ(OUTSIDE, why, row[wrong], at[wrong])
