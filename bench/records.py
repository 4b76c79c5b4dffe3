"""What a trial leaves on disk: its history, its journals, its latencies and what its faults did."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from leasebench.bench.faults.fault import Fault, FaultReport
from leasebench.bench.servers.node import Node
from leasebench.bench.trialplan import TrialPlan
from leasebench.enactors.kind import processes_of
from leasebench.enactors.store.store import CellAddress, Store
from leasebench.leases.errors import ServerError
from leasebench.results.evidence.clocks import clocks_of_trial
from leasebench.results.evidence.history import LEASE_NODE, STORE_NODE, HistoryWriter, read_journal, write_journal
from leasebench.results.evidence.journal import HEADER_BYTES, Journal, RowKind, RowOutcome
from leasebench.results.evidence.trial import read_trials
from leasebench.results.latency.histograms import histogram, tag, write_hlog
from leasebench.results.latency.phases import phase_samples
from leasebench.results.record.faults import HARNESS, FaultRow
from leasebench.results.record.process import Process
from leasebench.results.record.trial import TrialFacts

DRAIN_ABOVE = 1_000_000
READ_BLOCK = 5_000
"""Events per request once the load is over and nobody is disturbed."""
ACTIONS = {RowKind.PAUSE: "pause", RowKind.DELAY: "delay", RowKind.KILL: "kill", RowKind.FAULT: "fault"}
"""What a fault did, as the journal has it; `fault` is anything but a stop of the process that journals it."""


@dataclass(frozen=True, slots=True)
class CellRecords:
    """Where the history of one cell is: in its store, or with servers of the trial's own, which record it."""

    address: CellAddress
    store: Store
    store_node: Node | None
    lease_node: Node | None


class Drainer:
    """Keeps the history streams bounded: above DRAIN_ABOVE events it moves the oldest to the file, in small blocks.

    Each drain is marked in the harness's journal, since it is the one thing that we ask of the server meanwhile.
    """

    def __init__(self, cells: Sequence[CellRecords], history: HistoryWriter, journal: Journal) -> None:
        self._cells = [records for records in cells if records.store_node is None]
        self._history, self._journal = history, journal
        self._asked_at = 0

    def relieve(self, commits: int) -> None:
        """Drain if a stream may be too long; `commits` says when it is worth asking."""
        if commits - self._asked_at < DRAIN_ABOVE // 10:
            return
        self._asked_at = commits
        for records in self._cells:
            excess = records.store.events_waiting() - DRAIN_ABOVE
            if excess > 0:
                self._drain(records, excess)

    def _drain(self, records: CellRecords, excess: int) -> None:
        begin = time.perf_counter_ns()
        self._journal.begin(RowKind.DRAIN, begin, 0, 0, 0, 0, 0)
        before = self._history.count
        for lines in records.store.drain(excess):
            self._history.append(lines, records.address.cell, STORE_NODE)
        end = time.perf_counter_ns()
        self._journal.end(end, end - begin, self._history.count - before, 0, RowOutcome.DONE, 0)


def finish_records(folder: Path, cells: Sequence[CellRecords], history: HistoryWriter) -> bool:
    """Bring the journals and the history, as far as it can still be had, into their files; remove the keys.

    Returns whether there was anything to keep. Raises ServerError if events are missing.
    """
    begun: list[Path] = []
    try:
        raw = sorted(folder.glob("*.journal"))
        begun = [path for path in raw if path.stat().st_size >= HEADER_BYTES]  # not so on a full disk
        if begun:
            write_journal(folder / "journal.parquet", begun)
        for path in raw:
            path.unlink()
        for records in cells:
            _gather(records, history)
    finally:
        for records in cells:
            if records.store_node is None:
                records.store.remove_all()
            records.store.close()
    return bool(begun)


def _gather(records: CellRecords, history: HistoryWriter) -> None:
    """Write all that is known of one cell: the store's events, then those of a lease server of its own."""
    store = records.store
    if records.store_node is not None:
        history.append(records.store_node.history_lines(records.address), records.address.cell, STORE_NODE)
    else:
        for lines in _blocks(store.history_lines(READ_BLOCK)):
            history.append(lines, records.address.cell, STORE_NODE)
        expected, written = store.events_ever(), history.count_of(records.address.cell, STORE_NODE)
        if expected not in (-1, written):
            raise ServerError(f"{expected} events were appended to the history, {written} could be read")
    if records.lease_node is not None:
        history.append(records.lease_node.history_lines(records.address), records.address.cell, LEASE_NODE)


def _blocks(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    block: list[bytes] = []
    for line in lines:
        block.append(line)
        if len(block) >= DRAIN_ABOVE:
            yield block
            block = []
    yield block


def write_latency(plan: TrialPlan, folder: Path, facts: TrialFacts) -> None:
    """Write `latency.hlog` from the journal and history that were just written."""
    if not facts.history:
        return
    pooled: dict[tuple[str, str], list[Any]] = {}
    for trial in read_trials(folder):
        for key, values in phase_samples(trial).items():
            pooled.setdefault(key, []).append(values)
    names = (plan.guard.name, plan.scenario.name)
    histograms = {tag(*names, phase, side): histogram(np.concatenate(parts)) for (phase, side), parts in pooled.items()}
    lasted = (facts.end_ns - facts.start_ns) / 1e9 if facts.end_ns else 0.0
    began = facts.began or 0.0
    write_hlog(folder / "latency.hlog", histograms, began, began + lasted)


def fault_log(plan: TrialPlan, folder: Path) -> list[FaultRow]:
    """What the faults did, from the journal: when, for how long, and whether it hit."""
    path = folder / "journal.parquet"
    if not path.exists() or not plan.scenario.parsed_faults:
        return []
    journal = clocks_of_trial(folder).on_axis(read_journal(path))
    reported: pd.DataFrame = journal[journal["kind"].isin([int(kind) for kind in ACTIONS])]
    cells = [cell.name for cell in plan.cells]
    return [
        fault_row(plan.scenario.parsed_faults[row["attempt"]], row, cells, plan.ttl_ms)
        for row in reported.to_dict("records")
    ]


def fault_row(fault: Fault, row: Mapping[Any, Any], cells: Sequence[str], ttl_ms: int) -> FaultRow:
    """One row of `faults.json`, from the journal's row of what the fault did; the fault says whom it hit and how."""
    asked_ms, lasted_ns = row["seen"] / 1000, max(0, row["end_ns"] - row["start_ns"])
    report = FaultReport(asked_ms, lasted_ns / 1e6, row["outcome"] == RowOutcome.DONE, ttl_ms)
    process = replace(Process.parse(row["process"]), cell=row["cell"])
    from_outside = row["process"] == HARNESS
    targets = processes_of(fault.programs, cells) if from_outside else [process.place]
    return FaultRow(
        fault=fault.name,
        number=row["attempt"],
        colour=fault.colour,
        process=str(process),
        targets=tuple(map(Process.parse, targets)),
        server=fault.hit_server if from_outside else None,
        tells=fault.tell(report),
        instant=fault.instant,
        action=ACTIONS[row["kind"]],
        start_ns=row["start_ns"],
        end_ns=row["end_ns"] or None,
        asked_ms=asked_ms,
        lasted_ms=round(lasted_ns / 1e6, 3),
        hit=fault.hit(report),
    )
