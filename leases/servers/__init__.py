"""How a client finds the Redis server behind a URL: it is there, the sentinels know it, or the nodes of a cluster do.

Each way is one file, found by the scheme of the URL. Options stand in the URL's query: those of redis-py (`db`,
`ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile` ...), and `wait_replicas` and `wait_ms`, ours: see `ReplicaWait`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from leasebench.definitions import DefinitionError
from leasebench.registry import plugins

if TYPE_CHECKING:
    from redis import ConnectionPool, Redis

WAIT_REPLICAS, WAIT_MS = "wait_replicas", "wait_ms"
DEFAULT_WAIT_MS = 100
ASK_WITHIN_S = 1.0
"""How long a sentinel or a node may take to say where a server is, for whoever only wants to know."""
ASKING = {"socket_timeout": ASK_WITHIN_S, "socket_connect_timeout": ASK_WITHIN_S}
"""redis-py's options for that."""
MOST_WAIT_REPLICAS = 100
FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
"""Options of redis-py that name a file."""
NOT_THE_PRIMARY = re.compile(
    r"(?:^|[\s-])(READONLY|MOVED|ASK|CLUSTERDOWN|TRYAGAIN|MASTERDOWN|NOREPLICAS|LOADING|UNBLOCKED|EXECABORT) "
)
"""What a server says that does nothing because it is not, or not any more, the one to ask (valkey.io: "Cluster
specification", "Replication", `src/server.c`). A script that is answered so has not written."""


class ServerAccess(Protocol):
    """One way in which a client finds the server to speak with."""

    name: str
    about: str
    schemes: tuple[str, ...]
    """The URL schemes by which it is meant."""
    moves: bool
    """Whether another server may take over: a connection asks again whom it has to speak with."""

    def pool(self, url: str, options: Mapping[str, Any]) -> "ConnectionPool":
        """Make connections to the server at `url`, with options of redis-py. Raises ValueError for a bad URL."""
        ...

    def at_key(self, url: str, key: str) -> str:
        """The URL of the server that has `key` and all keys of the same hash tag."""
        ...

    def shard(self, url: str, key: str) -> str:
        """Which of several servers has `key` now, in words; "" where there is only one to have it."""
        ...

    def places(self, url: str) -> tuple[str, ...]:
        """Where the servers are that the URL leads to at the moment, in words; none where the URL says it all."""
        ...


PROTOCOL = ServerAccess


@dataclass(frozen=True, slots=True)
class ReplicaWait:
    """A write counts as acknowledged once `replicas` replicas have it, too, within `ms` (redis.io, "WAIT")."""

    replicas: int
    ms: int

    @classmethod
    def of(cls, url: str) -> Self | None:
        """What the query of a URL asks for; None if nothing. Raises ValueError for what is no number."""
        query = dict(parse_qsl(urlsplit(url).query))
        if WAIT_REPLICAS not in query:
            if WAIT_MS in query:
                raise ValueError(f"{WAIT_MS} says how long to wait, and {WAIT_REPLICAS}, for how many, is missing")
            return None
        replicas, ms = _whole(query, WAIT_REPLICAS), _whole({WAIT_MS: str(DEFAULT_WAIT_MS), **query}, WAIT_MS)
        if not 1 <= replicas <= MOST_WAIT_REPLICAS:
            raise ValueError(f"{WAIT_REPLICAS} is from 1 to {MOST_WAIT_REPLICAS} (got {replicas})")
        return cls(replicas, ms)


def _whole(query: Mapping[str, str], name: str) -> int:
    if not query[name].isascii() or not query[name].isdigit() or not int(query[name]):
        raise ValueError(f"{name} is a whole number above 0 (got {query[name]})")
    return int(query[name])


def access_of(url: str) -> ServerAccess:
    """The way that the scheme of `url` means. Raises DefinitionError if there is none."""
    scheme = url.partition(":")[0].lower()
    found: ServerAccess | None = next(
        (one for one in plugins("leases.servers").values() if scheme in one.schemes), None
    )
    if found is None:
        raise DefinitionError(f"no client of Redis knows {scheme}://")
    return found


def schemes() -> tuple[str, ...]:
    """The URL schemes of all ways."""
    ways: list[ServerAccess] = sorted(plugins("leases.servers").values(), key=lambda one: (one.moves, one.name))
    return tuple(scheme for one in ways for scheme in one.schemes)


def pool_of(url: str, **options: Any) -> "ConnectionPool":
    """Connections to the server at `url`. Raises ValueError: which option is not known, which file is not there."""
    query = dict(parse_qsl(urlsplit(url).query))
    for name in FILES:
        if name in query and not Path(query[name]).is_file():
            raise ValueError(f"{name}: there is no file {query[name]}")
    ReplicaWait.of(url)
    pool = access_of(url).pool(without_wait(url), options)
    try:
        pool.connection_class(**pool.connection_kwargs)  # it does not connect
    except TypeError as error:
        unknown = re.search(r"argument '(\w+)'", str(error))
        raise ValueError(f"the URL's option {unknown[1]} is not known" if unknown else str(error)) from error
    return pool


def client_of(url: str, *, single: bool, **options: Any) -> "Redis":
    """redis-py's client for the server at `url`, over one connection if `single`. Raises ValueError as `pool_of`."""
    from redis import Redis

    if not access_of(url).moves:
        return Redis.from_url(without_wait(url), single_connection_client=single, **options)
    return Redis(connection_pool=pool_of(url, **options), single_connection_client=single)


def without_wait(url: str) -> str:
    """The URL without our own options, which redis-py does not know."""
    address, _, text = url.partition("?")
    query = parse_qsl(text, keep_blank_values=True)
    ours = {WAIT_REPLICAS, WAIT_MS}
    if not {name for name, _ in query} & ours:
        return url
    left = urlencode([(name, value) for name, value in query if name not in ours])
    return f"{address}?{left}" if left else address


@dataclass(frozen=True, slots=True)
class HostList:
    """A URL that names several hosts: `redis+way://user:password@h1:26379,h2,[::1]:26380/path?option=value`."""

    hosts: tuple[tuple[str, int], ...]
    path: str
    query: Mapping[str, str]
    options: Mapping[str, Any]
    """What redis-py makes of user, password and the other options."""
    secure: bool

    @classmethod
    def of(cls, url: str, port: int, own: tuple[str, ...] = ()) -> Self:
        """Read a URL; hosts without a port have `port`, options called `own` are not redis-py's. Raises ValueError."""
        from redis import connection

        parts = urlsplit(url)
        credentials, at, hosts = parts.netloc.rpartition("@")
        query = dict(parse_qsl(parts.query))
        secure = parts.scheme.startswith("rediss")
        theirs = {name: value for name, value in query.items() if name not in own}
        untyped: Any = connection.parse_url
        options = untyped(f"{'rediss' if secure else 'redis'}://{credentials}{at}host?{urlencode(theirs)}")
        for name in ("host", "connection_class"):
            options.pop(name, None)
        return cls(
            tuple(_address(one, port) for one in hosts.split(",")), parts.path.strip("/"), query, options, secure
        )


def _address(text: str, port: int) -> tuple[str, int]:
    found = re.fullmatch(r"(\[[^\]]+\]|[^:\[\]]+)(?::(\d{1,5}))?", text.strip())
    if found is None:
        raise ValueError(f"{text or 'nothing'!r} is no host: h1:{port},h2:{port} is expected")
    return found[1].strip("[]"), int(found[2] or port)
