"""What a proxy is asked to do, as values: they cross from the harness to the proxy's process."""

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from leasebench.bench.servers.credentials import without_password
from leasebench.bench.servers.server import ServerUnusable

DEFAULT_PORT = 6379
NOT_FOR_A_SOCKET = frozenset({"host", "port", "path", "socket_keepalive"})
"""Arguments in a URL's query that say where the server is, or that a unix socket does not know."""


class Mode(StrEnum):
    """The ways in which a network fails."""

    DELAY = "delay"
    DROP = "drop"
    PARTITION = "partition"
    LATE_WRITE = "late_write"
    LOST_REPLY = "lost_reply"


class On(StrEnum):
    """The requests that a delay or a drop applies to."""

    ALL = "all"
    COMMIT = "commit"


@dataclass(frozen=True, slots=True)
class NetRule:
    """One network fault; a mode reads only what is its own. `number` is the fault's in the scenario.

    `delay_ms` and `jitter_ms` (the median of what is added) are a delay's, `drop_chance` a drop's. A late write and a
    lost reply hit one in every `every` commits; `hold_ms` is how long the write is held at most, or the lost
    reply's connection is kept open.
    """

    number: int
    mode: Mode
    on: On = On.ALL
    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    drop_chance: float = 0.0
    every: int = 1
    hold_ms: float = 0.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class ProxyWish:
    """What the faults of a scenario need of the route of one process; a partition only needs it to be cuttable.

    With `holds` a forced schedule can hold commits one by one (`modes.HeldCommits`).
    """

    rules: tuple[NetRule, ...] = ()
    holds: bool = False

    def and_also(self, other: "ProxyWish") -> "ProxyWish":
        """Both needs on one route."""
        return ProxyWish(self.rules + other.rules, self.holds or other.holds)


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where a proxy forwards to: a unix socket, or host and port; and what its own connection has to say there."""

    path: str | None
    host: str
    port: int
    greeting: tuple[tuple[str, ...], ...]


def upstream_of(url: str) -> Upstream:
    """The address that `url` names. Raises ServerUnusable for one that can't be forwarded to."""
    parts = urlsplit(url)
    if parts.scheme not in ("unix", "redis"):
        raise ServerUnusable(
            without_password(f"server {url}: the network fault needs to read the requests: use redis:// or unix://")
        )
    query = _query(url)
    user = unquote(parts.username or "") or query.get("username", "")
    password = unquote(parts.password or "") or query.get("password", "")
    greeting: list[tuple[str, ...]] = []
    if password:
        greeting.append(("AUTH", user, password) if user else ("AUTH", password))
    if query.get("db", "0") != "0":
        greeting.append(("SELECT", query["db"]))
    path = unquote(parts.path) if parts.scheme == "unix" else None
    return Upstream(path, unquote(parts.hostname or "localhost"), parts.port or DEFAULT_PORT, tuple(greeting))


def address_through(url: str, socket: str) -> str:
    """The address of `socket` for a client that was to use `url`: user, password and database stay its own to say."""
    credentials = urlsplit(url).netloc.rpartition("@")[0]
    query = {name: value for name, value in _query(url).items() if name not in NOT_FOR_A_SOCKET}
    return f"unix://{credentials}{'@' if credentials else ''}{quote(socket)}{'?' if query else ''}{urlencode(query)}"


def _query(url: str) -> dict[str, str]:
    """A URL's query, with the database that a redis:// URL may also name as its path."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    database = parts.path.strip("/") if parts.scheme == "redis" else ""
    return {"db": database, **query} if database else query
