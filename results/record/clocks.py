"""`clocks.json`: how far the clocks of a trial's hosts are from the harness's. One host needs none, and has no file."""

from pathlib import Path

from pydantic import Field, TypeAdapter

from leasebench.results.record.file import Record, read_json
from leasebench.results.record.names import CLOCKS_FILE


class ClockRow(Record):
    """One clock, beside the harness's, by which `start_ns` and `end_ns` of `trial.json` are."""

    clock: str = Field(description="as the column `clock` of `journal.parquet` has it")
    offset_ns: int = Field(description="what to add to its instants to have them on the harness's clock")
    uncertainty_ns: int = Field(ge=0, description="by how much that may be wrong, either way")


CLOCKS = TypeAdapter(tuple[ClockRow, ...])


def read_clocks(folder: Path) -> tuple[ClockRow, ...] | None:
    """Read `clocks.json` of a trial; None where there is none. Raises BadRunDirectory."""
    path = folder / CLOCKS_FILE
    return read_json(path, CLOCKS) if path.exists() else None
