"""The way to a replica holds back what the primary says by its lag, and knows since when no more is missing."""

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from leasebench.bench.servers.link import ASK_EVERY_S, ASK_FOR_S, Link
from leasebench.bench.servers.recorder import ACK

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
        self.replica = socket.create_connection(("127.0.0.1", self.link.port))
        listener.settimeout(LIMIT_S)
        self.primary, _ = listener.accept()
        listener.close()
        for end in (self.replica, self.primary):
            end.settimeout(LIMIT_S)

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
