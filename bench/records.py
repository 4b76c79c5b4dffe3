"""What a trial leaves on disk: its history, its journals, its latencies and what its faults did."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from leasebench.bench.environment import processes_at
from leasebench.bench.faults.fault import Fault, FaultReport
from leasebench.bench.rundir import write_json
from leasebench.bench.servers.trial_node import TrialNode
from leasebench.bench.trialplan import TrialPlan
from leasebench.enactors.store.store import CellAddress, Store
from leasebench.leases.errors import ServerError
from leasebench.results.evidence.columns import JournalRows
from leasebench.results.evidence.history import HistoryWriter
from leasebench.results.evidence.journal import HEADER_BYTES, Journal
from leasebench.results.evidence.journal_table import write_journal
from leasebench.results.evidence.trial import Trial, processes_of, read_trial_journal, read_trials
from leasebench.results.latency.histograms import histogram, tag, write_hlog
from leasebench.results.latency.phases import phase_samples
from leasebench.results.record.faults import HARNESS, FaultRow, overran
from leasebench.results.record.journal import RowKind, RowOutcome
from leasebench.results.record.names import FAULTS_FILE, JOURNAL_FILE, LATENCY_FILE
from leasebench.results.record.process import Process
from leasebench.results.record.trial import TrialFacts

ASK_EVERY_S = 1.0
"""The length of a stream is asked for so often: even 50,000 events a second add little to what may wait by then."""
WRITE_BLOCK = 50_000
"""How many drained events are gathered before they are written: what a second brings, or some megabytes."""
MOST_IN_A_BLOCK = 1_000_000
"""Events that are written at a time once the load is over."""
READ_BLOCK = 5_000
"""Events per request once the load is over and nobody is disturbed."""
ACTIONS = {RowKind.PAUSE: "pause", RowKind.DELAY: "delay", RowKind.KILL: "kill", RowKind.FAULT: "fault"}
"""What a fault did, as the journal has it; `fault` is anything but a stop of the process that journals it."""


@dataclass(frozen=True, slots=True)
class HistoryStream:
    """One history stream of a cell, and the file that it goes into.

    With a `node`, a server of the trial's own records it; `store` is None where nobody else speaks with that stream.
    """

    cell: str
    address: CellAddress
    store: Store | None
    node: TrialNode | None
    node_name: str
    file: HistoryWriter

    def write(self, lines: Sequence[bytes]) -> None:
        """Append lines of the stream to its file."""
        self.file.append(lines, self.cell, self.node_name)

    @property
    def written(self) -> int:
        """How many of its events are in the file."""
        return self.file.count_of(self.cell, self.node_name)


class Drainer:
    """Keeps the history streams bounded: what comes above `waiting` events of a cell is moved to the file.

    Each drain is marked in the harness's journal, since it is the one thing that we ask of the server meanwhile.
    """

    def __init__(self, streams: Sequence[HistoryStream], journal: Journal, waiting: int) -> None:
        self._streams = [(stream, stream.store) for stream in streams if stream.node is None]
        self._journal, self._waiting = journal, waiting
        self._at_least = min(waiting, WRITE_BLOCK)
        self._asked_at_s = 0.0

    def relieve(self, elapsed_s: float) -> None:
        """Drain if a stream may be too long; asks for its length every ASK_EVERY_S."""
        if elapsed_s - self._asked_at_s < ASK_EVERY_S:
            return
        self._asked_at_s = elapsed_s
        for stream, store in self._streams:
            assert store is not None
            excess = store.events_waiting() - self._waiting
            # The description of every write stays in memory until the file is closed: not many small ones.
            if excess >= self._at_least:
                # Not all at once, where it has grown: the end of the load would be seen late.
                self._drain(stream, store, min(excess, WRITE_BLOCK))
            if excess > WRITE_BLOCK:
                self._asked_at_s = elapsed_s - ASK_EVERY_S

    def _drain(self, stream: HistoryStream, store: Store, excess: int) -> None:
        begin = time.perf_counter_ns()
        self._journal.begin(RowKind.DRAIN, begin, 0, 0, 0, 0, 0)
        before = stream.written
        taken: list[bytes] = []
        try:
            for lines in store.drain(excess):
                taken += lines
        finally:
            stream.write(taken)  # also where the server dies half-way: it has them no more
        end = time.perf_counter_ns()
        self._journal.end(end, end - begin, stream.written - before, 0, RowOutcome.DONE, 0)


def finish_records(folder: Path, streams: Sequence[HistoryStream]) -> bool:
    """Bring the journals and the histories, as far as they can still be had, into their files; remove the keys.

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
        for stream in streams:
            _gather(stream)
    finally:
        for stream in streams:
            if stream.store is not None:
                if stream.node is None:
                    stream.store.remove_all()
                stream.store.close()
    return bool(begun)


def _gather(stream: HistoryStream) -> None:
    """Write all that is known of one stream and was not drained."""
    if stream.node is not None:
        stream.write(stream.node.history_lines(stream.address))
        return
    assert stream.store is not None
    for lines in _blocks(stream.store.history_lines(READ_BLOCK)):
        stream.write(lines)
    expected = stream.store.events_ever()
    if expected not in (-1, stream.written):
        raise ServerError(f"{expected} events were appended to the history, {stream.written} could be read")


def _blocks(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    block: list[bytes] = []
    for line in lines:
        block.append(line)
        if len(block) >= MOST_IN_A_BLOCK:
            yield block
            block = []
    yield block


def write_derived(plan: TrialPlan, folder: Path, facts: TrialFacts) -> None:
    """Write `latency.hlog` and `faults.json` from the journal and history that were just written."""
    journal = read_trial_journal(folder) if (folder / JOURNAL_FILE).exists() else None
    if journal is not None and facts.history:
        _write_latency(plan, folder, facts, read_trials(folder, journal))
    faults = plan.scenario.parsed_faults
    hosts = {Process.parse(life.name): life.host for life in facts.processes}
    write_json(folder / FAULTS_FILE, fault_rows(plan, journal.rows, hosts) if journal is not None and faults else [])


def _write_latency(plan: TrialPlan, folder: Path, facts: TrialFacts, trials: Iterable[Trial]) -> None:
    pooled: dict[tuple[str, str], list[Any]] = {}
    for trial in trials:
        for key, values in phase_samples(trial).items():
            pooled.setdefault(key, []).append(values)
    names = (plan.guard.name, plan.scenario.name)
    histograms = {tag(*names, phase, side): histogram(np.concatenate(parts)) for (phase, side), parts in pooled.items()}
    lasted = (facts.end_ns - facts.start_ns) / 1e9 if facts.end_ns else 0.0
    began = facts.began or 0.0
    write_hlog(folder / LATENCY_FILE, histograms, began, began + lasted)


def fault_rows(
    plan: TrialPlan, journal: JournalRows, hosts: Mapping[Process, str | None] = MappingProxyType({})
) -> list[FaultRow]:
    """What the faults did, from the journal: when, for how long, and whether it hit. `hosts`: where processes ran."""
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
            hosts,
        )
        for row, code in zip(reported.to_dict("records"), by, strict=True)
    ]


def fault_row(
    fault: Fault,
    row: Mapping[Any, Any],
    process: Process,
    cells: Sequence[str],
    ttl_ms: int,
    hosts: Mapping[Process, str | None] = MappingProxyType({}),
) -> FaultRow:
    """One row of `faults.json`, from `process`'s journal of what the fault did; the fault says whom it hit and how."""
    asked_ms, lasted_ns = row["seen"] / 1000, max(0, row["end_ns"] - row["start_ns"])
    report = FaultReport(asked_ms, lasted_ns / 1e6, row["outcome"] == RowOutcome.DONE, ttl_ms)
    from_outside = process == Process(HARNESS)
    hit_cells = [cell for number, cell in enumerate(cells) if fault.hits_cell(number)]
    targets = processes_at(fault.programs, hit_cells) if from_outside else [replace(process.whole, life=0)]
    if from_outside and fault.hit_host is not None:
        targets = [one for one, host in hosts.items() if host == fault.hit_host]
    return FaultRow(
        fault=fault.name,
        number=row["attempt"],
        colour=fault.colour,
        process=str(process),
        targets=tuple(targets),
        server=fault.hit_server if from_outside else None,
        description=fault.describe(report),
        instant=fault.instant,
        action=ACTIONS[row["kind"]],
        start_ns=row["start_ns"],
        end_ns=row["end_ns"] or None,
        asked_ms=asked_ms,
        lasted_ms=round(lasted_ns / 1e6, 3),
        overhead_ms=fault.overhead_ms,
        late_ms=round((row["start_ns"] - row["due_ns"]) / 1e6, 3) if row["due_ns"] else None,
        hit=fault.hit(report) and (fault.instant or not overran(asked_ms, report.lasted_ms, fault.overhead_ms)),
    )
