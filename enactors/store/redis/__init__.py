"""The store in Redis or Valkey: every write is one Lua script (`lua/`), which also appends its event."""

from leasebench.enactors.plan import Cell
from leasebench.enactors.store.redis.keys import Keys
from leasebench.enactors.store.redis.redis_store import RedisStore
from leasebench.enactors.store.redis.scripts import commit_script
from leasebench.enactors.store.redis.wire import Wire
from leasebench.enactors.store.store import CellAddress
from leasebench.leases.commit_rule import CommitRule


class RedisDriver:
    """A connection a client."""

    name = "redis"
    about = "Redis or Valkey: one Lua script a write, the history in a stream"
    schemes = ("redis", "rediss", "unix")

    def connect(
        self, url: str, address: CellAddress, cell: Cell, client: str, timeout_s: float, retries: int
    ) -> RedisStore:
        return RedisStore(Wire(url, timeout_s, retries), Keys.of(address), cell, client)

    def must_enforce(self, rule: CommitRule) -> None:
        if not rule.by_enactor:
            commit_script(rule)


PLUGIN = RedisDriver()
