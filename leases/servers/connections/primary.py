"""A connection that ends when the server says that it is not the one to ask: the next one asks who is."""

import re
from typing import Any

from redis import Connection, SSLConnection
from redis.exceptions import (
    AskError,
    ClusterDownError,
    ExecAbortError,
    ReadOnlyError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.sentinel import MasterNotFoundError, Sentinel, SentinelManagedConnection

from leasebench.leases.servers import NOT_THE_PRIMARY

ELSEWHERE = (AskError, ClusterDownError, ExecAbortError, ReadOnlyError, TryAgainError)
"""Classes that redis-py makes of such answers; they have lost the answer's code."""
A_SENTINEL = re.compile(r"<redis\.client\.Redis\(.*?,host=(.*?),port=(\d+).*?\)>\)>\)> -")
"""How redis-py names a sentinel before what came of asking it: with every option of the connection."""


class ToPrimary(Connection):
    """What libraries then see is a connection that broke, as they would after a fail-over that took the server away."""

    def read_response(self, *arguments: Any, **options: Any) -> Any:
        try:
            return super().read_response(*arguments, **options)
        except ResponseError as error:
            if isinstance(error, ELSEWHERE) or NOT_THE_PRIMARY.search(str(error)):
                self.disconnect()  # type: ignore[no-untyped-call]
                raise RedisConnectionError(f"not the primary any more: {error}") from error
            raise


class Sentinels(Sentinel):
    """The sentinels: nothing stays connected with them between two questions, for nobody would close that."""

    def discover_master(self, *arguments: Any) -> Any:
        try:
            return super().discover_master(*arguments)  # type: ignore[no-untyped-call]
        except MasterNotFoundError as error:
            raise MasterNotFoundError(A_SENTINEL.sub(r"\1:\2", str(error))) from error
        finally:
            self.close()

    def close(self) -> None:
        """Close every connection with them; the next question makes a new one."""
        for one in self.sentinels:
            one.connection_pool.disconnect()


class SentinelConnection(ToPrimary, SentinelManagedConnection):
    """To the primary that sentinels name."""


class SecureSentinelConnection(SentinelConnection, SSLConnection):
    """The same over TLS."""
