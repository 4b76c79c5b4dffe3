"""The history and the journal of a trial: how they are written and read (`record.history` and `record.journal`).

`history.parquet` has one row an event, in the order in which the store executed them; `journal.parquet` one row
an operation, as its process saw it. Numbers that do not apply are null in the files and -1 in memory.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet

from leasebench.enactors.store.events import KINDS, LINE_FIELDS, TEXTS
from leasebench.leases.lease import CELL_LEASE
from leasebench.results.evidence.columns import BATCH_ROWS, Room, batches, gathered, pieces
from leasebench.results.evidence.events import COLUMNS, Codes, Events, Ints, StoredEvents
from leasebench.results.evidence.journal import COUNT_AT, HEADER_BYTES, MAGIC, Header
from leasebench.results.evidence.parquet import (
    TEXT_TYPE,
    must_be_complete,
    must_have,
    parquet_file,
    parquet_writer,
    readable,
    schema_of,
)
from leasebench.results.record.clock import ONE_HOST, Clock
from leasebench.results.record.file import BadRunDirectory, must_be_file
from leasebench.results.record.history import HISTORY, LEASE_NODE
from leasebench.results.record.journal import BEGUN, ENDED, INSTANTS, JOURNAL, OWN, REASON_NUMBERS, RowKind
from leasebench.results.record.process import Process

LINE_TEXTS = tuple(field for field in LINE_FIELDS if field in TEXTS)
JOURNAL_DTYPE = np.dtype([(column.name, column.form) for column in (*BEGUN, *ENDED)], align=True)
"""A record of a process's own journal; numpy pads it as `struct` does."""
JOURNAL_FIELDS = tuple(column.name for column in (*BEGUN, *ENDED))
KIND_NAMES = {int(kind): kind.name.lower() for kind in RowKind}
REASON_NAMES = {number: reason for reason, number in REASON_NUMBERS.items()}
MOST_ROWS = 20_000_000
"""The most rows of one history or journal (some 2 GB, were it all in memory); more are neither written nor read."""
MOST_BYTES = 150 * MOST_ROWS
"""The most bytes of one file, unpacked: a row takes at most 80, and a name or token of its own."""
VERSIONS = frozenset({"version", "previous"})
MOST_VERSION = (1 << 31) - 1
"""A thousand plans a second for 24 days. Higher ones are a damaged file's, and products of them would overflow."""
MOST_INSTANT_NS = 1 << 61
"""After 73 years of a host's running."""
PARSED: dict[str, Callable[[str], object]] = {"clock": Clock.parse, "process": Process.parse}
HISTORY_SCHEMA, JOURNAL_SCHEMA = schema_of(HISTORY), schema_of(JOURNAL)


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

    def texts(name: str) -> Any:
        """All of a column in one dictionary."""
        with readable(path):
            table = file.read([name])
            must_be_complete(path, table, HISTORY)
            values = table[name] if own is None else table[name].filter(pa.array(own))
            return values.unify_dictionaries().combine_chunks()

    def ints(name: str) -> Ints:
        parts = (part.fill_null(-1).to_numpy(zero_copy_only=False) for part in batches(path, file, name, HISTORY, own))
        filled = gathered(parts, rows, np.int64)
        if name in VERSIONS:
            _must_be_versions(path, filled)
        return filled

    def codes(name: str, names: Sequence[str]) -> Codes:
        known = {text: code for code, text in enumerate(names)}
        return gathered((_coded(part, known) for part in batches(path, file, name, HISTORY, own)), rows, np.int16)

    reasons = tuple(sorted(filter(None, texts("reason").dictionary.to_pylist())))
    names = {
        "kind": KINDS,
        "endpoint": endpoints,
        "enactor": enactors,
        "lease": (*endpoints, CELL_LEASE),
        "reason": reasons,
    }

    def read(name: str) -> Any:
        if name == "token":
            return gathered([texts(name).indices.fill_null(-1).to_numpy(zero_copy_only=False)], rows, np.int32)
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


def read_raw_journal(path: Path) -> npt.NDArray[Any]:
    """Read the journal file of one process, also of one that was killed. Raises BadRunDirectory."""
    return np.concatenate([np.zeros(0, JOURNAL_DTYPE), *_raw_pieces(path)])


def _raw_pieces(path: Path) -> Iterator[npt.NDArray[Any]]:
    """The same, BATCH_ROWS records at a time; none at all are one piece, too."""
    must_be_file(path)
    with readable(path), path.open("rb") as file:
        header = file.read(HEADER_BYTES)
        if header[: len(MAGIC)] != MAGIC or len(header) < HEADER_BYTES:
            raise BadRunDirectory(f"{path}: not a journal of leasebench")
        claimed = int(np.frombuffer(header, "<i8", 1, COUNT_AT)[0])
        held = (path.stat().st_size - HEADER_BYTES) // JOURNAL_DTYPE.itemsize
        for part in pieces(max(0, min(claimed, held))) if min(claimed, held) > 0 else [slice(0, 0)]:
            yield np.fromfile(file, JOURNAL_DTYPE, part.stop - part.start)


def read_header(path: Path) -> Header:
    """Read what one process's journal says of itself. Raises BadRunDirectory naming the file."""
    must_be_file(path)
    try:
        with path.open("rb") as file:
            return Header.from_bytes(file.read(HEADER_BYTES))
    except (OSError, ValueError) as error:
        raise BadRunDirectory(f"{path}: not a journal of leasebench: {error}") from error


def write_journal(path: Path, raw: Iterable[Path]) -> None:
    """Gather the journal files of all processes into `journal.parquet`. Raises BadRunDirectory.

    The cell is '' where the journal is of none: the harness. Steps beyond `RowKind` and reasons beyond `Reason` are
    numbered anew, all of one name alike.
    """
    try:
        with parquet_writer(path, JOURNAL_SCHEMA) as writer:
            for table in _row_groups(_journal_tables(path, raw)):
                writer.write_table(table)
    except BaseException:
        path.unlink(missing_ok=True)  # a part would be taken for all
        raise


def _row_groups(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Tables brought together, so that they never stand in memory all at once."""
    waiting = [JOURNAL_SCHEMA.empty_table()]
    for table in tables:
        waiting.append(table)
        if sum(map(len, waiting)) >= BATCH_ROWS:
            yield pa.concat_tables(waiting).unify_dictionaries()
            waiting = waiting[:1]
    yield pa.concat_tables(waiting).unify_dictionaries()


def _journal_tables(path: Path, raw: Iterable[Path]) -> Iterator[pa.Table]:
    steps: dict[str, int] = {}
    reasons: dict[str, int] = {}
    rows = 0
    for file in raw:
        for records in _raw_pieces(file):
            rows += len(records)
            if rows > MOST_ROWS:
                told = f"more than {MOST_ROWS:,} operations: take a shorter trial or a lower rate"
                raise BadRunDirectory(f"{path}: {told}")
            yield _journal_table(path, read_header(file), records, steps, reasons)


def _journal_table(
    path: Path, head: Header, records: npt.NDArray[Any], steps: dict[str, int], reasons: dict[str, int]
) -> pa.Table:
    """Records of one process as rows of `journal.parquet`."""
    who = {"cell": head.process.cell, "process": str(replace(head.process, cell="")), "clock": str(head.clock)}
    columns = {name: np.ascontiguousarray(records[name]) for name in JOURNAL_FIELDS}
    texts = {name: _all_of(text, len(records)) for name, text in who.items()}
    for what, known, own, all_own in (
        ("kind", KIND_NAMES, head.steps, steps),
        ("reason", REASON_NAMES, head.reasons, reasons),
    ):
        numbers = columns[what] = _numbers_in_all(path, what, own, all_own)[records[what]]
        texts[f"{what}_name"] = named(numbers, known | {number: name for name, number in all_own.items()})
    return pa.table(texts | columns, JOURNAL_SCHEMA)


def _numbers_in_all(path: Path, what: str, own: Sequence[str], all_own: dict[str, int]) -> npt.NDArray[np.uint8]:
    """For each number of one journal that of all journals; `all_own` numbers the names, and takes in new ones."""
    numbers = np.arange(1 << 8, dtype=np.uint8)
    for number, name in enumerate(own, start=OWN):
        common = all_own.setdefault(name, OWN + len(all_own))
        if common >= len(numbers):
            raise BadRunDirectory(f"{path}: more than {len(numbers) - OWN} {what}s that are none of leasebench's own")
        numbers[number] = common
    return numbers


def named(numbers: npt.NDArray[np.uint8], names: Mapping[int, str]) -> pa.DictionaryArray:
    """The names of numbers, one a row; '' for a number that no journal names."""
    there = np.unique(numbers)
    texts = pa.array([names.get(int(number), "") for number in there], pa.string())
    return pa.DictionaryArray.from_arrays(np.searchsorted(there, numbers).astype(np.int32), texts)


def _all_of(text: str, rows: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), [text])


def read_journal(path: Path) -> pd.DataFrame:
    """Read `journal.parquet`: one row an operation.

    Its columns are those of `record.journal`; a text is a category. Raises BadRunDirectory naming the file.
    """
    file = open_journal(path)
    with readable(path):
        return with_added(journal_rows(path, file.read()))


def journal_rows(path: Path, rows: Any) -> pd.DataFrame:
    """A table or a batch of a journal in memory. Raises BadRunDirectory where it holds what no process writes."""
    must_be_complete(path, rows, JOURNAL)
    frame: pd.DataFrame = rows.to_pandas()
    for name in map(str, frame.columns):
        texts = isinstance(frame[name].dtype, pd.CategoricalDtype)
        must_be_of_journal(path, name, frame[name].cat.categories if texts else frame[name].to_numpy())
    return frame


def must_be_of_journal(path: Path, name: str, values: Any) -> None:
    """Look at the numbers, or the texts, of one column of a journal. Raises BadRunDirectory."""
    if name in VERSIONS:
        _must_be_versions(path, values)
    elif name in (*INSTANTS, "service_ns"):
        _must_be_instants(path, values)
    elif name in PARSED:
        _must_parse(path, values, PARSED[name])


def open_journal(path: Path) -> Any:
    """Open a journal that has its columns. Raises BadRunDirectory."""
    file = open_table(path)
    must_have(path, file, JOURNAL, any_width=True)
    return file


def with_added(frame: pd.DataFrame) -> pd.DataFrame:
    """Fill in the columns that a journal of version 0.1 or before does not have: it was written on one host."""
    at = list(frame.columns).index("process") + 1
    if "kind_name" not in frame:
        frame.insert(at, "kind_name", named(frame["kind"].to_numpy(), KIND_NAMES).to_pandas())
    if "reason_name" not in frame:
        frame["reason_name"] = named(frame["reason"].to_numpy(), REASON_NAMES).to_pandas()
    if "clock" not in frame:
        frame.insert(at, "clock", _all_of(str(ONE_HOST), len(frame)).to_pandas())
    return frame


def open_table(path: Path) -> Any:
    """Open a Parquet file that may be read whole. Raises BadRunDirectory for one that is too large, or can't be read.

    A file of a few megabytes may hold any number of equal rows: what it says of its size is looked at before.
    """
    file = parquet_file(path)
    held = file.metadata
    unpacked = sum(held.row_group(number).total_byte_size for number in range(held.num_row_groups))
    for size, most, what in ((held.num_rows, MOST_ROWS, "rows"), (unpacked, MOST_BYTES, "bytes")):
        if size > most:
            raise BadRunDirectory(f"{path}: {size:,} {what}, more than the {most:,} that are read")
    return file


def _must_be_versions(path: Path, values: Ints) -> None:
    if len(values) and values.max() > MOST_VERSION:
        raise BadRunDirectory(f"{path}: no {path.stem}: {values.max():,} is no plan's version")


def _must_parse(path: Path, texts: Iterable[str], parse: Callable[[str], object]) -> None:
    for text in texts:
        try:
            parse(text)
        except ValueError as error:
            raise BadRunDirectory(f"{path}: no {path.stem}: {error}") from error


def _must_be_instants(path: Path, values: Ints) -> None:
    """0 stands for none. Beyond MOST_INSTANT_NS a difference of two would overflow."""
    for value in (values.min(initial=0), values.max(initial=0)):
        if not 0 <= value <= MOST_INSTANT_NS:
            raise BadRunDirectory(f"{path}: no {path.stem}: {value:,} ns is no time by any clock")
