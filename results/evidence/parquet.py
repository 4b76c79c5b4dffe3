"""How Parquet files of a run are opened: each page with a checksum, which whoever reads it looks at."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet

from leasebench.results.record.file import BadRunDirectory, must_be_file, unreadable
from leasebench.results.record.table import TEXT, TableColumn

TEXT_TYPE = pa.dictionary(pa.int32(), pa.string())
MOST_ROWS = 20_000_000
"""The most rows of one history or journal (some 2 GB, were it all in memory); more are neither written nor read."""
MOST_BYTES = 150 * MOST_ROWS
"""The most bytes of one file, unpacked: a row takes at most 80, and a name or token of its own."""
VERSIONS = frozenset({"version", "previous"})
MOST_VERSION = (1 << 31) - 1
"""A thousand plans a second for 24 days. Higher ones are a damaged file's, and products of them would overflow."""


def schema_of(columns: Iterable[TableColumn]) -> pa.Schema:
    """The schema of a file with these columns, in their order."""
    return pa.schema(
        (each.name, TEXT_TYPE if each.form == TEXT else pa.from_numpy_dtype(each.form)) for each in columns
    )


def parquet_writer(path: Path, schema: pa.Schema) -> Any:
    """Begin a file. Raises OSError."""
    return pa.parquet.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True)


def parquet_file(path: Path) -> Any:
    """Open a file; a page that is not what was written raises OSError when it is read. Raises BadRunDirectory."""
    must_be_file(path)
    with readable(path):
        return pa.parquet.ParquetFile(path, page_checksum_verification=True)


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


def must_have(path: Path, file: Any, columns: Iterable[TableColumn], *, any_width: bool = False) -> None:
    """Raise BadRunDirectory where a column is missing, there twice, or of another type; see `TableColumn`.

    `any_width`: a whole number, and the number by which a text is looked up, may be of any width.
    """
    schema, known = file.schema_arrow, tuple(columns)
    there = {column.name: schema.get_all_field_indices(column.name) for column in known}
    for column in known:
        if len(there[column.name]) > 1 or not (there[column.name] or column.added_later):
            how = "is there twice" if there[column.name] else "is missing"
            raise BadRunDirectory(f"{path}: no {path.stem}: the column {column.name} {how}")
    for field in schema_of(column for column in known if there[column.name]):
        kind = schema.field(there[field.name][0]).type
        if not (_is_like(kind, field.type) if any_width else kind == field.type):
            raise BadRunDirectory(f"{path}: no {path.stem}: the column {field.name} is of type {kind}")


def _is_like(kind: Any, wanted: Any) -> bool:
    """Whether a column's type is the wanted one, whatever the width of its whole numbers."""
    if pa.types.is_dictionary(wanted):
        return bool(pa.types.is_dictionary(kind) and kind.value_type == wanted.value_type)
    return bool(pa.types.is_integer(kind))


def must_be_complete(path: Path, rows: Any, columns: Iterable[TableColumn]) -> None:
    """Raise BadRunDirectory where a table or a batch has texts that are none, or nulls in a column without any."""
    with readable(path):
        rows.validate(full=True)
    for column in columns:
        if not column.nullable and column.name in rows.schema.names and rows[column.name].null_count:
            raise BadRunDirectory(f"{path}: no {path.stem}: there are nulls in the column {column.name}")


def must_be_versions(path: Path, values: npt.NDArray[np.int64]) -> None:
    """Raise BadRunDirectory where a number is no plan's version."""
    if len(values) and values.max() > MOST_VERSION:
        raise BadRunDirectory(f"{path}: no {path.stem}: {values.max():,} is no plan's version")


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Read inside from a file that was opened: whatever Arrow finds wrong with it raises BadRunDirectory."""
    try:
        yield
    except BadRunDirectory:
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        raise unreadable(path, error) from error
