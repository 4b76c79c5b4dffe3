"""How Parquet files of a run are opened: each page with a checksum, which whoever reads it looks at."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet


def parquet_writer(path: Path, schema: pa.Schema) -> Any:
    """Begin a file. Raises OSError."""
    return pa.parquet.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True)


def parquet_file(path: Path) -> Any:
    """Open a file; a page that is not what was written raises OSError when it is read. Raises ArrowInvalid, OSError."""
    return pa.parquet.ParquetFile(path, page_checksum_verification=True)
