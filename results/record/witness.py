"""What came of holding what clients saw against the history, as a trial's row in `summary.json` has it."""

from collections.abc import Iterable, Iterator

from pydantic import BaseModel, ConfigDict, Field

from leasebench.results.record.names import HISTORY_FILE, JOURNAL_FILE

Cells = dict[str, int | str]
"""One row of a table, by column, without what does not apply."""


class Discrepancy(BaseModel):
    """Something that a client saw and the history does not bear out: the first of its kind, and how many more."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)
    name: str
    why: str = Field(description="what the two rows say of each other")
    cell: str
    journal: Cells | None = Field(description=f"the row of `{JOURNAL_FILE}`; null where no client asked")
    history: Cells | None = Field(description=f"the row of `{HISTORY_FILE}`; null where there is none")
    more: int = Field(default=0, description="of the same name in the same cell, beside this one")

    @property
    def client_row(self) -> str:
        """What the client wrote down, on a line."""
        return _told(self.journal)

    @property
    def store_row(self) -> str:
        """What the history says, on a line."""
        return _told(self.history)

    @property
    def sentence(self) -> str:
        """Both rows side by side."""
        rest = f" ({self.more} more)" if self.more else ""
        rows = f"{JOURNAL_FILE}: {self.client_row} | {HISTORY_FILE}: {self.store_row}"
        return f"{self.name}: {self.why}; {rows}{rest}"


class WitnessRow(BaseModel):
    """How much of a trial was held against its history: calls, reads and grants; and what could not be, by reason."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)
    covered: int
    uncovered: dict[str, int] = {}
    discrepancies: tuple[Discrepancy, ...] = ()


def witness_lines(rows: Iterable[WitnessRow | None]) -> Iterator[str]:
    """How much of some trials was held against their histories, and a line for each reason why the rest was not."""
    seen = [row for row in rows if row is not None]
    if not seen:
        return
    where = "1 trial" if len(seen) == 1 else f"{len(seen)} trials"
    covered = sum(one.covered for one in seen)
    yield f"what clients saw was held against the history, {covered:,} calls and reads of {where}"
    for reason in sorted({reason for one in seen for reason in one.uncovered}):
        yield f"not covered: {sum(one.uncovered.get(reason, 0) for one in seen):,} {reason}"


def _told(row: Cells | None) -> str:
    return "no row" if row is None else " ".join(f"{name}={value}" for name, value in row.items())
