"""One trial of a run directory, read back: what the checks look at."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from leasebench.results.evidence.clocks import Clocks, Compared, clocks_of_trial
from leasebench.results.evidence.columns import JournalRows, Room
from leasebench.results.evidence.disturbance import Disturbance, disturbances
from leasebench.results.evidence.events import Events, Ints
from leasebench.results.evidence.history import read_data, read_events
from leasebench.results.evidence.stored_journal import StoredJournal
from leasebench.results.record.faults import read_faults
from leasebench.results.record.file import is_there
from leasebench.results.record.health import TrialHealth, read_health
from leasebench.results.record.journal import CELL_RESOURCE, RowKind, RowOutcome
from leasebench.results.record.names import DATA_FILE, HISTORY_FILE, JOURNAL_FILE, LOCK_WRITES_FILE
from leasebench.results.record.process import Process
from leasebench.results.record.trial import TrialFacts, read_facts


@dataclass(frozen=True)
class Trial:
    """One cell of a finished trial: the trial's facts, the cell's name, its history and its journal.

    The journal's instants are on the axis of `clocks`.
    """

    facts: TrialFacts
    cell: str
    events: Events
    journal: JournalRows
    clocks: Clocks = field(default_factory=Clocks)
    data_file: Path | None = None
    """The history of the data store behind the endpoints; None where no process worked on one."""
    lock_writes: Path | None = None
    """What a passive replica heard of an opaque lock's keys; None where there was none."""
    disturbances: tuple[Disturbance, ...] = ()
    """What disturbed the whole trial, all of its cells."""
    health: TrialHealth | None = None
    """How harness, processes and machine did; None where nobody watched."""

    @cached_property
    def data(self) -> pd.DataFrame | None:
        """What happened in the data store, in its order (see `read_data`); None where there was none.

        Raises BadRunDirectory.
        """
        return None if self.data_file is None else read_data(self.data_file, self.cell)

    @cached_property
    def compared(self) -> Compared:
        """How surely the clocks of its journal rows are known."""
        return Compared(self.clocks, self.journal)

    @property
    def process_enactor(self) -> Ints:
        """Per journal row the enactor's number; -1 for planner, operator and harness.

        A renewer belongs to its enactor, and so does what took the place of a killed one.
        """
        numbers = {name: code for code, name in enumerate(self.events.enactors)}
        return self._per_process(lambda process: numbers.get(process.name, -1))

    @property
    def life(self) -> Ints:
        """Per journal row a number for the life of its process: from its start to its end or SIGKILL."""
        lives: dict[Process, int] = {}
        return self._per_process(lambda process: lives.setdefault(process.whole, len(lives)))

    @cached_property
    def processes(self) -> tuple[Process, ...]:
        """The processes that kept the journal, in the order of the categories of its column `process`."""
        return processes_of(self.journal)

    def process_of(self, row: int) -> Process:
        """The process that wrote one journal row."""
        return self.processes[int(self.journal["process"].cat.codes.iloc[row])]

    def _per_process(self, number: Callable[[Process], int]) -> Ints:
        lookup = np.array([number(process) for process in self.processes] or [-1], dtype=np.int64)
        found: Ints = lookup[self.journal["process"].cat.codes.to_numpy()]
        return found

    def rows(self, kind: RowKind, outcome: RowOutcome | None = None) -> Any:
        """The mask of the journal rows of `kind` (with `outcome`)."""
        mask = self.journal["kind"].to_numpy() == kind
        return mask if outcome is None else mask & (self.journal["outcome"].to_numpy() == outcome)

    @property
    def lease_number(self) -> Ints:
        """Per journal row the code of its endpoint or lease in `Events.lease`."""
        return self.lease_number_of(np.s_[:])

    def lease_number_of(self, rows: "Ints | slice") -> Ints:
        """The same of some rows only."""
        number = self.journal["endpoint"].to_numpy()[rows].astype(np.int64)
        return np.where(number == CELL_RESOURCE, len(self.events.endpoints), number)


@dataclass(frozen=True)
class TrialJournal:
    """The journal of a whole trial, of all its cells and of the harness. Its instants are on the axis of `clocks`."""

    rows: StoredJournal
    clocks: Clocks
    room: Room
    """For its columns, and for those of the trial's histories."""


def read_trial_journal(folder: Path) -> TrialJournal:
    """Read the journal of a trial folder. Raises BadRunDirectory naming the file."""
    room = Room()
    rows = StoredJournal.of(folder / JOURNAL_FILE, room)
    clocks = clocks_of_trial(folder, rows)
    return TrialJournal(rows.on_axis(clocks), clocks, room)


def processes_of(journal: JournalRows) -> tuple[Process, ...]:
    """The processes that kept a journal, in the order of the categories of its column `process`."""
    return tuple(Process.parse(name) for name in journal["process"].cat.categories)


def read_trials(folder: Path, journal: TrialJournal | None = None) -> list[Trial]:
    """Read a trial folder, one Trial a cell; without its `journal` if that was read. Raises BadRunDirectory.

    What the harness itself did is in the journal of a trial's only cell, and in none where there are several.
    """
    facts = read_facts(folder)
    history, cells = folder / HISTORY_FILE, facts.cells
    data_file, lock_writes = (
        path if is_there(path) else None for path in (folder / DATA_FILE, folder / LOCK_WRITES_FILE)
    )
    names = (facts.endpoints, facts.enactors)
    journal = journal or read_trial_journal(folder)
    rows, clocks = journal.rows, journal.clocks
    health = read_health(folder)
    found = disturbances(facts, health, read_faults(folder), rows)
    if len(cells) == 1:
        events = read_events(history, *names, room=journal.room)
        return [Trial(facts, cells[0], events, rows, clocks, data_file, lock_writes, found, health)]
    return [
        Trial(
            facts,
            cell,
            read_events(history, *names, cell, journal.room),
            rows.of_cell(cell),
            clocks,
            data_file,
            lock_writes,
            found,
            health,
        )
        for cell in cells
    ]
