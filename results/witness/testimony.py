"""All that the witness has to say of one cell of a trial."""

from collections.abc import Iterable

import numpy as np

from leasebench.results.evidence.trial import Trial
from leasebench.results.record.history import HISTORY
from leasebench.results.record.journal import JOURNAL, NO_ENDPOINT
from leasebench.results.record.names import DATA_FILE
from leasebench.results.record.witness import Cells, Discrepancy, WitnessRow
from leasebench.results.witness.answers import answers
from leasebench.results.witness.behind import behind
from leasebench.results.witness.calls import Calls
from leasebench.results.witness.counts import counted
from leasebench.results.witness.grants import grants
from leasebench.results.witness.mismatch import NONE, Comparison, Mismatch
from leasebench.results.witness.order import in_time
from leasebench.results.witness.reads import reads
from leasebench.results.witness.stamps import stamps


def witnessed(trial: Trial, *, repeats: bool = False, own_clock: bool = False) -> WitnessRow:
    """Hold a cell's journal against its history, O(n log n) in both.

    `repeats`: clients send calls again whose reply was lost (`client_retries`). `own_clock`: leases end by their
    owners' clocks.
    """
    calls = Calls.of(trial)
    held = Comparison()
    for part in (
        counted(calls, repeats=repeats),
        answers(calls, repeats=repeats),
        in_time(calls, repeats=repeats),
        reads(calls),
        grants(calls, own_clock=own_clock),
        stamps(calls),
    ):
        held.take(part)
    found = [_discrepancy(trial, mismatch, number) for mismatch, number in held.mismatches()]
    of_data = behind(trial)
    found += [_discrepancy(trial, mismatch, number, of_data=True) for mismatch, number in of_data.mismatches()]
    uncovered = held.uncovered + of_data.uncovered
    covered = held.covered + of_data.covered
    return WitnessRow(covered=covered, uncovered=dict(sorted(uncovered.items())), discrepancies=tuple(found))


def together(rows: Iterable[WitnessRow]) -> WitnessRow:
    """The cells of one trial added up."""
    parts = list(rows)
    reasons = sorted({reason for part in parts for reason in part.uncovered})
    return WitnessRow(
        covered=sum(part.covered for part in parts),
        uncovered={reason: sum(part.uncovered.get(reason, 0) for part in parts) for reason in reasons},
        discrepancies=tuple(one for part in parts for one in part.discrepancies),
    )


def _discrepancy(trial: Trial, mismatch: Mismatch, number: int, *, of_data: bool = False) -> Discrepancy:
    event = _data_row if of_data else _history_row
    return Discrepancy(
        name=mismatch.name,
        why=mismatch.why,
        cell=trial.cell,
        journal=None if mismatch.row == NONE else _journal_row(trial, mismatch.row),
        history=None if mismatch.event == NONE else event(trial, mismatch.event),
        more=number - 1,
    )


def _journal_row(trial: Trial, at: int) -> Cells:
    """The row as the file has it, by the names that it gives; numbers that say nothing are left out."""
    row = trial.journal.iloc[at]
    names = [column.name for column in JOURNAL if column.name in trial.journal and column.name not in _UNSAID]
    cells: Cells = {name: _plain(row[name]) for name in names}
    place = int(row["endpoint"])
    known = trial.events.endpoints
    cells["endpoint"] = known[place] if place < len(known) else "" if place == NO_ENDPOINT else "cell"
    return {name: value for name, value in cells.items() if value not in ("", 0) or name in _ALWAYS}


_UNSAID = frozenset({"clock", "cell", "kind", "reason", "service_ns", "due_ns", "endpoint"})
_ALWAYS = frozenset({"seen", "outcome", "end_ns"})


def _history_row(trial: Trial, at: int) -> Cells:
    """The event by the names of the file's columns; its token is a number in memory, and left out."""
    events = trial.events
    event = events.row(at)._asdict()
    seq = at if at <= events.last else at - events.last - 1
    written: Cells = {"seq": seq} | ({"node": "lease server"} if at > events.last else {})
    names = [column.name for column in HISTORY if column.name in event and column.name != "token"]
    return written | {name: event[name] for name in names if event[name] not in ("", None)}


def _data_row(trial: Trial, at: int) -> Cells:
    """The event of the data store as its file has it."""
    assert trial.data is not None
    event = trial.data.iloc[at]
    names = [column.name for column in HISTORY if column.name in event.index and column.name not in ("cell", "token")]
    written: Cells = {"file": DATA_FILE}
    return written | {name: _plain(event[name]) for name in names if event[name] not in ("", None, -1)}


def _plain(value: object) -> int | str:
    return int(value) if isinstance(value, int | np.integer) else str(value)
