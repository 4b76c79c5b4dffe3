"""Which node of a cluster has a slot, by what its nodes say; and a connection that goes there."""

from collections.abc import Mapping, Sequence
from typing import Any

from redis import Connection, SSLConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from leasebench.leases.servers.connections.primary import ToPrimary

Address = tuple[str, int]


class Shards:
    """Asks the nodes that the URL names, and those that these have told of."""

    def __init__(self, hosts: Sequence[Address], slot: int | None, options: Mapping[str, Any], *, secure: bool) -> None:
        self._hosts = list(hosts)
        self._slot = slot
        self._options = options
        self._made = SSLConnection if secure else Connection

    def primary(self) -> Address:
        """The node that has the slot. Raises redis-py's ConnectionError where nobody says."""
        if self._slot is None:
            self._slots()
            return self._hosts[0]
        for begin, end, node in self._slots():
            if begin <= self._slot <= end:
                return node
        raise RedisConnectionError(f"no node of the cluster has slot {self._slot}")

    def told(self) -> tuple[str, ...]:
        """The ranges of slots and who has them."""
        return tuple(f"slots {begin}-{end}: {host}:{port}" for begin, end, (host, port) in sorted(self._slots()))

    def _slots(self) -> list[tuple[int, int, Address]]:
        """First and last slot of each range and its primary, as the first node that answers says.

        That one is asked first from then on.
        """
        failed: list[str] = []
        for host, port in list(self._hosts):
            try:
                ranges = self._ask(host, port)
            except ResponseError as error:
                raise RedisConnectionError(f"CLUSTER SLOTS at {host}:{port}: {error}") from error
            except (RedisError, OSError) as error:
                failed.append(f"{host}:{port}: {error}")
                continue
            found = [(int(one[0]), int(one[1]), _address(one[2], host)) for one in ranges]
            others = [_address(node, host) for one in ranges for node in one[2:]]
            self._hosts = list(dict.fromkeys([(host, port), *others, *self._hosts]))
            return found
        raise RedisConnectionError(f"no node of the cluster answers: {'; '.join(failed)}")

    def _ask(self, host: str, port: int) -> list[Any]:
        connection: Any = self._made(host=host, port=port, **self._options)
        try:
            connection.connect()
            connection.send_command("CLUSTER", "SLOTS")
            ranges: list[Any] = connection.read_response()
        finally:
            connection.disconnect()
        return ranges


def _address(node: Sequence[Any], asked: str) -> Address:
    """Host and port of a node; one that does not know its own address is at the host that was asked."""
    host = node[0].decode() if isinstance(node[0], bytes) else node[0] or ""
    return (asked if host in ("", "?") else host), int(node[1])


class ShardConnection(ToPrimary):
    """Goes to the node that has the slot."""

    def __init__(self, *, shards: Shards, **options: Any) -> None:
        self._shards = shards
        super().__init__(**options)  # type: ignore[no-untyped-call]

    def _connect(self) -> Any:
        self.host, self.port = self._shards.primary()
        return super()._connect()  # type: ignore[no-untyped-call]


class SecureShardConnection(ShardConnection, SSLConnection):
    """The same over TLS."""
