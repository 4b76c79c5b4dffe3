"""`journal.parquet`: one row an operation, as its process saw it."""

from collections.abc import Mapping
from enum import IntEnum

from leasebench.leases.outcome import Reason
from leasebench.results.record.names import JOURNAL_FILE
from leasebench.results.record.table import TEXT, TableColumn, row_schema

NO_ENDPOINT = 0xFFFF
CELL_RESOURCE = 0xFFFE
"""The endpoint number under which the lease of a whole cell stands."""


class RowKind(IntEnum):
    """What a row is about. `PLAN` is a whole application, from discovery to its end.

    A step that is none of these gets a number of its own, from OWN on, which `kind_name` names.

    `LOST` is a foreign lock that told its owner by itself that a lease is lost: a refusal at one instant.

    `PAUSE`, `DELAY`, `KILL` and `FAULT` (one from outside) are what a fault did: `attempt` is its number in the
    scenario, `seen` the microseconds that it asked for.
    """

    DISCOVER = 1
    ACQUIRE = 2
    CHECK = 3
    WORK = 4
    COMMIT = 5
    RELEASE = 6
    CLEAN = 7
    PLAN = 8
    PUBLISH = 9
    RENEW = 10
    VALIDATE = 11
    WITHDRAW = 12
    PAUSE = 13
    DELAY = 14
    DRAIN = 15
    KILL = 16
    FAULT = 17
    RESOLVE = 18
    REPAIR = 19
    RESUME = 20
    LOST = 21


OWN = 128
"""The number of the first step that `RowKind`, and of the first reason that `Reason` does not know."""


class RowOutcome(IntEnum):
    """What came of it; PENDING where the second half was never written, NOTHING for a wait that was given up."""

    PENDING = 0
    DONE = 1
    REFUSED = 2
    UNKNOWN = 3
    NOTHING = 4


REASON_NUMBERS: dict[str, int] = {reason.value: number for number, reason in enumerate(Reason, start=1)}
"""A refusal's reason as a row keeps it; 0 for none. Another package's has a number from OWN on: see `reason_name`."""


def _numbered(names: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in names.items())


BEGUN = (
    TableColumn("start_ns", "int64", "when it began, by `clock`"),
    TableColumn("due_ns", "int64", "when the load was due that it serves, by `clock`; 0 where nothing is scheduled"),
    TableColumn("attempt", "int64", "the process's number for it, the same as in the history; of a fault its number"),
    TableColumn("version", "int64", "the plan that it is about; 0 for none"),
    TableColumn("grant", "int64", "the process's number for the lease that it held or asked for; 0 for none"),
    TableColumn("kind", "uint8", "the number of its step, which `kind_name` names"),
    TableColumn(
        "endpoint",
        "uint16",
        f"the endpoint's place among those of the trial; {CELL_RESOURCE}: the cell's lease; {NO_ENDPOINT}: none",
    ),
)
"""What a process writes down before an operation, in the order in which its journal keeps it."""
ENDED = (
    TableColumn("end_ns", "int64", "when it ended, by `clock`; 0 where that was never seen"),
    TableColumn(
        "service_ns",
        "int64",
        "how long the server and the way there took; of a foreign lock its own time",
    ),
    TableColumn(
        "seen",
        "int64",
        "the version that it saw; of a fault the asked microseconds; of a drain its events; of a plan how often its "
        "enactor had looked for one (the low 32 bits) and was woken to look (the others); of an acquire "
        "of an opaque lock the digest of its token",
    ),
    TableColumn("fence", "int64", "the fencing number that it received; 0 for none"),
    TableColumn("outcome", "uint8", _numbered({each.name.lower(): each.value for each in RowOutcome})),
    TableColumn("reason", "uint8", f"why it was refused: {_numbered({'none': 0} | REASON_NUMBERS)}"),
)
"""What it writes down after it."""
WRITER = (
    TableColumn("cell", TEXT, "the cell of the process; '' for the harness"),
    TableColumn("process", TEXT, "the process or the part of one that saw it, by its name in its cell"),
    TableColumn("clock", TEXT, "the clock of its host: `host/boot/name`", added_later=True),
    TableColumn("kind_name", TEXT, "the name of its step", added_later=True),
)
INSTANTS = ("start_ns", "end_ns", "due_ns")
"""The columns that are by `clock`."""
REASON_NAME = TableColumn("reason_name", TEXT, "why it was refused; '' where it was not", added_later=True)
JOURNAL = (*WRITER, *BEGUN, *ENDED, REASON_NAME)


def journal_schema() -> dict[str, object]:
    """The JSON Schema of one row."""
    return row_schema(JOURNAL_FILE, "One operation, or one thing that a fault did.", JOURNAL)
