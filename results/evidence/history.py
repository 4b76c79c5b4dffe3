"""The history of a trial: how it is written and read (`record.history`).

`history.parquet` has one row an event, in the order in which the store executed them. Numbers that do
not apply are null in the file and -1 in memory.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet

from leasebench.enactors.store.events import KINDS, LINE_FIELDS, TEXTS
from leasebench.leases.lease import CELL_LEASE
from leasebench.results.evidence.columns import Room, batches, gathered, pieces
from leasebench.results.evidence.events import COLUMNS, Codes, Events, Ints, StoredEvents
from leasebench.results.evidence.parquet import (
    MOST_ROWS,
    TEXT_TYPE,
    VERSIONS,
    must_be_complete,
    must_be_versions,
    must_have,
    open_table,
    parquet_writer,
    readable,
    schema_of,
)
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.record.history import HISTORY, LEASE_NODE

LINE_TEXTS = tuple(field for field in LINE_FIELDS if field in TEXTS)
HISTORY_SCHEMA = schema_of(HISTORY)
HASH_KEYS = ("leasebench texts", "apart by 128 bit")
"""Of SipHash: 16 bytes each."""


class HistoryWriter:
    """Writes `history.parquet`, a row group a call, so that a long history never stands in memory at once.

    The rows of one cell must come in store order, those of the store's node before those of a lease server's own.
    """

    def __init__(self, path: Path) -> None:
        self._writer = parquet_writer(path, HISTORY_SCHEMA)
        self._counts: Counter[tuple[str, str]] = Counter()

    @property
    def count(self) -> int:
        """How many events were written, of all cells and nodes."""
        return self._counts.total()

    def count_of(self, cell: str, node: str) -> int:
        """How many events of one cell were written of what happened on one node: the next one's `seq`."""
        return self._counts[cell, node]

    def append(self, lines: Sequence[bytes], cell: str, node: str) -> None:
        """Append lines of one cell's history stream on one node. Raises BadRunDirectory on what is no event."""
        if not lines:
            return
        types = {field: pa.string() if field in LINE_TEXTS else pa.int64() for field in LINE_FIELDS}
        try:
            table = pa.csv.read_csv(
                pa.BufferReader(b"\n".join(lines)),
                read_options=pa.csv.ReadOptions(column_names=LINE_FIELDS, use_threads=False),
                parse_options=pa.csv.ParseOptions(quote_char=False),
                convert_options=pa.csv.ConvertOptions(column_types=types, strings_can_be_null=True, null_values=[""]),
            )
        except pa.ArrowInvalid as error:
            raise BadRunDirectory(f"the history stream holds what is no event of ours: {error}") from error
        columns: dict[str, Any] = {name: table[name] for name in table.column_names}
        seconds, micros = columns.pop("t_s").to_numpy(), columns["t_us"].to_numpy()
        columns["t_us"] = pa.array(seconds * 1_000_000 + micros)
        if self.count + len(lines) > MOST_ROWS:
            raise BadRunDirectory(f"more than {MOST_ROWS:,} events: take a shorter trial or a lower rate")
        first = self._counts[cell, node]
        columns["seq"] = pa.array(np.arange(first, first + len(lines), dtype=np.int64))
        columns["cell"] = pa.array([cell]).take(pa.array(np.zeros(len(lines), np.int64)))
        columns["node"] = pa.array([node]).take(pa.array(np.zeros(len(lines), np.int64)))
        arrays = [columns[field.name].cast(field.type) for field in HISTORY_SCHEMA]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=HISTORY_SCHEMA))
        self._counts[cell, node] += len(lines)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()


def read_events(
    path: Path, endpoints: Sequence[str], enactors: Sequence[str], cell: str | None = None, room: Room | None = None
) -> Events:
    """Read the rows of `cell` from `history.parquet`; without it, of a file that holds one cell's only.

    Each column is read once, so that what is wrong with it is told here, and once more where there is no `room` for it
    when it is asked for. Raises BadRunDirectory naming the file.
    """
    file = _open_history(path)
    rows, own = file.metadata.num_rows, None
    if cell is not None:
        cells = batches(path, file, "cell", HISTORY)
        own = gathered((_coded(part, {cell: 0}) == 0 for part in cells), rows, bool)
        rows = int(np.count_nonzero(own))

    def ints(name: str) -> Ints:
        parts = (part.fill_null(-1).to_numpy(zero_copy_only=False) for part in batches(path, file, name, HISTORY, own))
        filled = gathered(parts, rows, np.int64)
        if name in VERSIONS:
            must_be_versions(path, filled)
        return filled

    def codes(name: str, names: Sequence[str]) -> Codes:
        known = {text: code for code, text in enumerate(names)}
        return gathered((_coded(part, known) for part in batches(path, file, name, HISTORY, own)), rows, np.int16)

    parts = batches(path, file, "reason", HISTORY, own)
    reasons = tuple(sorted({text for part in parts for text in part.dictionary.to_pylist() if text}))
    names = {
        "kind": KINDS,
        "endpoint": endpoints,
        "enactor": enactors,
        "lease": (*endpoints, CELL_LEASE),
        "reason": reasons,
    }

    def read(name: str) -> Any:
        if name == "token":
            return _numbered(batches(path, file, name, HISTORY, own), rows)
        return codes(name, names[name]) if name in names else ints(name)

    apart = codes("node", (LEASE_NODE,)) == 0
    if np.any(apart[:-1] > apart[1:]):
        raise BadRunDirectory(f"{path}: no history: events of the store stand after those of the lease server")
    room = Room() if room is None else room
    events = StoredEvents.stored(read, room, tuple(endpoints), tuple(enactors), reasons, int(np.count_nonzero(apart)))
    for name in COLUMNS:
        getattr(events, name)
    return events


def _coded(part: Any, known: Mapping[str, int]) -> Codes:
    """The number of each text of a piece of a column; -1 for one that is not known, or none."""
    ours = [known.get(text, -1) for text in part.dictionary.to_pylist()]
    lookup = np.array([*ours, -1], dtype=np.int16)
    coded: Codes = lookup[part.indices.fill_null(len(ours)).to_numpy(zero_copy_only=False)]
    return coded


def _numbered(parts: Iterable[Any], rows: int) -> Codes:
    """A column of that many rows of texts as numbers, the same for equal ones; -1 for none.

    Texts are told apart by two hashes of 64 bits: the millions of tokens of a long history need not be kept.
    """
    whole, hashes, first, known = np.empty(rows, dtype=np.int32), [np.empty((0, 2), dtype=np.uint64)], 0, 0
    for part in parts:
        texts = part.dictionary.to_numpy(zero_copy_only=False)
        hashes.append(np.column_stack([pd.util.hash_array(texts, hash_key=key, categorize=False) for key in HASH_KEYS]))
        own = whole[first : first + len(part)]
        own[:] = part.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        own[own >= 0] += known
        first, known = first + len(part), known + len(texts)
    one, other = np.concatenate(hashes).T
    order = np.lexsort((other, one))
    one, other = one[order], other[order]
    number = np.full(known + 1, -1, dtype=np.int32)
    number[order[:1]] = 0
    number[order[1:]] = np.cumsum((one[1:] != one[:-1]) | (other[1:] != other[:-1]))
    return gathered((number[whole[part]] for part in pieces(rows)), rows, np.int32)


def read_data(path: Path, cell: str | None = None) -> pd.DataFrame:
    """Read the rows of `cell` (None: all) from `data.parquet`, the history of the data store behind its endpoints.

    One row an event in store order, in the columns of `history.parquet`; texts are categories, numbers that do not
    apply -1. `kind` is what a stored procedure calls its event, or one of a lease. Raises BadRunDirectory.
    """
    file = _open_history(path)
    with readable(path):
        table = file.read()
        must_be_complete(path, table, HISTORY)
        if cell is not None:
            table = table.filter(pa.compute.equal(table["cell"], cell))
        columns = {
            field.name: table[field.name] if field.type == TEXT_TYPE else pa.compute.fill_null(table[field.name], -1)
            for field in HISTORY_SCHEMA
        }
        frame: pd.DataFrame = pa.table(columns).to_pandas()
    return frame


def read_history(path: Path) -> pd.DataFrame:
    """Read `history.parquet` as it stands, with the columns of `record.history`. Raises BadRunDirectory."""
    file = _open_history(path)
    with readable(path):
        table = file.read()
        must_be_complete(path, table, HISTORY)
        frame: pd.DataFrame = table.to_pandas()
    return frame


def _open_history(path: Path) -> Any:
    """Open a history that has its columns. Raises BadRunDirectory."""
    file = open_table(path)
    must_have(path, file, HISTORY)
    return file
