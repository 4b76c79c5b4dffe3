"""A passive replica in the harness: it hears every write that a server executes, and hands each to its listeners.

Protocol: valkey.io, "Replication" and `src/replication.c`. The handshake asks for a full synchronisation without the
data set (`rdb-filter-only`), so that attaching takes a few milliseconds whatever the server holds. The position that
it acknowledges each second is always 0: WAIT does not count it, and the server does not drop it.
"""

import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import hiredis

from leasebench.bench.servers.server import ServerUnusable
from leasebench.enactors.store.redis.wire import CLIENT_NAME, Wire

ACK_EVERY_S = 1.0
POLL_S = 0.002
HANDSHAKE_WITHIN_S = 5.0
"""The bound; it takes about 5 ms."""
DETACH_WITHIN_S = 5.0
RECEIVE_BYTES = 262_144
ACK = b"*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$1\r\n0\r\n"


class ReplicaListener(Protocol):
    """Told of every write that a server executes, in its order."""

    def hear(self, command: list[bytes]) -> None:
        """Take in one command as the server sends it to its replicas: its effect, not what a client asked."""
        ...


class Recorder:
    """Hears everything that the server at the socket `path` executes from now on, and tells the listeners.

    Who is put into `listeners` later is told from then on. One connection, and a thread that reads it; `gather_s`: it
    reads so seldom, which takes less of the processor. Raises ServerUnusable if it can't attach.
    """

    def __init__(
        self, path: Path, listeners: Sequence[ReplicaListener], gather_s: float = 0.0, password: str = ""
    ) -> None:
        self._listeners, self._gather_s = listeners, gather_s
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(HANDSHAKE_WITHIN_S)
        try:
            self._socket.connect(str(path))
            self._offset, rest = _handshake(self._socket, password)
        except (OSError, ValueError) as error:
            self._socket.close()
            raise ServerUnusable(f"the recorder can't attach to {path}: {error}") from error
        self._ended = False
        self._thread = threading.Thread(target=self._read, args=(rest,), name="recorder", daemon=True)
        self._thread.start()

    @property
    def hears(self) -> bool:
        """Whether the server still speaks."""
        return not self._ended

    def caught_up(self, offset: int, within_s: float) -> bool:
        """Wait until everything up to the server's replication offset `offset` is recorded."""
        deadline = time.monotonic() + within_s
        while self._offset < offset:
            if self._ended or time.monotonic() > deadline:
                return False
            time.sleep(POLL_S)
        return True

    def detach(self) -> None:
        """Let go of a server that has ended: what it had sent is still read, up to its end."""
        self._thread.join(DETACH_WITHIN_S)
        if self._thread.is_alive():
            self._socket.shutdown(socket.SHUT_RDWR)
            self._thread.join(DETACH_WITHIN_S)
        self._socket.close()

    def leave(self) -> None:
        """Stop listening to a server that lives on."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self.detach()

    def _read(self, data: bytes) -> None:
        """Hear the server until its end. It begins to speak at an acknowledgement that it is ready for."""
        reader = hiredis.Reader()
        acknowledge_at = time.monotonic()
        patience_s = POLL_S
        while not self._ended:
            reader.feed(data)
            while (command := reader.gets()) is not False:
                for listener in self._listeners:
                    listener.hear(command)
            self._offset += len(data)
            if data:
                patience_s = ACK_EVERY_S
            if time.monotonic() >= acknowledge_at:
                with suppress(OSError):
                    self._socket.sendall(ACK)
                acknowledge_at = time.monotonic() + patience_s
            if self._gather_s and data:
                time.sleep(self._gather_s)
            data = self._receive(patience_s)

    def _receive(self, within_s: float) -> bytes:
        """Return what comes within `within_s`, maybe nothing."""
        self._socket.settimeout(within_s)
        try:
            data = self._socket.recv(RECEIVE_BYTES)
        except TimeoutError:
            return b""
        except OSError:
            data = b""
        self._ended = not data
        return data


def replication_offset(url: str) -> int:
    """How far the stream for replicas of the server at `url` goes now. Raises what `leases.errors` has."""
    wire = Wire(url)
    try:
        text = wire.call("INFO", "replication").decode()
    finally:
        wire.close()
    return int(dict(line.split(":", 1) for line in text.splitlines() if ":" in line)["master_repl_offset"])


def newest_connection(url: str) -> int:
    """The number of a connection made just now: a server numbers them in their order."""
    wire = Wire(url)
    try:
        return int(wire.call("CLIENT", "ID"))
    finally:
        wire.close()


def library_commands(url: str, since: int) -> int | None:
    """How many commands came by connections that are not ours and are newer than the one with the number `since`.

    None from a server that counts none (Redis 7), and where one of them has ended: what it had asked is not known.
    """
    wire = Wire(url)
    try:
        newest, listed = int(wire.call("CLIENT", "ID")), wire.call("CLIENT", "LIST").decode()
    finally:
        wire.close()
    clients = [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in listed.splitlines()]
    newer = [one for one in clients if int(one["id"]) > since]
    if len(newer) < newest - since or any("tot-cmds" not in one for one in newer):
        return None
    return sum(int(one["tot-cmds"]) for one in newer if one.get("name") != CLIENT_NAME)


def _handshake(connection: socket.socket, password: str) -> tuple[int, bytes]:
    """Become a replica and skip the snapshot. Returns the offset that the stream begins at, and its first bytes."""
    stream = _Bytes(connection)
    capable = b"REPLCONF capa eof capa psync2 rdb-filter-only functions\r\n"
    knock = f"AUTH {password}\r\n".encode() if password else b"PING\r\n"
    for request in (knock, capable):
        connection.sendall(request)
        answer = stream.line()
        if not answer.startswith(b"+"):
            raise ValueError(f"it answered {answer!r}")
    connection.sendall(b"PSYNC ? -1\r\n")
    words = stream.line().split()
    if len(words) != 3 or words[0] != b"+FULLRESYNC":
        raise ValueError(f"it answered {b' '.join(words)!r}")
    header = stream.line()
    if header.startswith(b"$EOF:"):
        stream.skip_past(header[len(b"$EOF:") :])
    elif header.startswith(b"$"):
        stream.skip(int(header[1:]))
    else:
        raise ValueError(f"it sent {header!r} where a snapshot begins")
    return int(words[2]), stream.rest


class _Bytes:
    """Reads a handshake from a socket. Raises OSError at its end."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.rest = b""

    def line(self) -> bytes:
        """Return the next line that is not empty: empty ones only keep the connection alive."""
        while True:
            while b"\n" not in self.rest:
                self._more()
            line, _, self.rest = self.rest.partition(b"\n")
            if line.strip():
                return line.strip()

    def skip(self, count: int) -> None:
        """Leave out `count` bytes."""
        while len(self.rest) < count:
            count -= len(self.rest)
            self.rest = b""
            self._more()
        self.rest = self.rest[count:]

    def skip_past(self, mark: bytes) -> None:
        """Leave out everything up to `mark` and the mark itself."""
        while mark not in self.rest:
            self.rest = self.rest[-len(mark) :]
            self._more()
        self.rest = self.rest.partition(mark)[2]

    def _more(self) -> None:
        data = self._connection.recv(RECEIVE_BYTES)
        if not data:
            raise ConnectionResetError("the server closed the connection")
        self.rest += data
