"""A journal whose columns are read from its file when they are asked for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, overload

import numpy as np
import pandas as pd
import pyarrow as pa

from leasebench.results.evidence.clocks import Clocks, clocks_of
from leasebench.results.evidence.columns import Array, Columns, Room, batches, gathered, held_bytes
from leasebench.results.evidence.events import Ints, Mask
from leasebench.results.evidence.journal_table import (
    KIND_NAMES,
    REASON_NAMES,
    must_be_of_journal,
    named,
    open_journal,
    with_added,
)
from leasebench.results.record.clock import ONE_HOST
from leasebench.results.record.journal import INSTANTS, JOURNAL

Column = pd.Series  # of numbers, or of categories
NUMBER_OF = {"kind_name": ("kind", KIND_NAMES), "reason_name": ("reason", REASON_NAMES)}
"""A journal of version 0.1 has numbers and no names."""


class StoredJournal:
    """One row an operation, as `read_journal` has them: like a data frame, but a column is read when it is asked for.

    Rows that are selected, by a mask or by `iloc`, come as a data frame. Whatever else a data frame has is asked of
    `frame`, the whole journal in memory: some 160 bytes a row. Nothing can be written.
    """

    def __init__(self, empty: pd.DataFrame, rows: int, read: Callable[[str], "Column[Any]"], room: Room) -> None:
        self._empty, self._rows, self._room = empty, rows, room
        self._read = read
        self._held = Columns(room)

    @classmethod
    def of(cls, path: Path, room: Room) -> Self:
        """Open `journal.parquet`. Each column is read once, so that what is wrong with it is told here.

        Raises BadRunDirectory naming the file.
        """
        file = open_journal(path)
        empty = with_added(file.schema_arrow.empty_table().to_pandas())
        stored = set(file.schema_arrow.names)
        rows = file.metadata.num_rows

        def read(name: str) -> "Column[Any]":
            if name in stored:
                return _column(path, file, name)
            if name in NUMBER_OF:
                number, names = NUMBER_OF[name]
                return pd.Series(named(_column(path, file, number).to_numpy(), names).to_pandas(), copy=False)
            return _categories(np.broadcast_to(np.int8(0), rows), [str(ONE_HOST)])

        journal = cls(empty, rows, read, room)
        for name in empty.columns:
            journal[name]
        return journal

    def on_axis(self, clocks: Clocks) -> "StoredJournal":
        """The same with its instants on the axis of `clocks`."""
        names = clocks_of(self)
        if not clocks.move(names):
            return self

        def read(name: str) -> "Column[Any]":
            if name not in INSTANTS:
                return self[name]
            codes = self["clock"].cat.codes.to_numpy()
            shifted: Column[Any] = pd.Series(clocks.shifted(self[name].to_numpy(), codes, names), copy=False)
            return shifted

        return StoredJournal(self._empty, self._rows, read, self._room)

    def of_cell(self, cell: str) -> "StoredJournal":
        """The rows of one cell."""
        own = np.flatnonzero(self["cell"] == cell)
        return StoredJournal(
            self._empty, len(own), lambda name: self[name].iloc[own].reset_index(drop=True), self._room
        )

    @property
    def columns(self) -> "pd.Index[str]":
        """The names of the columns."""
        return self._empty.columns

    @property
    def frame(self) -> pd.DataFrame:
        """The whole journal in memory."""

        def whole() -> pd.DataFrame:
            return pd.DataFrame({name: self[name] for name in self.columns}, copy=False)

        return self._held.keep("", whole, lambda frame: int(frame.memory_usage(deep=True).sum()))

    @property
    def iloc(self) -> "_ByPlace":
        """Rows by their places: one, as a series, or several, as a data frame."""
        return _ByPlace(self)

    def take(self, places: Ints) -> pd.DataFrame:
        """The rows at these places, which are their labels."""
        if not len(places):
            return self._empty
        return pd.DataFrame({name: self[name].array[places] for name in self.columns}, index=places)

    def __len__(self) -> int:
        return self._rows

    def __contains__(self, name: object) -> bool:
        return name in self._empty.columns

    @overload
    def __getitem__(self, which: str) -> "Column[Any]": ...

    @overload
    def __getitem__(self, which: "Mask | Column[bool]") -> pd.DataFrame: ...

    def __getitem__(self, which: "str | Mask | Column[bool]") -> "Column[Any] | pd.DataFrame":
        if not isinstance(which, str):
            return self.take(np.flatnonzero(which))
        if which not in self:
            raise KeyError(which)
        return self._held.keep(which, lambda: self._read(which), _size)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.frame, name)


class _ByPlace:
    """What `StoredJournal.iloc` is."""

    def __init__(self, journal: StoredJournal) -> None:
        self._journal = journal

    @overload
    def __getitem__(self, which: int) -> "Column[Any]": ...

    @overload
    def __getitem__(self, which: "slice | Ints") -> pd.DataFrame: ...

    def __getitem__(self, which: "int | slice | Ints") -> "Column[Any] | pd.DataFrame":
        rows = range(len(self._journal))
        if isinstance(which, slice):
            return self._journal.take(np.array(rows[which], dtype=np.int64))
        if isinstance(which, int | np.integer):
            return self._journal.take(np.array([rows[int(which)]])).iloc[0]
        return self._journal.take(np.asarray(which))


def _column(path: Path, file: Any, name: str) -> "Column[Any]":
    """Read one column of a file that was opened. Raises BadRunDirectory."""
    parts, rows = batches(path, file, name, JOURNAL), file.metadata.num_rows
    kind = file.schema_arrow.field(name).type
    if not pa.types.is_dictionary(kind):
        values = gathered((part.to_numpy(zero_copy_only=False) for part in parts), rows, kind.to_pandas_dtype())
        must_be_of_journal(path, name, values)
        return pd.Series(values, copy=False)
    known: dict[str, int] = {}
    codes = [_codes(part, known) for part in parts]
    must_be_of_journal(path, name, list(known))
    return _categories(gathered(codes, rows, np.min_scalar_type(-max(len(known), 1))), list(known))


def _codes(part: Any, known: dict[str, int]) -> Array:
    """Where the texts of a piece stand among all that are `known`, to which new ones are added."""
    own = np.array([known.setdefault(text, len(known)) for text in part.dictionary.to_pylist()], dtype=np.int64)
    own = own.astype(np.min_scalar_type(-max(len(known), 1)))
    coded: Array = own[part.indices.to_numpy(zero_copy_only=False)] if len(own) else np.zeros(len(part), np.int8)
    return coded


def _categories(codes: Array, texts: list[str]) -> "Column[Any]":
    return pd.Series(pd.Categorical.from_codes(codes, categories=pd.Index(texts), validate=False), copy=False)


def _size(column: "Column[Any]") -> int:
    texts = isinstance(column.dtype, pd.CategoricalDtype)
    return held_bytes(column.cat.codes.to_numpy() if texts else column.to_numpy())
