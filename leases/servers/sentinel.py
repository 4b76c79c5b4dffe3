"""A primary that sentinels watch over: they are asked for it at each connect, and so again after a fail-over.

redis-py's `Sentinel` asks them (redis.io, "Guidelines for Redis clients with support for Redis Sentinel"): one after
the other, and the first that knows a primary which it does not believe to be down is believed.
"""

from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from leasebench.leases.servers import ASKING, HostList, without_wait

if TYPE_CHECKING:
    from redis import ConnectionPool

PORT = 26379
USERNAME, PASSWORD = "sentinel_username", "sentinel_password"


class SentinelAccess:
    """User and password are the server's; those of the sentinels stand in the query. With TLS both speak it."""

    name = "sentinel"
    about = "redis+sentinel://h1:26379,h2,h3/name: the sentinels are asked for the primary at each connect"
    schemes = ("redis+sentinel", "rediss+sentinel")
    moves = True

    def pool(self, url: str, options: Mapping[str, Any]) -> "ConnectionPool":
        from redis.sentinel import SentinelConnectionPool

        from leasebench.leases.servers.connections.primary import SecureSentinelConnection, SentinelConnection

        sentinels, service, said = _asked(url, options)
        made = SecureSentinelConnection if url.startswith("rediss") else SentinelConnection
        untyped: Any = SentinelConnectionPool
        pool: ConnectionPool = untyped(service, sentinels, **{**said, **options, "connection_class": made})
        return pool

    def at_key(self, url: str, key: str) -> str:  # noqa: ARG002
        return url

    def shard(self, url: str, key: str) -> str:  # noqa: ARG002
        return ""

    def places(self, url: str) -> tuple[str, ...]:
        sentinels, service, _ = _asked(without_wait(url), ASKING)
        with closing(sentinels):
            host, port = sentinels.discover_master(service)
            followers = sentinels.discover_slaves(service)
        there = [f"primary of {service}: {host}:{port}", *(f"replica: {at[0]}:{at[1]}" for at in sorted(followers))]
        return tuple(there)


def _asked(url: str, options: Mapping[str, Any]) -> tuple[Any, str, dict[str, Any]]:
    """The sentinels, the name of the primary, and redis-py's options for the server."""
    from leasebench.leases.servers.connections.primary import Sentinels

    read = HostList.of(url, PORT, (USERNAME, PASSWORD))
    service, _, database = read.path.partition("/")
    if not service:
        raise ValueError(f"the name that the sentinels know the primary by is missing: {read.hosts[0][0]}:{PORT}/name")
    said = {**read.options, **({"db": int(database)} if database else {})}
    of_sentinels = {
        name: value for name, value in {**said, **options}.items() if name not in ("db", "username", "password")
    }
    for name, option in ((USERNAME, "username"), (PASSWORD, "password")):
        if option_given := read.query.get(name):
            of_sentinels[option] = option_given
    if read.secure:
        of_sentinels["ssl"] = True
    untyped: Any = Sentinels
    return untyped(read.hosts, sentinel_kwargs=of_sentinels), service, said


PLUGIN = SentinelAccess()
