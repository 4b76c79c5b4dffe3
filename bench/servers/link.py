"""The way from a primary to its replica: a stretch on which bytes are in flight for a while, and can be lost.

The replica connects here over loopback, the link connects to the primary's unix socket. What the replica says goes
through at once. What the primary says is held back by the lag, from the replica's first acknowledgement on: its
initial synchronisation is over then.
"""

import select
import socket
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

MOST_IN_FLIGHT = 64 << 20
"""Bytes; beyond it the primary is not read any more until some have arrived."""
RECEIVE_BYTES = 65_536
IDLE_S = 0.05
SEND_WITHIN_S = 5.0
JOIN_WITHIN_S = 5.0
CONNECT_WITHIN_S = 1.0


class Link:
    """Leads to one primary at a time, whose socket is `target`; one replica. Both may be replaced."""

    def __init__(self, lag_ms: float) -> None:
        self._lag_s = lag_ms / 1000
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._target: Path | None = None
        self._crossing: _Crossing | None = None
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._carry, name="link", daemon=True)
        self._thread.start()

    def lead_to(self, target: Path) -> None:
        """From now on a replica that connects reaches the primary at the socket `target`."""
        with self._lock:
            self._target = target

    def drop(self) -> None:
        """Lose what is in flight; nobody gets through until `lead_to`."""
        with self._lock:
            self._target = None
            self._hang_up()

    def close(self) -> None:
        """Drop everything and end the thread."""
        self._over.set()
        self._thread.join(JOIN_WITHIN_S)
        self.drop()
        self._listener.close()

    def _carry(self) -> None:
        while not self._over.is_set():
            with self._lock:
                self._accept()
                crossing = self._crossing
                sources = [self._listener] if crossing is None else [self._listener, *crossing.sources()]
                wait_s = IDLE_S if crossing is None else crossing.next_due(IDLE_S)
            ready = _readable(sources, wait_s)
            with self._lock:
                if crossing is not None and crossing is self._crossing:
                    try:
                        crossing.move(ready)
                    except OSError:
                        self._hang_up()

    def _accept(self) -> None:
        """Let the replica in; it tries again each second until somebody answers."""
        with suppress(BlockingIOError):
            replica, _ = self._listener.accept()
            self._hang_up()
            if self._target is None:
                replica.close()
                return
            try:
                self._crossing = _Crossing(replica, self._target, self._lag_s)
            except OSError:
                replica.close()

    def _hang_up(self) -> None:
        if self._crossing is not None:
            self._crossing.close()
            self._crossing = None


class _Crossing:
    """One replica on its way to one primary."""

    def __init__(self, replica: socket.socket, target: Path, lag_s: float) -> None:
        self._replica = replica
        self._replica.settimeout(SEND_WITHIN_S)
        self._primary = socket.socket(socket.AF_UNIX)
        self._primary.settimeout(CONNECT_WITHIN_S)
        try:
            self._primary.connect(str(target))
        except OSError:
            self._primary.close()
            raise
        self._lag_s = lag_s
        self._synchronised = False
        self._flying: deque[tuple[float, bytes]] = deque()
        self._bytes = 0

    def sources(self) -> list[socket.socket]:
        return [self._replica, self._primary] if self._bytes < MOST_IN_FLIGHT else [self._replica]

    def next_due(self, at_most_s: float) -> float:
        if not self._flying:
            return at_most_s
        return min(at_most_s, max(0.0, self._flying[0][0] - time.monotonic()))

    def move(self, ready: list[socket.socket]) -> None:
        """Take what came, deliver what is due. Raises OSError when one side has ended."""
        if self._replica in ready:
            said = _receive(self._replica)
            self._synchronised = self._synchronised or b"ACK" in said
            self._primary.sendall(said)
        if self._primary in ready:
            said = _receive(self._primary)
            self._flying.append((time.monotonic() + (self._lag_s if self._synchronised else 0.0), said))
            self._bytes += len(said)
        while self._flying and self._flying[0][0] <= time.monotonic():
            _, said = self._flying.popleft()
            self._bytes -= len(said)
            self._replica.sendall(said)

    def close(self) -> None:
        self._replica.close()
        self._primary.close()


def _readable(sources: list[socket.socket], within_s: float) -> list[socket.socket]:
    """Which of `sources` have something to say; none if one was closed under our hands by `drop`."""
    try:
        return select.select(sources, [], [], within_s)[0]
    except (ValueError, OSError):
        return []


def _receive(source: socket.socket) -> bytes:
    data = source.recv(RECEIVE_BYTES)
    if not data:
        raise ConnectionResetError("one side of the link has ended")
    return data
