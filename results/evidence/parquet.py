"""How Parquet files of a run are opened: each page with a checksum, which whoever reads it looks at."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from leasebench.results.record.table import TEXT, TableColumn

TEXT_TYPE = pa.dictionary(pa.int32(), pa.string())


def schema_of(columns: Iterable[TableColumn]) -> pa.Schema:
    """The schema of a file with these columns, in their order."""
    return pa.schema(
        (each.name, TEXT_TYPE if each.form == TEXT else pa.from_numpy_dtype(each.form)) for each in columns
    )


def parquet_writer(path: Path, schema: pa.Schema) -> Any:
    """Begin a file. Raises OSError."""
    return pa.parquet.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True)


def parquet_file(path: Path) -> Any:
    """Open a file; a page that is not what was written raises OSError when it is read. Raises ArrowInvalid, OSError."""
    return pa.parquet.ParquetFile(path, page_checksum_verification=True)
