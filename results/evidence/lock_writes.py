"""How `lock_writes.parquet` is written and read (`record.lock_writes`)."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from leasebench.results.evidence.parquet import (
    TEXT_TYPE,
    must_be_complete,
    must_have,
    open_table,
    parquet_writer,
    readable,
    schema_of,
)
from leasebench.results.record.lock_writes import LOCK_WRITES

SCHEMA = schema_of(LOCK_WRITES)


class LockWrite(NamedTuple):
    """One row but for its number; None for what does not apply."""

    heard_ns: int
    heard_us: int
    command: str
    key: str | None
    digest: int | None = None
    expires_us: int | None = None


class LockWritesWriter:
    """Writes the file, a row group a call: no more than one of them stands in memory at once."""

    def __init__(self, path: Path) -> None:
        self._writer = parquet_writer(path, SCHEMA)
        self.count = 0

    def append(self, rows: Sequence[LockWrite]) -> None:
        """Append what was heard next. Raises OSError."""
        if not rows:
            return
        columns = dict(zip(LockWrite._fields, zip(*rows, strict=True), strict=True))
        numbered = {"seq": range(self.count, self.count + len(rows)), **columns}
        arrays = [
            pa.array(numbered[field.name], pa.string()).dictionary_encode()
            if field.type == TEXT_TYPE
            else pa.array(numbered[field.name], field.type)
            for field in SCHEMA
        ]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=SCHEMA))
        self.count += len(rows)

    def close(self) -> None:
        """Complete the file."""
        self._writer.close()


def read_lock_writes(path: Path) -> pd.DataFrame:
    """Read the file; texts are categories, numbers that do not apply are -1. Raises BadRunDirectory naming it."""
    file = open_table(path)
    must_have(path, file, LOCK_WRITES)
    with readable(path):
        table = file.read()
        must_be_complete(path, table, LOCK_WRITES)
        columns = {
            field.name: table[field.name] if field.type == TEXT_TYPE else pa.compute.fill_null(table[field.name], -1)
            for field in SCHEMA
        }
        frame: pd.DataFrame = pa.table(columns).to_pandas()
    return frame
