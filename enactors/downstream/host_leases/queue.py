"""The work of one worker: each of its hosts has exactly one piece, which rests, waits in the queue or is in service.

Pure: it is told the time. Each operation takes constant time, also for 100,000 hosts: what rests stands in a wheel of
slots of a millisecond (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", SOSP 1987), and the queue is a
double-ended one.
"""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from leasebench.enactors.downstream.host_leases.policy import QueuePolicy

SLOT_NS = 1_000_000
"""What is due is seen up to so much later; it is queued as of the instant at which it was due."""


class Piece(NamedTuple):
    """A piece of work: the check of one host, and since when it has been queued (ns)."""

    host: int
    queued_ns: int


class Dequeued(NamedTuple):
    """What a worker takes from its queue, and how many pieces had run out before and were queued again."""

    pieces: list[Piece]
    dropped: int


class HostQueue:
    """The pieces of work of `hosts`, all due once an interval, the first ones spread evenly over it.

    `start_ns` is now; `admission` how many may wait (0: any number). Times in ns of one clock.
    """

    def __init__(
        self,
        hosts: Sequence[int],
        policy: QueuePolicy,
        *,
        start_ns: int,
        interval_ns: int,
        timeout_ns: int,
        admission: int = 0,
    ) -> None:
        assert interval_ns > 0
        assert timeout_ns > 0
        self._policy = policy
        self._admission = admission
        self._interval_ns, self._timeout_ns = interval_ns, timeout_ns
        self._places = {host: at for at, host in enumerate(hosts)}
        self._start_ns = start_ns
        self._checks = [0] * len(hosts)
        """The number of the next check of each host."""
        self._tries = [0] * len(hosts)
        """How often in a row its work came to nothing."""
        self._wheel: dict[int, list[Piece]] = {}
        self._next_slot = start_ns // SLOT_NS
        self._waiting: deque[Piece] = deque()
        self.resting = 0
        """How many hosts rest until they are due."""
        for host in hosts:
            self._rest(host, self._due_ns(host))

    def __len__(self) -> int:
        """How many pieces wait."""
        return len(self._waiting)

    def advance(self, now_ns: int) -> None:
        """Queue what has come due; where the queue is full, put it off to its host's next check."""
        for slot in range(self._next_slot, now_ns // SLOT_NS):
            due = self._wheel.pop(slot, None)
            if due is None:
                continue
            due.sort(key=_due_of)
            self.resting -= len(due)
            for piece in due:
                self._queue(piece, now_ns)
        self._next_slot = max(self._next_slot, now_ns // SLOT_NS)

    def take(self, most: int, now_ns: int) -> Dequeued:
        """Take up to `most` pieces for service; with `drop_expired`, none that has run out."""
        waiting, policy = self._waiting, self._policy
        pop = waiting.popleft if policy.order == "fifo" else waiting.pop
        pieces: list[Piece] = []
        dropped = 0
        while waiting and len(pieces) < most:
            piece = pop()
            if policy.drop_expired and self.has_run_out(piece, now_ns):
                dropped += 1
                self.came_to_nothing(piece, now_ns)
            else:
                pieces.append(piece)
        return Dequeued(pieces, dropped)

    def has_run_out(self, piece: Piece, now_ns: int) -> bool:
        """Tell whether a piece was queued longer ago than the time-out."""
        return now_ns - piece.queued_ns > self._timeout_ns

    def completed(self, piece: Piece, now_ns: int) -> None:
        """The work on a host that was taken is done: it rests until its next check."""
        self._tries[self._places[piece.host]] = 0
        self._rest_until_next_check(piece.host, now_ns)

    def came_to_nothing(self, piece: Piece, now_ns: int, not_within_ns: int = 0) -> None:
        """The work on a host that was taken came to nothing: queue it again, with a fresh time stamp, at the tail.

        After a pause where the policy says so, and at the earliest after `not_within_ns`.
        """
        at = self._places[piece.host]
        self._tries[at] += 1
        pause_ns = max(not_within_ns, int(self._policy.pause_ms(piece.host, self._tries[at]) * 1e6))
        if pause_ns:
            self._rest(piece.host, now_ns + pause_ns)
        else:
            self._queue(Piece(piece.host, now_ns), now_ns)

    def _queue(self, piece: Piece, now_ns: int) -> None:
        if self._admission and len(self._waiting) >= self._admission:
            self._rest_until_next_check(piece.host, now_ns)
        else:
            self._waiting.append(piece)

    def _rest_until_next_check(self, host: int, now_ns: int) -> None:
        at = self._places[host]
        first_ns = self._start_ns + self._phase_ns(at)
        # The checks missed meanwhile are not made up for.
        self._checks[at] = max(self._checks[at] + 1, (now_ns - first_ns) // self._interval_ns + 1)
        self._rest(host, max(self._due_ns(host), now_ns + SLOT_NS))

    def _rest(self, host: int, due_ns: int) -> None:
        self.resting += 1
        self._wheel.setdefault(max(due_ns // SLOT_NS, self._next_slot), []).append(Piece(host, due_ns))

    def _phase_ns(self, at: int) -> int:
        return at * self._interval_ns // len(self._places)

    def _due_ns(self, host: int) -> int:
        at = self._places[host]
        number = self._checks[at]
        offset = self._policy.check_offset(host, number) if number else 0.0
        return self._start_ns + self._phase_ns(at) + int((number + offset) * self._interval_ns)


def _due_of(piece: Piece) -> int:
    return piece.queued_ns
