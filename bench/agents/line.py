"""The line between the harness and one agent: a TCP connection on which both have proved that they know the secret.

The handshake and the framing are those of Python's `multiprocessing.connection` (HMAC of a challenge, both ways). What
passes is not encrypted: hosts belong to one private network, as a Dask cluster without TLS does.

A peer whose host is gone or cut off is told of after SILENT_S: by the kernel while nothing is on its way (keepalive),
else by `AgentLine.silent`. TCP_USER_TIMEOUT would do the latter, but Linux (6.18) counts it from the first loss of the
cut before: two cuts of 0.4 s that were further apart than the time-out broke the connection at the second.
"""

import fcntl
import json
import os
import select
import socket
import struct
import sys
import termios
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from multiprocess.connection import Connection, answer_challenge, deliver_challenge

TCP_INFO_BYTES = 60
LAST_ACK_AT = 56
"""Where its `tcpi_last_ack_recv` stands."""
SILENT_S = 7.0
"""How long what was sent may go without an acknowledgement: a partition of seconds passes, and a host that is gone is
given up early enough that its processes end within ten seconds."""
HANDSHAKE_WITHIN_S = 5
MOST_HELLO_BYTES = 65_536
MOST_STRANGERS = 16
"""Connections that did not know the secret; a harness that is knocked at more often than that gives up."""


class LineBroken(OSError):
    """The other end is gone."""


@dataclass(frozen=True, slots=True)
class AgentLine:
    """One end of a line."""

    connection: Any

    def send(self, *message: Any) -> None:
        """Send a message. Raises LineBroken."""
        try:
            self.connection.send(message)
        except (OSError, ValueError) as error:
            raise LineBroken(f"the line is broken: {error}") from error

    def receive(self) -> tuple[Any, ...]:
        """Wait for a message. Raises LineBroken."""
        try:
            message: tuple[Any, ...] = self.connection.recv()
        except (OSError, EOFError) as error:
            raise LineBroken(f"the line is broken: {error}") from error
        return message

    def waits(self, within_s: float = 0.0) -> bool:
        """Whether a message waits, at the latest after `within_s`; also the end of the line is one."""
        try:
            return bool(self.connection.poll(within_s))
        except OSError:
            return True

    @property
    def silent(self) -> bool:
        """Whether something that was sent is not acknowledged, and nothing was for SILENT_S (Linux; elsewhere False).

        One that was closed here is not silent. What a packet filter of this host drops counts as not sent yet for
        `tcp_info`, and so what waits is asked of SIOCOUTQ (tcp(7); `struct tcp_info` in linux/tcp.h).
        """
        if not sys.platform.startswith("linux"):
            return False
        try:
            with socket.socket(fileno=os.dup(self.connection.fileno())) as line:
                (waiting,) = struct.unpack("@i", fcntl.ioctl(line, termios.TIOCOUTQ, bytes(4)))
                info = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
        except OSError:
            return False
        since_last_ack_ms: int = struct.unpack_from("=I", info, LAST_ACK_AT)[0]
        return bool(waiting) and since_last_ack_ms > SILENT_S * 1000

    def send_bytes(self, data: memoryview | bytes) -> None:
        """Send bytes as they are. Raises LineBroken."""
        try:
            self.connection.send_bytes(data)
        except (OSError, ValueError) as error:
            raise LineBroken(f"the line is broken: {error}") from error

    def receive_bytes(self, at_most: int) -> bytes:
        """Receive what was sent as bytes. Raises LineBroken, also where it is longer."""
        try:
            data: bytes = self.connection.recv_bytes(at_most)
        except (OSError, EOFError) as error:
            raise LineBroken(f"the line is broken: {error}") from error
        return data

    def close(self) -> None:
        """Hang up."""
        with suppress(OSError):
            self.connection.close()


class Listening:
    """Where agents call the harness. A context."""

    def __init__(self, host: str, secret: bytes) -> None:
        self._socket = socket.create_server((host, 0))
        self._secret = secret
        self._strangers = 0
        self.address: tuple[str, int] = self._socket.getsockname()[:2]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def receive(self, within_s: float) -> tuple[AgentLine, Mapping[str, Any]] | None:
        """Wait for a call of someone who knows the secret, and for what it says of itself first; None if none comes.

        Raises LineBroken after too many calls of strangers.
        """
        deadline = time.monotonic() + within_s
        while select.select([self._socket], [], [], max(0.0, deadline - time.monotonic()))[0]:
            calling, _ = self._socket.accept()
            line = _line(calling)
            try:
                deliver_challenge(line.connection, self._secret)
                answer_challenge(line.connection, self._secret)
                hello = json.loads(line.receive_bytes(MOST_HELLO_BYTES))
            except Exception:  # noqa: BLE001  (whatever a stranger says, it is none of ours)
                line.close()
                self._strangers += 1
                if self._strangers > MOST_STRANGERS:
                    raise LineBroken("too many calls of strangers") from None
                continue
            _patiently(line)
            return line, hello
        return None


def call(address: tuple[str, int], secret: bytes, hello: Callable[[str], Mapping[str, Any]]) -> AgentLine:
    """Call the harness, and say who calls: `hello` is asked for it, with our own address on that way.

    Raises LineBroken where it does not answer, or does not know the secret.
    """
    try:
        calling = socket.create_connection(address, HANDSHAKE_WITHIN_S)
        own: str = calling.getsockname()[0]
        line = _line(calling)
        answer_challenge(line.connection, secret)
        deliver_challenge(line.connection, secret)
        line.send_bytes(json.dumps(hello(own)).encode())
    except Exception as error:
        raise LineBroken(f"{address[0]}:{address[1]} does not answer as the harness does: {error}") from error
    _patiently(line)
    return line


def _line(connected: socket.socket) -> AgentLine:
    """Make a line of a socket; during the handshake nobody waits for long."""
    connected.settimeout(None)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 2), ("TCP_KEEPINTVL", 1), ("TCP_KEEPCNT", 5)):
        if hasattr(socket, name):
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    # Whoever has more to say than fits into the buffers of a host that is gone does not wait for ever.
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", int(SILENT_S), 0))
    _set_patience(connected.fileno(), HANDSHAKE_WITHIN_S)
    return AgentLine(Connection(connected.detach()))


def _patiently(line: AgentLine) -> None:
    _set_patience(line.connection.fileno(), 0)


def _set_patience(fd: int, seconds: int) -> None:
    with socket.socket(fileno=os.dup(fd)) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", seconds, 0))
