"""One server, at the address that its URL says."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redis import ConnectionPool


class PlainAccess:
    """Says nothing that redis-py does not."""

    name = "plain"
    about = "one server, at the address of its URL"
    schemes = ("redis", "rediss", "unix")
    moves = False

    def pool(self, url: str, options: Mapping[str, Any]) -> "ConnectionPool":
        from redis import ConnectionPool

        pool: ConnectionPool = ConnectionPool.from_url(url, **options)
        return pool

    def at_key(self, url: str, key: str) -> str:  # noqa: ARG002
        return url

    def shard(self, url: str, key: str) -> str:  # noqa: ARG002
        return ""

    def places(self, url: str) -> tuple[str, ...]:  # noqa: ARG002
        return ()


PLUGIN = PlainAccess()
