"""A cluster: the keys of a cell share a hash tag and so live on one shard, whose primary is asked for at each connect.

Which slot a key has: CRC16 of its hash tag modulo 16384; whose a slot is, any node says (`CLUSTER SLOTS`, valkey.io,
"Cluster specification"). The URL of a cell's server carries the slot. A client does what redis-py's cluster client does
for a single slot: it goes where the slot is, and asks again when a connection broke or a node says that it is not the
slot's primary.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from leasebench.leases.servers import ASKING, HostList, without_wait

if TYPE_CHECKING:
    from redis import ConnectionPool

    from leasebench.leases.servers.connections.shards import Shards

PORT = 6379
SLOT = "slot"


class ClusterAccess:
    """A URL without a slot leads to whichever node answers."""

    name = "cluster"
    about = "redis+cluster://h1:6379,h2,h3: the nodes are asked at each connect which of them has the cell's slot"
    schemes = ("redis+cluster", "rediss+cluster")
    moves = True

    def pool(self, url: str, options: Mapping[str, Any]) -> "ConnectionPool":
        from redis import ConnectionPool

        from leasebench.leases.servers.connections.shards import SecureShardConnection, ShardConnection, Shards

        read = HostList.of(url, PORT, (SLOT,))
        said = {**read.options, **options}
        slot = read.query.get(SLOT)
        shards = Shards(read.hosts, None if slot is None else int(slot), said, secure=read.secure)
        made = SecureShardConnection if read.secure else ShardConnection
        return ConnectionPool(connection_class=made, shards=shards, **said)

    def at_key(self, url: str, key: str) -> str:
        from redis.crc import key_slot

        parts = urlsplit(url)
        query = [*(pair for pair in parse_qsl(parts.query) if pair[0] != SLOT), (SLOT, str(key_slot(key.encode())))]
        return parts._replace(query=urlencode(query)).geturl()

    def shard(self, url: str, key: str) -> str:
        slot = int(parse_qsl(urlsplit(self.at_key(url, key)).query)[-1][1])
        host, port = _asked(url, slot).primary()
        return f"slot {slot} at {host}:{port}"

    def places(self, url: str) -> tuple[str, ...]:
        return _asked(url, None).told()


def _asked(url: str, slot: int | None) -> "Shards":
    """The shards, asked on connections of their own."""
    from leasebench.leases.servers.connections.shards import Shards

    read = HostList.of(without_wait(url), PORT, (SLOT,))
    return Shards(read.hosts, slot, {**read.options, **ASKING}, secure=read.secure)


PLUGIN = ClusterAccess()
