"""One event of the history stream: the line that the scripts append, and its fields.

The line is comma-separated text in one stream field, so that a reader can hand a million of them to a CSV
parser, and anyone can read them with `XRANGE`. Names and tokens hold no comma (`enactors.plan`).
"""

from typing import NamedTuple


class Event(NamedTuple):
    """What happened, in the server's own time.

    `t_us` is the server's TIME in microseconds; a number that does not apply is None, a text ''.
    `previous` is the endpoint's version just before, `active_endpoints` how many endpoints still pointed at
    a plan when it was deleted. `reason` is why the store refused; of a publication `rollback_to_<version>` where
    an operator published the content of that plan again, of a release `foreign` where it took another's lease.
    """

    t_us: int
    kind: str
    endpoint: str = ""
    version: int | None = None
    previous: int | None = None
    enactor: str = ""
    attempt: int | None = None
    lease: str = ""
    token: str = ""
    fence: int | None = None
    expires_us: int | None = None
    reason: str = ""
    active_endpoints: int | None = None


LINE_FIELDS = ("t_s", "t_us", *Event._fields[1:])
"""The fields of a line: TIME's two parts stand apart, because Lua would round their sum."""


def parse_event(line: bytes) -> Event:
    """Parse one line. Raises ValueError if it is none of ours."""
    parts = line.decode("ascii").split(",")
    if len(parts) != len(LINE_FIELDS):
        raise ValueError(f"not an event of the history: {line!r}")
    seconds, micros, kind, endpoint, version, previous, enactor, attempt, *rest = parts
    lease, token, fence, expires_us, reason, active = rest
    return Event(
        int(seconds) * 1_000_000 + int(micros),
        kind,
        endpoint,
        _number(version),
        _number(previous),
        enactor,
        _number(attempt),
        lease,
        token,
        _number(fence),
        _number(expires_us),
        reason,
        _number(active),
    )


def _number(text: str) -> int | None:
    return int(text) if text else None
