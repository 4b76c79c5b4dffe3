"""A lease storm played through, event by event and without chance: a prediction, never a measured result.

It plays exactly what `lease_storm` says in words, and the policies of which there is no formula.
"""

from collections import deque
from dataclasses import dataclass
from heapq import heapify, heappop, heappush, heapreplace
from math import floor
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from leasebench.results.theory.lease_storm import LeaseStorm

ROUNDING = 1e-9
MAX_PIECES = 2_000_000
"""So many pieces of work are played at most."""
SETTLING_INTERVALS = 10
"""After so many intervals a storm that does not end by itself is taken to be permanent."""
Seconds = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StormPolicy:
    """How work is taken from the queue and let into it.

    `drop_expired`: work that is older than its time-out is queued again before it costs anything. What does not fit
    into `max_queue` is put off to its host's next check. After work in vain a host waits for `backoff_s`, each time in
    a row twice as long, at most for the interval.
    """

    order: Literal["oldest_first", "newest_first"] = "oldest_first"
    drop_expired: bool = False
    max_queue: int | None = None
    backoff_s: float = 0.0


OLDEST_FIRST = StormPolicy()


class Played(NamedTuple):
    """Each piece of work that was taken up: its host, when it was queued, taken up and ended, was it in time."""

    host: npt.NDArray[np.int64]
    queued_s: Seconds
    start_s: Seconds
    end_s: Seconds
    done: npt.NDArray[np.bool_]


def play(storm: LeaseStorm, policy: StormPolicy, begin_s: float, until_s: float) -> Played:
    """Play a storm whose outage begins at `begin_s`, from hosts that are spread evenly over the interval.

    Work that an outage cuts off is queued again when it is over.
    """
    game = _Game(storm, policy, begin_s)
    while len(game.pieces) < MAX_PIECES and game.step(until_s):
        pass
    hosts, *times, done = list(zip(*game.pieces, strict=True)) or [()] * 5
    queued_s, start_s, end_s = (np.array(column, dtype=np.float64) for column in times)
    return Played(np.array(hosts, dtype=np.int64), queued_s, start_s, end_s, np.array(done, dtype=bool))


class _Game:
    def __init__(self, storm: LeaseStorm, policy: StormPolicy, begin_s: float) -> None:
        self._storm, self._policy = storm, policy
        self._begin_s, self._end_s = begin_s, begin_s + storm.outage_s
        self._due = [(host * storm.interval_s / storm.hosts, host) for host in range(storm.hosts)]
        heapify(self._due)
        self._queue: deque[tuple[float, int]] = deque()
        self._free = [0.0] * storm.workers
        self._failed = [0] * storm.hosts
        self.pieces: list[tuple[int, float, float, float, bool]] = []

    def step(self, until_s: float) -> bool:
        """Let the worker that is free first take up a piece of work. False once the time is over."""
        now_s = self._free[0]
        if self._begin_s <= now_s < self._end_s:
            now_s = self._end_s
        if now_s >= until_s:
            return False
        self._let_in(now_s)
        if not self._queue:
            heapreplace(self._free, max(now_s, self._due[0][0]))
            return self._due[0][0] < until_s
        queued_s, host = self._queue.popleft() if self._policy.order == "oldest_first" else self._queue.pop()
        if self._policy.drop_expired and now_s - queued_s > self._storm.timeout_s:
            self.pieces.append((host, queued_s, now_s, now_s, False))
            self._queue.append((now_s, host))
            return True
        end_s = now_s + self._storm.service_s
        if now_s < self._begin_s < end_s:
            heappush(self._due, (self._end_s, host))
            heapreplace(self._free, self._end_s)
            return True
        in_time = end_s - queued_s <= self._storm.timeout_s
        self.pieces.append((host, queued_s, now_s, end_s, in_time))
        heappush(self._due, (self._due_again_s(host, end_s, in_time), host))
        heapreplace(self._free, end_s)
        return True

    def _let_in(self, now_s: float) -> None:
        """Queue what has come due."""
        policy = self._policy
        while self._due and self._due[0][0] <= now_s:
            due_s, host = heappop(self._due)
            if policy.max_queue is not None and len(self._queue) >= policy.max_queue:
                heappush(self._due, (self._next_check_s(host, due_s), host))
            else:
                self._queue.append((due_s, host))

    def _due_again_s(self, host: int, now_s: float, in_time: bool) -> float:
        """When a host's next piece of work is due, after one that has ended."""
        if in_time:
            self._failed[host] = 0
            return self._next_check_s(host, now_s)
        self._failed[host] += 1
        return now_s + min(self._policy.backoff_s * 2.0 ** (self._failed[host] - 1), self._storm.interval_s)

    def _next_check_s(self, host: int, now_s: float) -> float:
        """Checks come at a fixed place of each interval; those missed are not made up for."""
        interval_s = self._storm.interval_s
        phase_s = host * interval_s / self._storm.hosts
        return phase_s + (floor((now_s - phase_s) / interval_s + ROUNDING) + 1) * interval_s


def collapses(storm: LeaseStorm, policy: StormPolicy = OLDEST_FIRST) -> bool:
    """Tell whether goodput stays below half of what is asked for, long after the outage."""
    begin_s = storm.interval_s
    until_s = begin_s + storm.outage_s + SETTLING_INTERVALS * storm.interval_s
    played = play(storm, policy, begin_s, until_s)
    last_s = SETTLING_INTERVALS * storm.interval_s / 3
    done = np.count_nonzero(played.done & (played.end_s >= until_s - last_s))
    return bool(done < 0.5 * storm.offered_per_s * last_s)
