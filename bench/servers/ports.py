"""TCP ports for servers of ours, kept from everybody else until the servers listen there.

A port that was only looked for may be another's by the time that a server starts: the kernel gives it to the next
connection of anyone. On Linux a port stays reserved by a socket that is bound to it and does not listen; a server that
sets SO_REUSEADDR, as Redis and Valkey do (`src/anet.c`), may listen there all the same. Elsewhere it is let go at once.
"""

import socket
import sys
from types import TracebackType
from typing import Self

LOOPBACK = "127.0.0.1"


class HeldPorts:
    """Ports of an address of this machine. A context, or closed by whoever made it."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._held: list[socket.socket] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def take(self) -> int:
        """A port that nobody has. Raises OSError."""
        held = socket.socket()
        try:
            held.bind((self._address, 0))
            # Not before: with it, the kernel may give a port that another one holds in the same way.
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            port: int = held.getsockname()[1]
        except BaseException:
            held.close()
            raise
        if sys.platform.startswith("linux"):
            self._held.append(held)
        else:
            held.close()
        return port

    def close(self) -> None:
        """Let all go. Whoever listens on one goes on."""
        for held in self._held:
            held.close()
        self._held.clear()
