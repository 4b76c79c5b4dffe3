"""One trial looked at closely: its events, and of its journal only the part around a moment.

A journal of ten million operations takes more than a gigabyte in memory; a picture or a story needs some thousand rows.
"""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from leasebench.results.alignment import host_ns_of_server
from leasebench.results.events import Events, Mask
from leasebench.results.history import BadRunDirectory, read_events, read_journal
from leasebench.results.overtime import OverTime, over_time
from leasebench.results.summary import read_faults
from leasebench.results.trial import Trial, read_facts

WHOLE_ROWS = 300_000
"""A journal of at most so many rows is read at once."""
BATCH_ROWS = 262_144
ALIGN_NS = 2_000_000_000
"""The commits of so long a part of a journal tell how the two clocks stand to each other."""


class Moments:
    """A trial of a run, by its folder. Raises BadRunDirectory, naming the file, when what is asked can't be read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.facts: dict[str, Any] = read_facts(folder)

    @property
    def cells(self) -> list[str]:
        """The cells of the trial."""
        cells: list[str] = self.facts["cells"]
        return cells

    @cached_property
    def faults(self) -> list[dict[str, Any]]:
        """What `faults.json` says."""
        return read_faults(self.folder)

    @cached_property
    def over_time(self) -> OverTime | None:
        """Its commits over time (see `results.overtime`): read once for all the pictures that show them."""
        return over_time(self)

    def events(self, cell: str) -> Events:
        """The history of one cell; that of the cell asked last stays in memory."""
        if cell not in self._events:
            self._events.clear()
            names = (self.facts["endpoints"], self.facts["enactors"])
            only = None if len(self.cells) == 1 else cell
            self._events[cell] = read_events(self.folder / "history.parquet", *names, only)
        return self._events[cell]

    @cached_property
    def _events(self) -> dict[str, Events]:
        return {}

    def trial(self, cell: str, begin_ns: int, end_ns: int) -> Trial:
        """One cell with the journal rows that are under way between two instants of the host's clock."""
        journal = self.journal(begin_ns, end_ns)
        if len(self.cells) > 1:
            journal = journal[journal["cell"] == cell]
        return Trial(self.facts | {"cell": cell}, self.events(cell), journal.reset_index(drop=True))

    def journal(self, begin_ns: int, end_ns: int) -> pd.DataFrame:
        """The journal rows that are under way between two instants of the host's clock."""
        whole = self._whole_journal
        if whole is not None:
            return whole.loc[_under_way(whole, begin_ns, end_ns)]
        parts = [frame.loc[_under_way(frame, begin_ns, end_ns)] for frame in self.batches()]
        return pd.concat(parts, ignore_index=True)

    def batches(self, columns: list[str] | None = None) -> Iterator[pd.DataFrame]:
        """The whole journal, BATCH_ROWS rows at a time."""
        path = self.folder / "journal.parquet"
        try:
            with pa.parquet.ParquetFile(path) as file:
                for batch in file.iter_batches(BATCH_ROWS, columns=columns):
                    yield batch.to_pandas()
        except FileNotFoundError as error:
            raise BadRunDirectory(f"{path}: is missing") from error
        except (pa.ArrowInvalid, OSError) as error:
            raise BadRunDirectory(f"{path}: cannot be read: {str(error).splitlines()[0]}") from error

    @cached_property
    def _whole_journal(self) -> pd.DataFrame | None:
        path = self.folder / "journal.parquet"
        try:
            rows = pa.parquet.read_metadata(path).num_rows
        except (OSError, pa.ArrowInvalid):
            rows = 0  # what is wrong with it is told by who reads it
        return read_journal(path) if rows <= WHOLE_ROWS else None

    def offset_ns(self, cell: str) -> int | None:
        """What to add to a store event's `t_us * 1000` to have it on the journal's clock; None if unknown."""
        if cell not in self._offsets:
            whole = self._whole_journal is not None
            begin = int(self.facts.get("start_ns") or 0)
            end = np.iinfo(np.int64).max if whole else begin + ALIGN_NS
            self._offsets[cell] = host_ns_of_server(self.trial(cell, begin, end))
        return self._offsets[cell]

    @cached_property
    def _offsets(self) -> dict[str, int | None]:
        return {}

    def seconds(self, host_ns: Any) -> Any:
        """Seconds since the load's start of instants of the host's clock."""
        return (host_ns - (self.facts.get("start_ns") or 0)) / 1e9


def _under_way(frame: pd.DataFrame, begin_ns: int, end_ns: int) -> Mask:
    """Rows that begin before the end and end after the beginning; one whose end was never written is short."""
    ends = np.maximum(frame["end_ns"].to_numpy(), frame["start_ns"].to_numpy())
    under_way: Mask = (frame["start_ns"].to_numpy() < end_ns) & (ends >= begin_ns)
    return under_way
