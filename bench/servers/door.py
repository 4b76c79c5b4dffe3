"""Only a replica that knows the secret may pass to the primary. A loopback port is open to every user of the host.

The replica is given the secret as its `masterauth`. It says PING, waits for the answer, and then says AUTH (valkey.io,
"Replication"; `syncWithPrimary` in `src/replication.c`). We answer both in the primary's place: nothing that a stranger
says reaches a server, and a replica that is there already is not disturbed by one who knocks.
"""

import hmac
import secrets
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

PING, PONG, OK = b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n", b"+OK\r\n"
DENIED = b"-ERR this port is for the replica of one trial of leasebench\r\n"
SECRET_BYTES = 32
MOST_WAITING = 64
"""Connections that have not said the secret yet. One more, and the one that has waited longest is refused."""
WAIT_S = 2.0
RECEIVE_BYTES = 65_536


@dataclass(slots=True)
class _Visitor:
    """A connection that has not said the secret yet."""

    connection: socket.socket
    until: float
    user: str
    said: bytes = b""
    ponged: bool = False


@dataclass(slots=True)
class Door:
    """Belongs to one thread, but for `port`, `secret` and `refused`, which never are half-written."""

    secret: str = field(default_factory=lambda: secrets.token_hex(SECRET_BYTES))
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    refused: dict[str, int] = field(default_factory=dict)
    """How many connections of which user were refused."""
    _visitors: list[_Visitor] = field(default_factory=list)
    _greeting: bytes = b""

    def __post_init__(self) -> None:
        self.listener.setblocking(False)
        word = self.secret.encode()
        self._greeting = PING + b"*2\r\n$4\r\nAUTH\r\n$%d\r\n%b\r\n" % (len(word), word)

    @property
    def port(self) -> int:
        """The port that the replica connects to."""
        port: int = self.listener.getsockname()[1]
        return port

    def sources(self) -> list[socket.socket]:
        """What to wait for."""
        return [self.listener, *(one.connection for one in self._visitors)]

    def attend(self) -> tuple[socket.socket, bytes] | None:
        """See who is there, without waiting. Returns one who said the secret, and what it said after it."""
        self._receive_visitors()
        now = time.monotonic()
        for one in list(self._visitors):
            try:
                data = one.connection.recv(RECEIVE_BYTES)
            except BlockingIOError:
                if now > one.until:
                    self._refuse(one)
                continue
            except OSError:
                data = b""
            one.said += data
            known = one.said[: len(self._greeting)]
            if not data and one.ponged and one.said == PING:
                self._visitors.remove(one)  # a replica that is told to be one no more, amid its greeting
                one.connection.close()
            elif not data or not hmac.compare_digest(known, self._greeting[: len(known)]):
                self._refuse(one)
            elif len(known) == len(self._greeting):
                self._visitors.remove(one)
                self._say(one, OK)
                return one.connection, one.said[len(known) :]
            elif len(known) >= len(PING) and not one.ponged:
                one.ponged = True
                self._say(one, PONG)
        return None

    def close(self) -> None:
        """Nobody is let in any more."""
        for one in self._visitors:
            one.connection.close()
        self._visitors.clear()
        self.listener.close()

    def _receive_visitors(self) -> None:
        with suppress(BlockingIOError):
            for _ in range(MOST_WAITING):
                connection, address = self.listener.accept()
                connection.setblocking(False)
                if len(self._visitors) == MOST_WAITING:
                    self._refuse(self._visitors[0])
                user = user_of(address[1], self.port)
                self._visitors.append(_Visitor(connection, time.monotonic() + WAIT_S, user))

    def _refuse(self, one: _Visitor) -> None:
        self._visitors.remove(one)
        self.refused[one.user] = self.refused.get(one.user, 0) + 1
        self._say(one, DENIED)
        one.connection.close()

    @staticmethod
    def _say(one: _Visitor, answer: bytes) -> None:
        with suppress(OSError):  # a few bytes into an empty buffer: they go at once, or nobody is there any more
            one.connection.send(answer)


def user_of(port: int, to: int) -> str:
    """Whose the loopback connection from `port` to `to` is: a name or number; "unknown" where the system won't tell."""
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
            words = line.split()
            if (words[1][-4:], words[2][-4:]) == (f"{port:04X}", f"{to:04X}"):
                return _name(int(words[7]))
    return "unknown"


def _name(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"number {uid}"
