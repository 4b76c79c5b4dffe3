"""The redis-py client that the adapters of libraries share: one connection's worth of settings, and no retries.

`redis.Redis()` repeats a request up to ten times by default, and so a write whose reply was lost.
"""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from leasebench.leases.errors import ServerDown
from leasebench.leases.lease import Wait
from leasebench.leases.manager import Lock, LockObjects, Taken
from leasebench.leases.servers import client_of

BLOCKED_AT_MOST_S = 10.0
"""How long a library may wait in one blocking command (BLPOP) beyond the client's time-out."""

_as_it_comes: list[list[bool]] = []


def options(timeout_s: float, *, blocks: bool = False, ours: bool = False) -> dict[str, Any]:
    """The options of a client: explicit time-outs, in seconds, and no retries.

    `blocks`: for a library that BLPOPs. `ours`: the protocol says that nothing is sent again, whoever wants that.
    """
    reads_s = timeout_s + BLOCKED_AT_MOST_S if blocks else timeout_s
    times = {"socket_timeout": reads_s, "socket_connect_timeout": timeout_s}
    # Here, as in all adapters: who only lists the guards does not wait 0.1 s for it.
    if _as_it_comes and not ours:
        from redis import Redis

        _as_it_comes[-1].append(True)
        return {**times, "retry": Redis().get_retry()}
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return {**times, "retry": Retry(NoBackoff(), 0)}


@contextmanager
def retrying_as_it_comes() -> Iterator[list[bool]]:
    """Let the clients that are made inside retry as `redis.Redis()` does. Yields a list: not empty, if any was made.

    `Redis.from_url` is another matter: redis-py 8.1 gives such a client no retries.
    """
    _as_it_comes.append([])
    try:
        yield _as_it_comes[-1]
    finally:
        _as_it_comes.pop()


class RedisLocks(LockObjects[Lock]):
    """A library of locks over a redis-py client, `client`. It connects at once: raises ServerDown.

    With `more_urls`, over `clients`, one for each server: these connect when they are used, since a lock over several
    servers is to work while one of them is away.
    """

    blocks = False
    """Whether the library waits in a blocking command."""
    ours = False
    """Whether it is a protocol of our own, with a client of its own, and no library whose users bring theirs."""

    def __init__(
        self, url: str, timeout_s: float, *, more_urls: Sequence[str] = (), single: bool = True, **more: Any
    ) -> None:
        from redis.exceptions import ConnectionError as RedisConnectionError
        from redis.exceptions import TimeoutError as RedisTimeoutError

        super().__init__()
        self.silent = (RedisConnectionError, RedisTimeoutError)
        said = {**options(timeout_s, blocks=self.blocks, ours=self.ours), **more}
        single = single and not more_urls
        try:
            self.clients: list[Any] = [client_of(one, single=single, **said) for one in (url, *more_urls)]
            self.client = self.clients[0]
            if not single and not more_urls:
                self.client.ping()  # a pool connects when it is first asked
        except self.silent as error:
            raise ServerDown(f"{url}: {error}") from error

    @abstractmethod
    def take(self, key: str, ttl_ms: int, wait: Wait) -> tuple[Lock, Taken] | None:
        """See `LockObjects`."""

    def has(self, key: str, token: str) -> bool:
        """Look whether a key holds this token: for a library that can't tell itself."""
        found = self.client.get(key)
        return found is not None and found.decode() == token

    def close(self) -> None:
        """Close the client."""
        for client in self.clients:
            client.close()
            client.connection_pool.disconnect()
