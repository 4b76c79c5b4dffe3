"""One trial looked at closely, on one axis: its events, and of its journal only the part around a moment.

A journal of ten million operations takes more than a gigabyte in memory; a picture or a story needs some thousand rows.
"""

from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from leasebench.results.evidence.alignment import offset_of_server
from leasebench.results.evidence.clocks import Clocks, Offset, clocks_of_trial
from leasebench.results.evidence.events import Events, Ints, Mask
from leasebench.results.evidence.history import read_events
from leasebench.results.evidence.journal_table import journal_rows, open_journal, read_journal
from leasebench.results.evidence.overtime import COLUMNS, OverTime, over_time
from leasebench.results.evidence.parquet import readable
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.faults import FaultRow, read_faults
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
        with open_journal(path) as file, readable(path):
            if columns is not None and "clock" in file.schema_arrow.names:
                columns = [*columns, "clock"]
            for batch in file.iter_batches(BATCH_ROWS, columns=columns):
                yield self.clocks.on_axis(journal_rows(path, batch))

    @cached_property
    def _whole_journal(self) -> pd.DataFrame | None:
        path = self.folder / JOURNAL_FILE
        with open_journal(path) as file:
            rows = file.metadata.num_rows
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
