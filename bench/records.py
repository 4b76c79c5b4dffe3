"""What a trial leaves on disk: its history, its journals, its latencies and what its faults did."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from leasebench.bench.environment import processes_at
from leasebench.bench.faults.fault import Fault, FaultReport
from leasebench.bench.rundir import write_json
from leasebench.bench.servers.node import Node
from leasebench.bench.trialplan import TrialPlan
from leasebench.enactors.store.store import CellAddress, Store
from leasebench.leases.errors import ServerError
from leasebench.results.evidence.history import HistoryWriter, write_journal
from leasebench.results.evidence.journal import HEADER_BYTES, Journal
from leasebench.results.evidence.trial import Trial, processes_of, read_trial_journal, read_trials
from leasebench.results.latency.histograms import histogram, tag, write_hlog
from leasebench.results.latency.phases import phase_samples
from leasebench.results.record.faults import FAULTS_FILE, HARNESS, FaultRow
from leasebench.results.record.history import LEASE_NODE, STORE_NODE
from leasebench.results.record.journal import JOURNAL_FILE, RowKind, RowOutcome
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
            write_journal(folder / JOURNAL_FILE, begun)
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


def write_derived(plan: TrialPlan, folder: Path, facts: TrialFacts) -> None:
    """Write `latency.hlog` and `faults.json` from the journal and history that were just written."""
    journal = read_trial_journal(folder) if (folder / JOURNAL_FILE).exists() else None
    if journal is not None and facts.history:
        _write_latency(plan, folder, facts, read_trials(folder, journal))
    faults = plan.scenario.parsed_faults
    write_json(folder / FAULTS_FILE, fault_rows(plan, journal.rows) if journal is not None and faults else [])


def _write_latency(plan: TrialPlan, folder: Path, facts: TrialFacts, trials: Iterable[Trial]) -> None:
    pooled: dict[tuple[str, str], list[Any]] = {}
    for trial in trials:
        for key, values in phase_samples(trial).items():
            pooled.setdefault(key, []).append(values)
    names = (plan.guard.name, plan.scenario.name)
    histograms = {tag(*names, phase, side): histogram(np.concatenate(parts)) for (phase, side), parts in pooled.items()}
    lasted = (facts.end_ns - facts.start_ns) / 1e9 if facts.end_ns else 0.0
    began = facts.began or 0.0
    write_hlog(folder / "latency.hlog", histograms, began, began + lasted)


def fault_rows(plan: TrialPlan, journal: pd.DataFrame) -> list[FaultRow]:
    """What the faults did, from the journal: when, for how long, and whether it hit."""
    reported: pd.DataFrame = journal[journal["kind"].isin([int(kind) for kind in ACTIONS])]
    cells = [cell.name for cell in plan.cells]
    processes = processes_of(journal)
    by = reported["process"].cat.codes
    return [
        fault_row(
            plan.scenario.parsed_faults[row["attempt"]],
            row,
            replace(processes[code], cell=row["cell"]),
            cells,
            plan.ttl_ms,
        )
        for row, code in zip(reported.to_dict("records"), by, strict=True)
    ]


def fault_row(fault: Fault, row: Mapping[Any, Any], process: Process, cells: Sequence[str], ttl_ms: int) -> FaultRow:
    """One row of `faults.json`, from `process`'s journal of what the fault did; the fault says whom it hit and how."""
    asked_ms, lasted_ns = row["seen"] / 1000, max(0, row["end_ns"] - row["start_ns"])
    report = FaultReport(asked_ms, lasted_ns / 1e6, row["outcome"] == RowOutcome.DONE, ttl_ms)
    from_outside = process == Process(HARNESS)
    targets = processes_at(fault.programs, cells) if from_outside else [replace(process.whole, life=0)]
    return FaultRow(
        fault=fault.name,
        number=row["attempt"],
        colour=fault.colour,
        process=str(process),
        targets=tuple(targets),
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
