"""One trial looked at closely, on one axis: its events, and of its journal only the part around a moment.

A journal of ten million operations takes more than a gigabyte in memory; a picture or a story needs some thousand rows.
"""

from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from leasebench.results.evidence.clocks import UNKNOWN_NS, Clocks, Offset, clocks_of_trial
from leasebench.results.evidence.events import Events, Ints, Mask
from leasebench.results.evidence.history import read_events, read_journal
from leasebench.results.evidence.overtime import COLUMNS, OverTime, over_time
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.faults import FaultRow, read_faults
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.record.journal import OWN, RowKind, RowOutcome
from leasebench.results.record.names import HISTORY_FILE, JOURNAL_FILE
from leasebench.results.record.trial import read_facts

WHOLE_ROWS = 300_000
"""A journal of at most so many rows is read at once."""
BATCH_ROWS = 262_144
MOST_ABOUT = 100_000
"""Rows that are kept of each group (see `trial_about`). One application has a tenth of that at the most."""


class Moments:
    """A trial of a run, by its folder. Raises BadRunDirectory, naming the file, when what is asked can't be read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.facts = read_facts(folder)

    @property
    def cells(self) -> tuple[str, ...]:
        """The cells of the trial."""
        return self.facts.cells

    @cached_property
    def faults(self) -> tuple[FaultRow, ...]:
        """What `faults.json` says."""
        return read_faults(self.folder)

    @cached_property
    def over_time(self) -> OverTime | None:
        """Its commits over time (see `results.evidence.overtime`): read once for all the pictures that show them."""
        return over_time(self.facts.start_ns, self.facts.end_ns, self.batches(COLUMNS), self.clocks)

    def events(self, cell: str) -> Events:
        """The history of one cell; that of the cell asked last stays in memory."""
        if cell not in self._events:
            self._events.clear()
            names = (self.facts.endpoints, self.facts.enactors)
            only = None if len(self.cells) == 1 else cell
            self._events[cell] = read_events(self.folder / HISTORY_FILE, *names, only)
        return self._events[cell]

    @cached_property
    def _events(self) -> dict[str, Events]:
        return {}

    def trial(self, cell: str, begin_ns: int, end_ns: int) -> Trial:
        """One cell with the journal rows that are under way between two instants of the host's clock."""
        journal = self.journal(begin_ns, end_ns)
        if len(self.cells) > 1:
            journal = journal[journal["cell"] == cell]
        return Trial(self.facts, cell, self.events(cell), journal.reset_index(drop=True), self.clocks)

    def trial_about(self, cell: str, end_ns: int, groups: Callable[[Trial], Ints]) -> Trial:
        """One cell with those journal rows that `groups` puts into a group and that began before an instant.

        However long ago that was: of each group the MOST_ABOUT rows are kept that began last. `groups` gives each row
        of a trial a number from 0 on, or -1 for none.
        """
        facts, events = self.facts, self.events(cell)
        kept: dict[int, pd.DataFrame] = {}
        whole = self._whole_journal
        for frame in self.batches() if whole is None else [whole]:
            here = frame["start_ns"] < end_ns
            if len(self.cells) > 1:
                here &= frame["cell"] == cell
            part = frame[here]
            group = groups(Trial(facts, cell, events, part, self.clocks))
            kept[-1] = part[:0]  # so that there is a frame, though nothing may be in it
            for number in np.unique(group[group >= 0]).tolist():
                found = [kept[number]] if number in kept else []
                kept[number] = _newest(pd.concat([*found, part[group == number]]), MOST_ABOUT)
        return Trial(facts, cell, events, pd.concat(kept.values(), ignore_index=True), self.clocks)

    def journal(self, begin_ns: int, end_ns: int) -> pd.DataFrame:
        """The journal rows that are under way between two instants of the host's clock."""
        whole = self._whole_journal
        if whole is not None:
            return whole.loc[_under_way(whole, begin_ns, end_ns)]
        parts = [frame.loc[_under_way(frame, begin_ns, end_ns)] for frame in self.batches()]
        return pd.concat(parts, ignore_index=True)

    def batches(self, columns: list[str] | None = None) -> Iterator[pd.DataFrame]:
        """The whole journal, BATCH_ROWS rows at a time."""
        path = self.folder / JOURNAL_FILE
        try:
            with pa.parquet.ParquetFile(path) as file:
                if columns is not None and "clock" in file.schema_arrow.names:
                    columns = [*columns, "clock"]
                for batch in file.iter_batches(BATCH_ROWS, columns=columns):
                    yield self.clocks.on_axis(batch.to_pandas())
        except FileNotFoundError as error:
            raise BadRunDirectory(f"{path}: is missing") from error
        except (pa.ArrowInvalid, OSError) as error:
            raise BadRunDirectory(f"{path}: cannot be read: {str(error).splitlines()[0]}") from error

    @cached_property
    def _whole_journal(self) -> pd.DataFrame | None:
        path = self.folder / JOURNAL_FILE
        try:
            rows = pa.parquet.read_metadata(path).num_rows
        except (OSError, pa.ArrowInvalid):
            rows = 0  # what is wrong with it is told by who reads it
        return self.clocks.on_axis(read_journal(path)) if rows <= WHOLE_ROWS else None

    @cached_property
    def clocks(self) -> Clocks:
        """The clocks of its journals."""
        return clocks_of_trial(self.folder)

    def offset(self, cell: str) -> Offset | None:
        """What to add to a store event's `t_us * 1000` to have it on the journal's axis; None if unknown."""
        if cell not in self._offsets:
            whole = self._whole_journal
            frames = self.batches() if whole is None else [whole]
            facts, events = self.facts, self.events(cell)
            parts = (frame if len(self.cells) == 1 else frame[frame["cell"] == cell] for frame in frames)
            found = (offset_of_server(Trial(facts, cell, events, part, self.clocks)) for part in parts)
            self._offsets[cell] = next((offset for offset in found if offset is not None), None)
        return self._offsets[cell]

    @cached_property
    def _offsets(self) -> dict[str, Offset | None]:
        return {}

    def seconds(self, host_ns: Any) -> Any:
        """Seconds since the load's start of instants of the host's clock."""
        return (host_ns - self.facts.start_ns) / 1e9


def _newest(frame: pd.DataFrame, most: int) -> pd.DataFrame:
    """The rows that began last, in their order."""
    if len(frame) <= most:
        return frame
    last = np.argpartition(frame["start_ns"].to_numpy(), len(frame) - most)[-most:]
    return frame.iloc[np.sort(last)]


def _under_way(frame: pd.DataFrame, begin_ns: int, end_ns: int) -> Mask:
    """Rows that begin before the end and end after the beginning; one whose end was never written is short."""
    ends = np.maximum(frame["end_ns"].to_numpy(), frame["start_ns"].to_numpy())
    under_way: Mask = (frame["start_ns"].to_numpy() < end_ns) & (ends >= begin_ns)
    return under_way


def offset_of_server(trial: Trial) -> Offset | None:
    """What to add to a store event's `t_us * 1000` to have it on the journal's axis; None if that can't be told.

    Every commit that was acknowledged stands in both: the server's stamp lies between the start and the end of the
    call. The median over all of them of the call's middle is right to half a call of the usual length, and to what
    is unsure of the callers' own clocks. Where the server's clock was stepped it holds for the larger part of the
    trial only.
    """
    events, journal = trial.events, trial.journal
    unsure_ns = trial.compared.unsure_on_axis_ns[trial.compared.code]
    rows = np.flatnonzero(trial.rows(RowKind.COMMIT, RowOutcome.DONE) & (unsure_ns < UNKNOWN_NS))
    commits = np.flatnonzero(events.of("commit"))
    if not len(rows) or not len(commits):
        return None
    believed = trial.process_enactor[rows] << 48 | journal["attempt"].to_numpy()[rows]
    stored = events.enactor[commits].astype(np.int64) << 48 | events.attempt[commits]
    _, ours, theirs = np.intersect1d(believed, stored, return_indices=True)
    if not len(ours):
        return None
    start, end = (journal[name].to_numpy()[rows[ours]] for name in ("start_ns", "end_ns"))
    value_ns = np.median((start + end) // 2 - events.t_us[commits[theirs]] * 1000)
    return Offset(int(value_ns), int(np.median((end - start) // 2 + unsure_ns[rows[ours]])))


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
