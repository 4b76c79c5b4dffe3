"""The way from a primary to its replica: a stretch on which bytes are in flight for a while, and can be lost.

The replica connects here over loopback (see `door`), the link to the primary's unix socket. What the replica says goes
through at once. What the primary says is held back by the lag, from the replica's first acknowledgement on: it has
loaded its snapshot then. The primary goes on from that snapshot at an acknowledgement that it is ready for, and the
replica's next one comes a second later: so the link repeats the first one until the primary speaks.

It is no `bench.proxy`: what passes here is a replication stream and no request with a reply, it is let in by a secret
over TCP, and `drop` has to have lost what is in flight when it returns, so a thread of the harness carries the bytes.
"""

import select
import socket
import threading
import time
from collections import deque
from pathlib import Path

from leasebench.bench.servers.door import OK, Door
from leasebench.bench.servers.passive_replica import ACK

MOST_IN_FLIGHT = 64 << 20
"""Bytes; beyond it the primary is not read any more until some have arrived."""
RECEIVE_BYTES = 65_536
IDLE_S = 0.05
ASK_EVERY_S = 0.01
ASK_FOR_S = 2.0
"""After that the replica's own acknowledgements will have done."""
SEND_WITHIN_S = 5.0
JOIN_WITHIN_S = 5.0
CONNECT_WITHIN_S = 1.0


class Link:
    """Leads to one primary at a time, whose socket is `target`; one replica. Both may be replaced."""

    def __init__(self, lag_ms: float, password: str = "") -> None:
        self._lag_s = lag_ms / 1000
        self._password = password
        """Of the primary; the replica's, too, if there is one."""
        self._door = Door(password) if password else Door()
        self._stands_still = False
        self.port = self._door.port
        self.secret = self._door.secret
        """What the replica has to say before it gets through."""
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
            self._stands_still = False
            self._hang_up()

    def stand_still(self) -> None:
        """From now on nothing moves, and neither side is told: what is in flight is lost with the next `drop`."""
        with self._lock:
            self._stands_still = True

    def in_step(self, lacks: int) -> bool:
        """Whether what the replica lacks of the primary's stream, `lacks` bytes, is younger than the lag.

        It is so from when the replica lacks nothing for the first time, or what the primary had kept for it until it
        had loaded its snapshot has arrived.
        """
        with self._lock:
            return self._crossing is not None and self._crossing.in_step(lacks)

    @property
    def refused(self) -> dict[str, int]:
        """How many connections of which user did not know the secret; a copy."""
        return dict(self._door.refused)

    def close(self) -> None:
        """Drop everything and end the thread."""
        self._over.set()
        self._thread.join(JOIN_WITHIN_S)
        self.drop()
        self._door.close()

    def _carry(self) -> None:
        while not self._over.is_set():
            if self._stands_still:
                self._over.wait(IDLE_S)
                continue
            with self._lock:
                self._accept()
                crossing = self._crossing
                sources = self._door.sources()
                if crossing is not None:
                    sources += crossing.sources()
                wait_s = IDLE_S if crossing is None else crossing.next_due(IDLE_S)
            ready = _readable(sources, wait_s)
            with self._lock:
                if crossing is not None and crossing is self._crossing and not self._stands_still:
                    try:
                        crossing.move(ready)
                    except OSError:
                        self._hang_up()

    def _accept(self) -> None:
        """Let the replica in; it tries again each second until somebody answers."""
        admitted = self._door.attend()
        if admitted is None:
            return
        replica, said = admitted
        self._hang_up()
        if self._target is None:
            replica.close()
            return
        try:
            self._crossing = _Crossing(replica, said, self._target, self._lag_s, self._password)
        except OSError:
            replica.close()

    def _hang_up(self) -> None:
        if self._crossing is not None:
            self._crossing.close()
            self._crossing = None


class _Crossing:
    """One replica on its way to one primary."""

    def __init__(self, replica: socket.socket, said: bytes, target: Path, lag_s: float, password: str) -> None:
        self._replica = replica
        self._replica.settimeout(SEND_WITHIN_S)
        # A write that follows another at once would wait for the acknowledgement of the first, 40 ms: WAIT would, too.
        self._replica.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._primary = socket.socket(socket.AF_UNIX)
        self._primary.settimeout(CONNECT_WITHIN_S)
        try:
            self._primary.connect(str(target))
            if password:
                self._primary.sendall(f"AUTH {password}\r\n".encode())
                if _receive(self._primary) != OK:
                    raise ConnectionResetError("the primary does not know the password")
            self._primary.sendall(said)
        except OSError:
            self._primary.close()
            raise
        self._lag_s = lag_s
        self._loaded_at: float | None = None
        self._first_due: float | None = None
        """When what the primary said first after that is to arrive."""
        self._in_step = False
        self._flying: deque[tuple[float, bytes]] = deque()
        self._bytes = 0

    def sources(self) -> list[socket.socket]:
        return [self._replica, self._primary] if self._bytes < MOST_IN_FLIGHT else [self._replica]

    def next_due(self, at_most_s: float) -> float:
        if self._asks():
            return min(at_most_s, ASK_EVERY_S)
        if not self._flying:
            return at_most_s
        return min(at_most_s, max(0.0, self._flying[0][0] - time.monotonic()))

    def in_step(self, lacks: int) -> bool:
        first = self._first_due
        arrived = first is not None and (not self._flying or self._flying[0][0] > first)
        self._in_step = self._in_step or arrived or lacks <= 0
        return self._in_step

    def move(self, ready: list[socket.socket]) -> None:
        """Take what came, deliver what is due. Raises OSError when one side has ended."""
        if self._replica in ready:
            said = _receive(self._replica)
            if self._loaded_at is None and b"ACK" in said:
                self._loaded_at = time.monotonic()
            self._primary.sendall(said)
        if self._primary in ready:
            said = _receive(self._primary)
            loaded = self._loaded_at is not None
            due = time.monotonic() + (self._lag_s if loaded else 0.0)
            if loaded and self._first_due is None:
                self._first_due = due
            self._flying.append((due, said))
            self._bytes += len(said)
        elif self._asks():
            self._primary.sendall(ACK)
        while self._flying and self._flying[0][0] <= time.monotonic():
            _, said = self._flying.popleft()
            self._bytes -= len(said)
            self._replica.sendall(said)

    def _asks(self) -> bool:
        """Whether the primary has still to be asked to go on."""
        loaded_at = self._loaded_at
        return loaded_at is not None and self._first_due is None and time.monotonic() < loaded_at + ASK_FOR_S

    def close(self) -> None:
        self._replica.close()
        self._primary.close()


def _readable(sources: list[socket.socket], within_s: float) -> list[socket.socket]:
    """The `sources` that have bytes to read; none if `drop` closed one meanwhile."""
    try:
        return select.select(sources, [], [], within_s)[0]
    except (ValueError, OSError):
        return []


def _receive(source: socket.socket) -> bytes:
    data = source.recv(RECEIVE_BYTES)
    if not data:
        raise ConnectionResetError("one side of the link has ended")
    return data
