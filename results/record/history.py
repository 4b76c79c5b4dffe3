"""`history.parquet`: one row an event, cell by cell in the order in which the store executed them."""

from leasebench.enactors.store.events import MEANINGS, TEXTS
from leasebench.results.record.names import HISTORY_FILE
from leasebench.results.record.table import TEXT, TableColumn, row_schema

STORE_NODE, LEASE_NODE = "n0", "n1"
"""The nodes of a cell: the store's server, and the lease server where it is another one."""
BEFORE = {
    "t_us": TableColumn("seq", "int64", "the event's place among those of its cell and node, from 0"),
    "endpoint": TableColumn("cell", TEXT, "the cell in which it happened"),
    "reason": TableColumn(
        "node", TEXT, f"the server that recorded it: `{STORE_NODE}` the store's, `{LEASE_NODE}` a lease server's own"
    ),
}
"""The columns beside the fields of an event, each by the field that it stands before."""
HISTORY = tuple(
    column
    for field, about in MEANINGS.items()
    for column in (
        BEFORE.get(field),
        TableColumn(field, TEXT if field in TEXTS else "int64", about, nullable=field not in ("t_us", "kind")),
    )
    if column is not None
)


def history_schema() -> dict[str, object]:
    """The JSON Schema of one event."""
    return row_schema(HISTORY_FILE, "One event. What does not apply to its kind is null.", HISTORY)
