"""The journals of a trial's processes, and `journal.parquet`, which they are gathered into (`record.journal`).

It has one row an operation, as its process saw it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from leasebench.results.evidence.columns import BATCH_ROWS, pieces
from leasebench.results.evidence.events import Ints
from leasebench.results.evidence.journal import COUNT_AT, HEADER_BYTES, MAGIC, Header
from leasebench.results.evidence.parquet import (
    MOST_ROWS,
    VERSIONS,
    must_be_complete,
    must_be_versions,
    must_have,
    open_table,
    parquet_writer,
    readable,
    schema_of,
)
from leasebench.results.record.clock import ONE_HOST, Clock
from leasebench.results.record.file import BadRunDirectory, must_be_file
from leasebench.results.record.journal import BEGUN, ENDED, INSTANTS, JOURNAL, OWN, REASON_NUMBERS, RowKind
from leasebench.results.record.process import Process

JOURNAL_DTYPE = np.dtype([(column.name, column.form) for column in (*BEGUN, *ENDED)], align=True)
"""A record of a process's own journal; numpy pads it as `struct` does."""
JOURNAL_FIELDS = tuple(column.name for column in (*BEGUN, *ENDED))
KIND_NAMES = {int(kind): kind.name.lower() for kind in RowKind}
REASON_NAMES = {number: reason for reason, number in REASON_NUMBERS.items()}
MOST_INSTANT_NS = 1 << 61
"""After 73 years of a host's running."""
PARSED: dict[str, Callable[[str], object]] = {"clock": Clock.parse, "process": Process.parse}
JOURNAL_SCHEMA = schema_of(JOURNAL)


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
        for part in list(pieces(min(claimed, held))) or [slice(0, 0)]:
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
        head = read_header(file)
        for records in _raw_pieces(file):
            rows += len(records)
            if rows > MOST_ROWS:
                told = f"more than {MOST_ROWS:,} operations: take a shorter trial or a lower rate"
                raise BadRunDirectory(f"{path}: {told}")
            yield _journal_table(path, head, records, steps, reasons)


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
        must_be_versions(path, values)
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
