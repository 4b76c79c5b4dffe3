"""`clocks.json`: how far the clocks of a trial's hosts are from the harness's. One host needs none, and has no file."""

from itertools import pairwise
from pathlib import Path

from pydantic import Field, TypeAdapter, field_validator

from leasebench.results.record.clock import Clock
from leasebench.results.record.file import Record, is_there, read_json
from leasebench.results.record.names import CLOCKS_FILE

MOST_APART_NS = 1 << 61
MOST_READ_NS = 1 << 60
"""Of a reading: the sum of an instant and an offset still is a number of nanoseconds, and so is twice that."""
MOST_READINGS = 100_000


class ClockReading(Record):
    """A clock, read over the network: one of many round trips, the shortest."""

    at_ns: int = Field(ge=-MOST_READ_NS, le=MOST_READ_NS, description="the round trip's middle, by the harness's clock")
    offset_ns: int = Field(
        ge=-MOST_READ_NS, le=MOST_READ_NS, description="what to add to its instants to have them on the harness's clock"
    )
    uncertainty_ns: int = Field(
        ge=0, le=MOST_READ_NS, description="by how much both offsets may be wrong, either way: half the round trip"
    )
    wall_offset_ns: int | None = Field(
        default=None,
        ge=-MOST_APART_NS,
        le=MOST_APART_NS,
        description="what to add to its host's wall clock to have the harness's; negative where it is ahead",
    )

    @property
    def read_ns(self) -> int:
        """What the clock showed."""
        return self.at_ns - self.offset_ns


class ClockRow(Record):
    """One clock, beside the harness's, by which `start_ns` and `end_ns` of `trial.json` are.

    With `readings`, its offset at an instant lies on the line between the two beside it; `offset_ns` is that of the
    surest one, and `uncertainty_ns` then covers all between the first and the last. Several hosts may share a clock.
    """

    clock: str = Field(description="as the column `clock` of `journal.parquet` has it")
    offset_ns: int = Field(
        ge=-MOST_APART_NS,
        le=MOST_APART_NS,
        description="what to add to its instants to have them on the harness's clock",
    )
    uncertainty_ns: int = Field(ge=0, le=MOST_APART_NS, description="by how much that may be wrong, either way")
    host: str | None = Field(default=None, description="who has the clock; null where an older version wrote this")
    wall_offset_ns: int | None = Field(
        default=None,
        ge=-MOST_APART_NS,
        le=MOST_APART_NS,
        description="what to add to the host's wall clock to have the harness's; negative where it is ahead",
    )
    wall_uncertainty_ns: int | None = Field(default=None, ge=0, le=MOST_APART_NS, description="by how much that may be")
    readings: tuple[ClockReading, ...] = Field(
        default=(),
        max_length=MOST_READINGS,
        description="before, during and after the load, in the order of time; none of the harness's own clock",
    )

    @field_validator("clock")
    @classmethod
    def _is_one(cls, text: str) -> str:
        return str(Clock.parse(text))

    @field_validator("readings")
    @classmethod
    def _go_on(cls, readings: tuple[ClockReading, ...]) -> tuple[ClockReading, ...]:
        if any(later.read_ns <= earlier.read_ns for earlier, later in pairwise(readings)):
            raise ValueError("the readings are not in the order of time")
        return readings


CLOCKS = TypeAdapter(tuple[ClockRow, ...])


def read_clocks(folder: Path) -> tuple[ClockRow, ...] | None:
    """Read `clocks.json` of a trial; None where there is none. Raises BadRunDirectory."""
    path = folder / CLOCKS_FILE
    return read_json(path, CLOCKS) if is_there(path) else None
