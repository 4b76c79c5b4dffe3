"""The store in Redis or Valkey: every write is one Lua script (`lua/`), which also appends its event.

What speaks with a server is imported when one is spoken with: whoever only asks which drivers there are does not wait
for the client library. The processes of a trial are forked from one that has it (`bench.preload`).
"""

import re
from contextlib import closing
from typing import TYPE_CHECKING

from leasebench.enactors.plan import Cell
from leasebench.enactors.store.store import CellAddress, ServerFacts
from leasebench.leases.commit_rule import CommitRule
from leasebench.leases.errors import ServerError
from leasebench.leases.servers import ReplicaWait, access_of, schemes

if TYPE_CHECKING:
    from leasebench.enactors.store.redis.redis_store import RedisStore

OLDEST_VERSION = (6, 2)
"""XRANGE with an exclusive start, XTRIM MINID."""


class RedisDriver:
    """A connection a client."""

    name = "redis"
    about = "Redis or Valkey: one Lua script a write, the history in a stream"
    schemes = schemes()
    distributions = ("redis", "hiredis")
    permissions_page = "docs/howto/own-redis.md"

    def connect(
        self, url: str, address: CellAddress, cell: Cell, client: str, timeout_s: float, retries: int
    ) -> "RedisStore":
        from leasebench.enactors.store.redis.keys import Keys
        from leasebench.enactors.store.redis.redis_store import RedisStore
        from leasebench.enactors.store.redis.replicated_wire import ReplicatedWire
        from leasebench.enactors.store.redis.wire import Wire

        found, waiting = self.at_cell(url, address), ReplicaWait.of(url)
        if waiting is None:
            wire = Wire(found, timeout_s, retries)
        else:
            wire = ReplicatedWire(found, timeout_s, retries, waiting)
        return RedisStore(wire, Keys.of(address), cell, client)

    def at_cell(self, url: str, address: CellAddress) -> str:
        """The URL of the server that has the keys of the cell: they share a hash tag, so one shard of a cluster has."""
        return access_of(url).at_key(url, address.prefix)

    def shard(self, url: str, address: CellAddress) -> str:
        """Which shard that is, in words; "" where there is but one server."""
        return access_of(url).shard(url, address.prefix)

    def examine(self, url: str) -> ServerFacts:
        from leasebench.enactors.store.redis.wire import Wire

        with closing(Wire(url)) as wire:
            text = wire.call("INFO", "server").decode()
        info = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        version = info.get("redis_version", "0")
        if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < OLDEST_VERSION:
            raise ServerError(f"it is Redis {version}: leasebench needs 6.2 or later")
        if "valkey_version" in info:
            version, name, mode = info["valkey_version"], "valkey", info.get("server_mode", "standalone")
        else:
            name, mode = "redis", info.get("redis_mode", "standalone")
        return ServerFacts(name, version, mode, access_of(url).places(url))

    def denied(self, url: str) -> list[str]:
        from leasebench.enactors.store.redis.permissions import denied

        return denied(url)

    def must_enforce(self, rule: CommitRule) -> None:
        from leasebench.enactors.store.redis.scripts import commit_script

        if not rule.by_enactor:
            commit_script(rule)


PLUGIN = RedisDriver()
