"""One event of the history stream: the line that the scripts append, and its fields.

The line is comma-separated text in one stream field, so that a reader can hand a million of them to a CSV
parser, and anyone can read them with `XRANGE`. Names and tokens hold no comma (`enactors.plan`).
"""

from typing import Annotated, Any, NamedTuple, get_type_hints

ROLLBACK_TO = "rollback_to_"
"""How the reason of a publication begins that takes the content of another plan; that plan's version follows."""
FOREIGN = "foreign"
"""The reason of a release that took another owner's lease."""
KINDS = (
    "publish",
    "commit",
    "reject",
    "delete",
    "grant",
    "renew",
    "release",
    "expire",
    "watch_conflict",
    "quarantine",
    "register",
    "repair",
    "restart",
)
"""`repair` is an operator's step. `restart`: the node is back where it was just before its event `previous` (a seq).

What happened since then is gone, and what it had forgotten since then, at a restart before, is there again.
"""


class Event(NamedTuple):
    """What happened: the one place that says what an event of the history is. A text that does not apply is ''."""

    t_us: Annotated[int, "the server's TIME, in microseconds since the epoch; it may step back"]
    kind: Annotated[str, f"what happened: {', '.join(KINDS)}"]
    endpoint: Annotated[str, "the endpoint that it is about"] = ""
    version: Annotated[int | None, "the plan that it is about"] = None
    previous: Annotated[
        int | None, "the endpoint's version just before; at a restart the event back to which the node went"
    ] = None
    enactor: Annotated[str, "who asked for it, by its name in its cell"] = ""
    attempt: Annotated[int | None, "the asking process's number for it, the same as in its journal"] = None
    lease: Annotated[str, "the lease that it is about: an endpoint's name, or the cell's"] = ""
    token: Annotated[str, "what proves the ownership of that grant"] = ""
    fence: Annotated[int | None, "the fencing number of that grant"] = None
    expires_us: Annotated[int | None, "when the lease expires by itself, as t_us"] = None
    reason: Annotated[
        str,
        f"why the store refused; of a publication `{ROLLBACK_TO}N`: with the content of plan N; "
        f"of a release `{FOREIGN}`: it took another owner's lease",
    ] = ""
    active_endpoints: Annotated[int | None, "at a deletion: how many endpoints still pointed at the plan"] = None

    @property
    def rollback_to(self) -> int | None:
        """The plan whose content an operator published again; None for a plan of its own."""
        return rollback_target(self.reason)

    @property
    def is_foreign(self) -> bool:
        """Whether it is a release that took another owner's lease."""
        return self.reason == FOREIGN


TEXTS = frozenset(name for name, kind in get_type_hints(Event).items() if kind is str)
"""The fields that are text; all others are whole numbers."""
MEANINGS = {name: str(hint.__metadata__[0]) for name, hint in get_type_hints(Event, include_extras=True).items()}
"""What each field says, in the order of the fields."""
LINE_FIELDS = ("t_s", "t_us", *Event._fields[1:])
"""The fields of a line: TIME's two parts stand apart, because Lua would round their sum."""


def rollback_target(reason: str) -> int | None:
    """The version in the reason of a publication that takes the content of another plan; None in any other reason."""
    version = reason.removeprefix(ROLLBACK_TO)
    return int(version) if version != reason and version.isdecimal() else None


def line_of(event: Event) -> bytes:
    """The line of an event, as the scripts write it."""
    seconds, micros = divmod(event.t_us, 1_000_000)
    return ",".join("" if part is None else str(part) for part in (seconds, micros, *event[1:])).encode("ascii")


def parse_event(line: bytes) -> Event:
    """Parse one line. Raises ValueError if it is none of ours."""
    parts = line.decode("ascii").split(",")
    if len(parts) != len(LINE_FIELDS):
        raise ValueError(f"not an event of the history: {line!r}")
    fields: dict[str, Any] = {
        name: text if name in TEXTS else _number(text) for name, text in zip(LINE_FIELDS, parts, strict=True)
    }
    fields["t_us"] = int(parts[0]) * 1_000_000 + int(parts[1])
    del fields["t_s"]
    return Event(**fields)


def _number(text: str) -> int | None:
    return int(text) if text else None
