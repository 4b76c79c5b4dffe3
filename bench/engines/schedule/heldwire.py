"""The way from one process to its server, on which a commit can be held: sent, and not there yet.

It is a private unix socket. Requests and replies pass through it as they come, until the next commit is to be held:
its bytes then stay here, and the process loses its connection and never hears of it. The connection to the server is
kept, with what the process had asked of it before (WATCH), and the commit arrives on it when it is let go, whatever has
become of the process since.

Nothing runs here by itself: only one process of a schedule moves at a time, and whoever waits for it moves the wire.
"""

import shutil
import socket
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Self

import hiredis

from leasebench.bench.proxy.rules import Upstream, detoured, upstream_of
from leasebench.bench.proxy.spotting import Spotter
from leasebench.bench.servers.local import private_directory

RECEIVE_BYTES = 65_536
ANSWER_WITHIN_S = 10.0
BACKLOG = 8


@dataclass(slots=True)
class HeldCommit:
    """A commit that was sent and has not arrived: its bytes, how many requests they are, and its way to the server."""

    server: socket.socket
    data: bytes
    requests: int

    def arrive(self) -> Any:
        """Let it arrive. Returns the last of the server's replies; raises OSError if there is none."""
        reader = hiredis.Reader()
        self.server.settimeout(ANSWER_WITHIN_S)
        try:
            self.server.sendall(self.data)
            reply: Any = None
            for _ in range(self.requests):
                while (reply := reader.gets()) is False:
                    received = self.server.recv(RECEIVE_BYTES)
                    if not received:
                        raise ConnectionResetError("the server closed the connection of a commit in flight")
                    reader.feed(received)
        finally:
            self.server.close()
        return reply


class HeldWire:
    """A context: the wire of one process, to one server."""

    def __init__(self, server_url: str) -> None:
        self._upstream = upstream_of(server_url)
        self._server_url = server_url
        self._servers: dict[socket.socket, socket.socket] = {}
        """By the process's end of each connection, the server's."""
        self._spotters: dict[socket.socket, Spotter] = {}
        self._holding: HeldCommit | None = None
        self._armed = False
        self._caught: HeldCommit | None = None
        self.url = ""

    def __enter__(self) -> Self:
        self._directory = private_directory()
        try:
            path = self._directory / "wire"
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(path))
            self._listener.listen(BACKLOG)
        except BaseException:
            shutil.rmtree(self._directory, ignore_errors=True)
            raise
        self.url = detoured(self._server_url, str(path))
        return self

    def __exit__(self, *_: object) -> None:
        for held in (self._holding, self._caught):
            if held is not None:
                held.server.close()
        for client in list(self._servers):
            self._hang_up(client)
        self._listener.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def sources(self) -> list[socket.socket]:
        """Where something to be moved may come from."""
        return [self._listener, *self._servers.keys(), *self._servers.values()]

    def move(self, ready: Collection[Any]) -> None:
        """Move on what has come from those of the sources that are `ready`."""
        if self._listener in ready:
            client, _ = self._listener.accept()
            self._servers[client] = _connected(self._upstream)
            self._spotters[client] = Spotter()
        for client, server in list(self._servers.items()):
            if client in ready:
                self._from_client(client, server)
            if client in self._servers and server in ready:
                self._pass(server, client, client)

    def hold_next(self) -> None:
        """Hold the next commit."""
        self._armed = True

    def caught(self) -> HeldCommit:
        """Return the commit that was held. Raises LookupError if none was sent."""
        held, self._caught = self._caught, None
        if held is None:
            raise LookupError("no commit was sent that could be held")
        return held

    def _from_client(self, client: socket.socket, server: socket.socket) -> None:
        if not self._armed:
            self._pass(client, server, client)
            return
        data = _received(client)
        if not data:
            self._hang_up(client)
            return
        held = self._holding = self._holding or HeldCommit(server, b"", 0)
        for request in self._spotters[client].feed(data, time.perf_counter_ns()):
            if request.sets_up:
                server.sendall(request.raw)
                continue
            held.data += request.raw
            held.requests += 1
            if request.commit is not None:
                self._catch(client, held)

    def _catch(self, client: socket.socket, held: HeldCommit) -> None:
        """The commit is complete: its sender is cut off from it."""
        self._caught, self._holding, self._armed = held, None, False
        del self._servers[client], self._spotters[client]
        client.close()

    def _pass(self, source: socket.socket, target: socket.socket, client: socket.socket) -> None:
        data = _received(source)
        if not data:
            self._hang_up(client)
            return
        target.sendall(data)

    def _hang_up(self, client: socket.socket) -> None:
        self._servers.pop(client).close()
        del self._spotters[client]
        client.close()


def _connected(upstream: Upstream) -> socket.socket:
    if upstream.path is None:
        return socket.create_connection((upstream.host, upstream.port), ANSWER_WITHIN_S)
    server = socket.socket(socket.AF_UNIX)
    server.settimeout(ANSWER_WITHIN_S)
    server.connect(upstream.path)
    return server


def _received(source: socket.socket) -> bytes:
    try:
        return source.recv(RECEIVE_BYTES)
    except OSError:
        return b""
