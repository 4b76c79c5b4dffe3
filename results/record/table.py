"""The columns of a Parquet file of a trial, and the JSON Schema of a row that is published beside the run."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

TEXT = "text"


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column. `form` is TEXT, which the file keeps as a dictionary of strings, or numpy's name of a whole number.

    `nullable`: null says that it does not apply. `added_later`: a file of version 0.1 or before lacks it.
    """

    name: str
    form: str
    about: str
    nullable: bool = False
    added_later: bool = False

    def as_json(self) -> dict[str, Any]:
        """The column as a property of a row."""
        kind = "string" if self.form == TEXT else "integer"
        width = {} if self.form == TEXT else {"format": self.form}
        return {"type": [kind, "null"] if self.nullable else kind, **width, "description": self.about}


def row_schema(title: str, about: str, columns: Iterable[TableColumn]) -> dict[str, Any]:
    """The JSON Schema of one row, with the columns in the order of the file."""
    known = tuple(columns)
    return {
        "title": title,
        "description": about,
        "type": "object",
        "properties": {column.name: column.as_json() for column in known},
        "required": [column.name for column in known if not column.added_later],
    }
