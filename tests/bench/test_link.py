"""The way to a replica holds back what the primary says by its lag, and knows since when no more is missing."""

import os
import pwd
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from leasebench.bench.servers.door import DENIED, MOST_WAITING, OK, PING, PONG
from leasebench.bench.servers.link import ASK_EVERY_S, ASK_FOR_S, Link
from leasebench.bench.servers.passive_replica import ACK

LAG_MS = 40.0
LIMIT_S = 20.0
LOADED = b"*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$2\r\n70\r\n"


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.002)


class Ends:
    """A link, and what stands at its two ends."""

    def __init__(self, folder: Path) -> None:
        self.link = Link(LAG_MS)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(folder / "s"))
        listener.listen()
        self.link.lead_to(folder / "s")
        self.replica = self.knock()
        self.replica.sendall(PING)
        assert self.hear(self.replica, len(PONG)) == PONG
        self.replica.sendall(self.authentication())
        listener.settimeout(LIMIT_S)
        self.primary, _ = listener.accept()
        listener.close()
        self.primary.settimeout(LIMIT_S)
        assert self.hear(self.replica, len(OK)) == OK

    def knock(self) -> socket.socket:
        """Connect as anybody can."""
        return socket.create_connection(("127.0.0.1", self.link.port), LIMIT_S)

    def authentication(self) -> bytes:
        """What the replica says to be let through."""
        return b"*2\r\n$4\r\nAUTH\r\n$%d\r\n%b\r\n" % (len(self.link.secret), self.link.secret.encode())

    def still_carries(self) -> None:
        """The replica and the primary hear each other, and nothing else was said in between."""
        self.replica.sendall(b"to the primary")
        assert self.hear(self.primary, 14) == b"to the primary"
        self.primary.sendall(b"to the replica")
        assert self.hear(self.replica, 14) == b"to the replica"

    def load(self) -> None:
        """Let the replica say that it has loaded its snapshot."""
        self.replica.sendall(LOADED)
        assert self.hear(self.primary, len(LOADED)) == LOADED

    @staticmethod
    def hear(end: socket.socket, count: int) -> bytes:
        heard = b""
        while len(heard) < count:
            heard += end.recv(count - len(heard))
        return heard


@pytest.fixture
def ends(tmp_path) -> Iterator[Ends]:
    ends = Ends(tmp_path)
    yield ends
    ends.link.close()
    ends.replica.close()
    ends.primary.close()


def test_the_primary_is_told_that_the_replica_is_ready_until_it_goes_on(ends):
    ends.load()
    assert ends.hear(ends.primary, 3 * len(ACK)) == 3 * ACK
    ends.primary.sendall(b"a write")
    assert ends.hear(ends.replica, 7) == b"a write"
    ends.link.close()
    heard = b"".join(iter(lambda: ends.primary.recv(1 << 16), b""))
    assert heard == len(heard) // len(ACK) * ACK, "what was on its way by then"
    assert len(heard) <= len(ACK) * ASK_FOR_S / ASK_EVERY_S


def test_what_is_said_after_the_snapshot_arrives_later_by_the_lag(ends):
    ends.primary.sendall(b"snapshot")
    assert ends.hear(ends.replica, 8) == b"snapshot"
    ends.load()
    said_at = time.monotonic()
    ends.primary.sendall(b"a write")
    assert ends.hear(ends.replica, 7) == b"a write"
    assert time.monotonic() - said_at >= LAG_MS / 1000


def test_a_replica_is_in_step_once_what_came_after_its_snapshot_is_no_longer_on_its_way(ends):
    ends.load()
    assert not ends.link.in_step(7)
    ends.primary.sendall(b"all that was written while it loaded")
    until(lambda: ends.link.in_step(7))
    assert ends.hear(ends.replica, 36) == b"all that was written while it loaded"


def test_a_replica_that_lacks_nothing_is_in_step_and_stays_so(ends):
    ends.load()
    assert not ends.link.in_step(7)
    assert ends.link.in_step(0)
    assert ends.link.in_step(7), "what it lacks now is younger than the lag"
    ends.link.drop()
    assert not ends.link.in_step(0)


AUTH = b"*2\r\n$4\r\nAUTH\r\n$64\r\n%b\r\n"
STRAY = {
    "a command": b"FLUSHALL\r\n",
    "a command after a greeting": PING + b"*1\r\n$8\r\nFLUSHALL\r\n",
    "a wrong secret of the right length": PING + AUTH % (b"0" * 64) + b"FLUSHALL\r\n",
    "an inline greeting": b"PING\r\nFLUSHALL\r\n",
    "a megabyte": b"x" * (1 << 20),
}


def answer(connection: socket.socket) -> bytes:
    """What is heard until the other side closes."""
    heard = b""
    with suppress(ConnectionResetError):
        while data := connection.recv(1 << 16):
            heard += data
    return heard


@pytest.mark.parametrize("stray", STRAY)
def test_one_who_does_not_know_the_secret_reaches_nobody_and_is_told_of(stray, ends):
    with ends.knock() as stranger:
        with suppress(ConnectionResetError, BrokenPipeError):
            stranger.sendall(STRAY[stray])
        assert answer(stranger).removeprefix(PONG) in (DENIED, b""), "nothing that a server would say"
    until(lambda: ends.link.refused)
    assert ends.link.refused == {pwd.getpwuid(os.getuid()).pw_name: 1}
    ends.still_carries()


def test_a_connection_that_says_nothing_is_closed_after_a_while(ends, monkeypatch):
    monkeypatch.setattr("leasebench.bench.servers.door.WAIT_S", 0.05)
    with ends.knock() as silent, ends.knock() as half:
        half.sendall(PING[:7])
        assert answer(silent) == DENIED
        assert answer(half) == DENIED
    assert sum(ends.link.refused.values()) == 2
    ends.still_carries()


def test_a_crowd_of_silent_connections_neither_disturbs_the_replica_nor_keeps_out_the_next(ends):
    with ExitStack() as stack:
        crowd = [stack.enter_context(ends.knock()) for _ in range(3 * MOST_WAITING)]
        until(lambda: sum(ends.link.refused.values()) >= 2 * MOST_WAITING)
        ends.still_carries()
        fresh = stack.enter_context(ends.knock())
        fresh.sendall(PING)
        assert ends.hear(fresh, len(PONG)) == PONG
        fresh.sendall(ends.authentication())
        assert ends.hear(fresh, len(OK)) == OK
        assert len(crowd) == 3 * MOST_WAITING


def test_the_secret_is_another_one_for_each_link():
    links = [Link(LAG_MS) for _ in range(2)]
    assert links[0].secret != links[1].secret
    assert min(len(link.secret) for link in links) >= 32
    for link in links:
        link.close()
