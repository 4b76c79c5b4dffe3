"""The bare loop: a socket that sends a commit's script and reads its reply, and does nothing else."""

import socket
import time
from collections.abc import Callable, Iterable
from typing import Self

import hiredis

from leasebench.enactors.operations import Commit
from leasebench.enactors.store.redis.redis_store import RedisStore

NO_LEASE = b"$1\r\n1\r\n$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n"
"""After the version: attempt, and no lease, token, fence or version seen."""
SIMPLER = """
redis.call('HSET', KEYS[1], 'version', ARGV[1])
redis.call('XADD', KEYS[2], '*', 'e', ARGV[1])
return 1
"""
"""The least that can be called an audited commit: it writes, and says so in one step."""


def requests(store: RedisStore, endpoints: Iterable[str], rule: str) -> list[Callable[[bytes], bytes]]:
    """For each endpoint what makes the bytes of one commit of a version: those that `store` itself would send."""

    def request(endpoint: str) -> Callable[[bytes], bytes]:
        store.commit(Commit(endpoint, 1, rule), 1)
        head = store._commits[endpoint, rule, "", False, False][0].head
        return lambda version: head + b"$%d\r\n%b\r\n" % (len(version), version) + NO_LEASE

    return [request(endpoint) for endpoint in endpoints]


def simpler_requests(store: RedisStore, endpoints: Iterable[str]) -> list[Callable[[bytes], bytes]]:
    """The same with the script SIMPLER."""
    sha = store.wire.call("SCRIPT", "LOAD", SIMPLER)

    def request(endpoint: str) -> Callable[[bytes], bytes]:
        words = (b"EVALSHA", sha, b"2", store.keys.endpoint(endpoint).encode(), store.keys.history.encode())
        head = b"*6\r\n" + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)
        return lambda version: head + b"$%d\r\n%b\r\n" % (len(version), version)

    return [request(endpoint) for endpoint in endpoints]


class BareSocket:
    """A connection to the unix socket behind `url`."""

    def __init__(self, url: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(url.removeprefix("unix://"))
        self._reader = hiredis.Reader()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self, request: bytes) -> object:
        """Send one request and return its reply."""
        reader = self._reader
        self._socket.sendall(request)
        while (reply := reader.gets()) is False:
            reader.feed(self._socket.recv(65_536))
        return reply

    def walk(self, makers: list[Callable[[bytes], bytes]], first: int, until: float) -> int:
        """Commit ever newer versions to one endpoint after the other until then. Returns how many commits were done."""
        makers = makers[first:] + makers[:first]
        version = done = 0
        while time.perf_counter() < until:
            version += 1
            for make in makers:
                reply = self.ask(make(b"%d" % version))
                assert isinstance(reply, int | bytes), reply
                done += 1
        return done
