"""`clocks.json`: how far the clocks of a trial's hosts are from the harness's. One host needs none, and has no file."""

from pathlib import Path

from pydantic import Field, TypeAdapter, field_validator

from leasebench.results.record.clock import Clock
from leasebench.results.record.file import Record, is_there, read_json
from leasebench.results.record.names import CLOCKS_FILE

MOST_APART_NS = 1 << 61


class ClockRow(Record):
    """One clock, beside the harness's, by which `start_ns` and `end_ns` of `trial.json` are."""

    clock: str = Field(description="as the column `clock` of `journal.parquet` has it")
    offset_ns: int = Field(
        ge=-MOST_APART_NS,
        le=MOST_APART_NS,
        description="what to add to its instants to have them on the harness's clock",
    )
    uncertainty_ns: int = Field(ge=0, le=MOST_APART_NS, description="by how much that may be wrong, either way")

    @field_validator("clock")
    @classmethod
    def _is_one(cls, text: str) -> str:
        return str(Clock.parse(text))


CLOCKS = TypeAdapter(tuple[ClockRow, ...])


def read_clocks(folder: Path) -> tuple[ClockRow, ...] | None:
    """Read `clocks.json` of a trial; None where there is none. Raises BadRunDirectory."""
    path = folder / CLOCKS_FILE
    return read_json(path, CLOCKS) if is_there(path) else None
