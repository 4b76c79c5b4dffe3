"""What came of holding what clients saw against the history, as a trial's row in `summary.json` has it."""

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
    def sentence(self) -> str:
        """Both rows side by side."""
        rest = f" ({self.more} more)" if self.more else ""
        rows = f"{JOURNAL_FILE}: {_told(self.journal)} | {HISTORY_FILE}: {_told(self.history)}"
        return f"{self.name}: {self.why}; {rows}{rest}"


class WitnessRow(BaseModel):
    """How much of a trial was held against its history: calls, reads and grants; and what could not be, by reason."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)
    covered: int
    uncovered: dict[str, int] = {}
    discrepancies: tuple[Discrepancy, ...] = ()


def _told(row: Cells | None) -> str:
    return "no row" if row is None else " ".join(f"{name}={value}" for name, value in row.items())
