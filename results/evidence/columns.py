"""Columns of a trial's files: read when they are asked for, and kept as long as there is room for them.

A trial of ten million operations has some 1.6 GB of columns, of which a check needs a few. One whose columns fit into
the room, some two million operations, is read once.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from leasebench.results.evidence.parquet import must_be_complete, readable
from leasebench.results.record.table import TableColumn

Array = npt.NDArray[Any]
Value = TypeVar("Value")
ROOM_BYTES = 300_000_000
BATCH_ROWS = 1 << 20
"""Rows that are unpacked at a time, of one column."""
_NUMBERS = count()
"""A room knows columns by number: if it held them, neither would be freed when its trial is let go."""


class JournalRows(Protocol):
    """Rows of a journal: a data frame, or a journal in its file that is read like one."""

    def __len__(self) -> int: ...

    def __contains__(self, name: object, /) -> bool: ...

    def __getitem__(self, which: Any, /) -> Any:
        """A column by its name, or a data frame of the rows of a mask."""

    @property
    def iloc(self) -> Any:
        """Rows by their places."""


class Room:
    """What was read of a trial's files, or derived from it. What was not asked for longest goes first."""

    def __init__(self, most_bytes: int | None = None) -> None:
        self._most = ROOM_BYTES if most_bytes is None else most_bytes
        self._held: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable, make: Callable[[], Value], size: Callable[[Value], int]) -> Value:
        """What is kept under `key`; made anew where it is not. The last one is kept however large it is."""
        if key in self._held:
            self._held.move_to_end(key)
            return cast("Value", self._held[key][0])
        value = make()
        self._held[key] = value, size(value)
        self._bytes += self._held[key][1]
        while self._bytes > self._most and len(self._held) > 1:
            _, (_, freed) = self._held.popitem(last=False)
            self._bytes -= freed
        return value


class Columns:
    """What belongs to one table, and is kept in a room that several share."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._number = next(_NUMBERS)

    def keep(self, name: str, make: Callable[[], Value], size: Callable[[Value], int]) -> Value:
        """A column, or what follows from several of them."""
        return self._room.get((self._number, name), make, size)


def pieces(rows: int) -> Iterator[slice]:
    """Rows in pieces, to be looked at one after the other: what is made of them is never all there at once."""
    return (slice(low, min(low + BATCH_ROWS, rows)) for low in range(0, rows, BATCH_ROWS))


def held_bytes(values: Array) -> int:
    """The memory behind an array: one value where it is the same throughout."""
    return values.itemsize if values.strides == (0,) else values.nbytes


def batches(
    path: Path, file: Any, name: str, columns: Iterable[TableColumn], only: npt.NDArray[np.bool_] | None = None
) -> Iterator[Any]:
    """One column of a file that was opened, in pieces; of the rows `only`. Raises BadRunDirectory."""
    first = 0
    with readable(path):
        for batch in file.iter_batches(BATCH_ROWS, columns=[name], use_threads=False):
            must_be_complete(path, batch, columns)
            values = batch.column(0)
            if only is not None:
                values = values.filter(pa.array(only[first : first + len(values)]))
            first += len(batch)
            yield values


def gathered(parts: Iterable[Array], rows: int, dtype: npt.DTypeLike) -> Array:
    """The pieces of a column of so many rows as one array; one value behind all of it where they are all the same."""
    whole = np.empty(rows, dtype)
    first, least, most = 0, None, None
    for part in parts:
        whole[first : first + len(part)] = part
        first += len(part)
        if len(part):
            low, high = part.min(), part.max()
            least, most = (low, high) if least is None else (min(least, low), max(most, high))
    if least is not None and least == most:
        return np.broadcast_to(np.array(least, dtype), rows)
    whole.flags.writeable = False
    return whole
