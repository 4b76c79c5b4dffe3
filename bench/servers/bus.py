"""The way of a cluster's nodes to each other, which can be cut for one of them.

Each node announces a door of ours as the port of its bus, and listens on another port. Who knocks is told by the first
message: each begins with a header that has the sender's name (`clusterMsg`, valkey `src/cluster_legacy.h`).
"""

import selectors
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

SENDER = slice(40, 80)
RECEIVE_BYTES = 65_536
WAIT_S = 0.05
SEND_WITHIN_S = 1.0
JOIN_WITHIN_S = 5.0
MOST_LINKS = 256
"""Connections at once; each pair of nodes has two."""


@dataclass(slots=True)
class _Wire:
    """A connection of one node to another; `sender` is not known before its first message."""

    knocking: socket.socket
    inside: socket.socket
    to: int
    sender: int | None = None
    said: bytes = b""


class Bus:
    """`ports` are where the nodes listen, `doors` what they announce. One thread carries everything."""

    def __init__(self, names: Sequence[str], ports: Sequence[int]) -> None:
        self.ports = list(ports)
        self._numbers = {name.encode(): number for number, name in enumerate(names)}
        self._listeners = [socket.create_server(("127.0.0.1", 0)) for _ in names]
        self.doors = [int(one.getsockname()[1]) for one in self._listeners]
        self._cut: int | None = None
        self._wires: list[_Wire] = []
        self._selector = selectors.DefaultSelector()
        for number, listener in enumerate(self._listeners):
            listener.setblocking(False)
            self._selector.register(listener, selectors.EVENT_READ, number)
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._carry, name="cluster bus", daemon=True)
        self._thread.start()

    def cut(self, number: int) -> None:
        """Nothing passes to or from this node any more."""
        with self._lock:
            self._cut = number
            for wire in [one for one in self._wires if number in (one.to, one.sender)]:
                self._end(wire)

    def mend(self) -> None:
        """Let everything pass."""
        with self._lock:
            self._cut = None

    def close(self) -> None:
        """End all connections and the thread."""
        self._over.set()
        self._thread.join(JOIN_WITHIN_S)
        for wire in list(self._wires):
            self._end(wire)
        for listener in self._listeners:
            listener.close()
        self._selector.close()

    def _carry(self) -> None:
        while not self._over.is_set():
            ready = self._selector.select(WAIT_S)
            with self._lock:
                for key, _ in ready:
                    if isinstance(key.data, int):
                        self._accept(key.data)
                    elif key.data in self._wires:
                        self._move(key.data, key.fileobj)

    def _accept(self, to: int) -> None:
        with suppress(OSError):
            knocking, _ = self._listeners[to].accept()
            if to == self._cut or len(self._wires) >= MOST_LINKS:
                knocking.close()
                return
            try:
                inside = socket.create_connection(("127.0.0.1", self.ports[to]), SEND_WITHIN_S)
            except OSError:
                knocking.close()
                return
            wire = _Wire(knocking, inside, to)
            self._wires.append(wire)
            for end in (knocking, inside):
                end.settimeout(SEND_WITHIN_S)
                self._selector.register(end, selectors.EVENT_READ, wire)

    def _move(self, wire: _Wire, source: object) -> None:
        try:
            if source is wire.inside:
                data, other = wire.inside.recv(RECEIVE_BYTES), wire.knocking
            else:
                data, other = wire.knocking.recv(RECEIVE_BYTES), wire.inside
            if not data:
                raise ConnectionResetError
            if other is wire.inside and wire.sender is None:
                wire.said += data
                if len(wire.said) < SENDER.stop:
                    return
                data, wire.said = wire.said, b""
                wire.sender = self._numbers.get(data[SENDER], -1)
                if wire.sender == self._cut:
                    raise ConnectionResetError
            other.sendall(data)
        except OSError:
            self._end(wire)

    def _end(self, wire: _Wire) -> None:
        if wire in self._wires:
            self._wires.remove(wire)
            for end in (wire.knocking, wire.inside):
                self._selector.unregister(end)
                end.close()
