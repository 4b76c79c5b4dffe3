"""Reads the clocks of another host: an echo over a plain TCP socket, and the side that asks it.

The echo answers each ping with what its host's clocks show at that moment. The asker knows when it sent the ping and
when the answer came, by its own clock, and so that the moment lies between the two: of many round trips the shortest
tells most, and half of it is by how much its middle may be wrong (Cristian, "Probabilistic clock synchronization",
Distributed Computing 3, 1989). What the network does to one direction alone is inside that bound.
"""

import hmac
import logging
import selectors
import socket
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from leasebench.bench.hosts.clock import own_clock
from leasebench.results.record.clock import Clock
from leasebench.results.record.clocks import ClockReading

logger = logging.getLogger(__name__)

Address = tuple[str, int]
PING = struct.Struct("!Q")
"""A number that comes back."""
ANSWER = struct.Struct("!Qqq")
"""The number, the monotonic clock and the wall clock, both in ns."""
LENGTH = struct.Struct("!H")
MOST_SECRET = 1024
MOST_CLOCK = 1024
MOST_ASKERS = 16
HELLO_WITHIN_S = 5.0
"""Who has not said the secret by then is sent away."""
LOOK_EVERY_S = 1.0
TRIPS = 200
WITHIN_S = 1.0
PATIENCE_S = 10.0
"""For a connection, and for the first answer: the other host may be busy."""


@dataclass(slots=True)
class Asker:
    """A connection of the echo: what has come of a message that is not whole yet, and whether the secret was said."""

    connection: socket.socket
    since_s: float
    welcome: bool = False
    received: bytearray = field(default_factory=bytearray)


class ClockEcho:
    """Answers whoever knows the `secret` with this process's clocks, on a free port of `host`. A context.

    One thread serves all askers. Strangers get no answer; they are sent away after HELLO_WITHIN_S.
    """

    def __init__(self, host: str, secret: bytes) -> None:
        if not 0 < len(secret) <= MOST_SECRET:
            raise ValueError(f"the secret has to have 1 to {MOST_SECRET} bytes (has {len(secret)})")
        self._host, self._secret = host, secret
        self._thread = threading.Thread(target=self._serve, name="clock-echo", daemon=True)

    def __enter__(self) -> Self:
        self._listener = socket.create_server((self._host, 0), backlog=MOST_ASKERS)
        self._listener.setblocking(False)
        self._end, self._ended = socket.socketpair()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.close()
        self._thread.join()

    @property
    def address(self) -> Address:
        """Host and port to ask, inside the context."""
        host, port = self._listener.getsockname()[:2]
        return str(host), int(port)

    def _serve(self) -> None:
        askers: dict[socket.socket, Asker] = {}
        with selectors.DefaultSelector() as selector, self._listener, self._ended:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._ended, selectors.EVENT_READ)
            try:
                while True:
                    for key, _ in selector.select(LOOK_EVERY_S):
                        if key.fileobj is self._ended:
                            return
                        if key.fileobj is self._listener:
                            self._accept(selector, askers)
                        elif isinstance(key.fileobj, socket.socket) and not self._answered(askers[key.fileobj]):
                            _send_away(selector, askers, key.fileobj)
                    late_s = time.monotonic() - HELLO_WITHIN_S
                    for asker in [one for one in askers.values() if not one.welcome and one.since_s < late_s]:
                        _send_away(selector, askers, asker.connection)
            finally:
                for connection in askers:
                    connection.close()

    def _accept(self, selector: selectors.BaseSelector, askers: dict[socket.socket, Asker]) -> None:
        with suppress(OSError):  # it is gone again, or there is no descriptor left: the next one may be luckier
            connection, _ = self._listener.accept()
            if len(askers) >= MOST_ASKERS:
                connection.close()
                return
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            askers[connection] = Asker(connection, time.monotonic())
            selector.register(connection, selectors.EVENT_READ)

    def _answered(self, asker: Asker) -> bool:
        """Take in what came and answer it; False if the asker is gone, unwelcome, or does not read."""
        try:
            came = asker.connection.recv(MOST_SECRET + LENGTH.size)
            now = time.perf_counter_ns(), time.time_ns()
            if not came:
                return False
            asker.received += came
            if not asker.welcome:
                return self._greeted(asker)
            while len(asker.received) >= PING.size:  # two, where the first was given up
                (number,) = PING.unpack_from(asker.received)
                del asker.received[: PING.size]
                if asker.connection.send(ANSWER.pack(number, *now)) != ANSWER.size:
                    return False
        except OSError:
            return False
        return True

    def _greeted(self, asker: Asker) -> bool:
        """Hold what was said against the secret, once it is whole; say which clock this is."""
        if len(asker.received) < LENGTH.size:
            return True
        (length,) = LENGTH.unpack_from(asker.received)
        said = bytes(asker.received[LENGTH.size :])
        if length > MOST_SECRET or len(said) > length:
            return False
        if len(said) < length:
            return True
        if not hmac.compare_digest(said, self._secret):
            logger.warning("a stranger asked for the clock, and was sent away")
            return False
        asker.welcome = True
        asker.received.clear()
        clock = str(own_clock()).encode()
        hello = LENGTH.pack(len(clock)) + clock
        return asker.connection.send(hello) == len(hello)


def _send_away(selector: selectors.BaseSelector, askers: dict[socket.socket, Asker], connection: socket.socket) -> None:
    selector.unregister(connection)
    del askers[connection]
    connection.close()


class ClockLink:
    """A connection to the echo of a host, which can be asked again and again. A context; all may raise OSError."""

    def __init__(self, address: Address, secret: bytes, within_s: float = PATIENCE_S) -> None:
        self._secret, self._number = secret, 0
        self._answer = b""
        """What has come of an answer that is not whole yet."""
        deadline_s = time.monotonic() + within_s
        self._connection = socket.create_connection(address, timeout=within_s)
        try:
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.clock = self._greet(deadline_s)
            """The clock of the other host."""
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def read(self, trips: int = TRIPS, within_s: float = WITHIN_S, patience_s: float = PATIENCE_S) -> ClockReading:
        """Ask so often, or as often as there is time for, but once at least; the shortest round trip counts.

        Raises OSError, TimeoutError among them, if not even one answer comes within `patience_s`.
        """
        first_s = time.monotonic() + max(patience_s, within_s)
        deadline_s = time.monotonic() + within_s
        best: tuple[int, int, int, int, int] | None = None
        for _ in range(max(trips, 1)):
            left_s = deadline_s - time.monotonic()
            if best is not None and left_s <= 0:
                break
            try:
                one = self._trip(first_s if best is None else deadline_s)
            except TimeoutError:
                if best is None:
                    raise
                break  # that answer is passed over when it comes
            if best is None or one < best:
                best = one
        assert best is not None
        took_ns, sent_ns, there_ns, wall_there_ns, wall_here_ns = best
        at_ns = sent_ns + took_ns // 2
        # Two halves, each rounded up to whole nanoseconds.
        return ClockReading(
            at_ns=at_ns,
            offset_ns=at_ns - there_ns,
            uncertainty_ns=took_ns // 2 + 1,
            wall_offset_ns=wall_here_ns - wall_there_ns,
        )

    def _trip(self, deadline_s: float) -> tuple[int, int, int, int, int]:
        """One round trip: how long it took, when it began, both clocks there, and the wall clock here in its middle."""
        self._number += 1
        self._connection.settimeout(max(deadline_s - time.monotonic(), 0.001))
        ping = PING.pack(self._number)
        sent_ns = time.perf_counter_ns()
        wall_before_ns = time.time_ns()
        self._connection.sendall(ping)
        number = 0
        while number < self._number:  # one that was given up before may come first
            self._answer += self._connection.recv(ANSWER.size - len(self._answer))
            wall_after_ns = time.time_ns()
            took_ns = time.perf_counter_ns() - sent_ns
            if len(self._answer) < ANSWER.size:
                self._answer += self._received(ANSWER.size - len(self._answer), deadline_s)
                wall_after_ns, took_ns = time.time_ns(), time.perf_counter_ns() - sent_ns
            number, there_ns, wall_there_ns = ANSWER.unpack(self._answer)
            self._answer = b""
        return took_ns, sent_ns, there_ns, wall_there_ns, (wall_before_ns + wall_after_ns) // 2

    def _greet(self, deadline_s: float) -> Clock:
        self._connection.sendall(LENGTH.pack(len(self._secret)) + self._secret)
        (length,) = LENGTH.unpack(self._received(LENGTH.size, deadline_s))
        if length > MOST_CLOCK:
            raise ConnectionError(f"a clock's name of {length} bytes")
        try:
            return Clock.parse(self._received(length, deadline_s).decode())
        except ValueError as error:
            raise ConnectionError(f"no clock answered: {error}") from error

    def _received(self, size: int, deadline_s: float) -> bytes:
        found = b""
        while len(found) < size:
            self._connection.settimeout(max(deadline_s - time.monotonic(), 0.001))
            came = self._connection.recv(size - len(found))
            if not came:
                raise ConnectionError("the echo of the clock hung up")
            found += came
        return found


def ask(address: Address, secret: bytes, trips: int = TRIPS, within_s: float = WITHIN_S) -> ClockReading:
    """Read the clocks of another host once. Raises OSError."""
    with ClockLink(address, secret) as link:
        return link.read(trips, within_s)
