"""A clock that drifts: its offset at an instant, from the readings around it, and how wrong that may be.

Between two readings the offset lies on the straight line. A point of it is wrong by no more than

- the larger of the two readings' own bounds: what is between two values is wrong by no more than the worse of them;
- and what the true offset may bend between them, if the clock's rate did not stay what it was. A rate that changes once
  by c, at a fraction f of an interval T, leaves the line by c f (1-f) T at the most. The rates of this interval and of
  its neighbours then differ by c f on one side and by c (1-f) on the other, so that half of T times the larger of
  these two differences, which are measured, is enough; with one neighbour only, T times its difference.

Before the first reading and after the last, and between two that have no neighbours, nothing is measured of the rate:
there two clocks are taken to drift by at most DRIFT.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from statistics import median

import numpy as np
import numpy.typing as npt

from leasebench.results.evidence.events import Ints
from leasebench.results.record.clocks import MOST_APART_NS, ClockReading

Floats = npt.NDArray[np.float64]
DRIFT = 1e-3
"""By how much two clocks may drift apart, as a share of the time: twice what adjtimex(2) allows."""
APART_NS = 200_000_000
"""Of readings nearer to each other than this one is used: the rate between them would be noise."""
POOR = 4
"""A reading whose bound is so many times the usual one is left out: its neighbours know better."""
GRAIN_NS = 1
"""A line between whole nanoseconds is rounded to whole ones."""


class DriftingOffset:
    """The offset of one clock to the axis over a trial, by its readings, of which there is at least one."""

    def __init__(self, readings: Sequence[ClockReading]) -> None:
        self.readings = tuple(_used(readings))
        """Those that are used, in the order of time."""

    @cached_property
    def _read_ns(self) -> Ints:
        return np.array([one.read_ns for one in self.readings], dtype=np.int64)

    @cached_property
    def _offset_ns(self) -> Ints:
        return np.array([one.offset_ns for one in self.readings], dtype=np.int64)

    @cached_property
    def _bound_ns(self) -> Ints:
        return np.array([one.uncertainty_ns for one in self.readings], dtype=np.int64)

    @cached_property
    def _between_ns(self) -> Ints:
        """By how much the line may be wrong between each reading and the next."""
        took = np.diff(self._read_ns).astype(np.float64)
        worse = np.maximum(self._bound_ns[1:], self._bound_ns[:-1])
        bent = np.ceil(np.minimum(took * self._bend(took) / 2, MOST_APART_NS / 2)).astype(np.int64)
        return worse + bent + GRAIN_NS

    def _bend(self, took: Floats) -> Floats:
        """Per interval the change of rate whose half, over the interval, is the farthest from the line."""
        if len(took) < 2:
            return np.full(len(took), DRIFT)
        changes = np.abs(np.diff(np.diff(self._offset_ns) / took))
        return np.concatenate([changes[:1] * 2, np.maximum(changes[1:], changes[:-1]), changes[-1:] * 2])

    def at(self, instant_ns: Ints) -> tuple[Ints, Ints]:
        """What to add to instants of this clock to have them on the axis, and by how much that may be wrong."""
        first_ns, first_offset = self._read_ns[0], self._offset_ns[0]
        along = (instant_ns - first_ns).astype(np.float64)
        moved = np.interp(along, (self._read_ns - first_ns).astype(np.float64), self._offset_ns - first_offset)
        return first_offset + np.rint(moved).astype(np.int64), self._unsure(self._read_ns, instant_ns)

    def _unsure(self, knots: Ints, at: Ints) -> Ints:
        outside = np.maximum(np.maximum(knots[0] - at, at - knots[-1]), 0)
        nearest = np.where(at < knots[0], self._bound_ns[0], self._bound_ns[-1])
        beyond: Ints = nearest + np.ceil(np.minimum(outside * DRIFT, MOST_APART_NS / 2)).astype(np.int64) + GRAIN_NS
        if len(knots) == 1:
            return beyond
        interval = np.clip(np.searchsorted(knots, at, side="right") - 1, 0, len(knots) - 2)
        unsure: Ints = np.where((at < knots[0]) | (at > knots[-1]), beyond, self._between_ns[interval])
        return unsure

    def widest_ns(self, begin_ns: int | None = None, end_ns: int | None = None) -> int:
        """The largest uncertainty between two instants of the axis; without them, between first and last reading."""
        knots = self._read_ns + self._offset_ns
        begin_ns, end_ns = knots[0] if begin_ns is None else begin_ns, knots[-1] if end_ns is None else end_ns
        ends = self._unsure(knots, np.array([begin_ns, end_ns], dtype=np.int64))
        low, high = np.searchsorted(knots, (begin_ns, end_ns)).tolist()
        return int(max(ends.max(), self._between_ns[max(low - 1, 0) : high].max(initial=0)))

    @property
    def surest(self) -> ClockReading:
        """The reading with the smallest bound."""
        return min(self.readings, key=lambda one: one.uncertainty_ns)

    @property
    def as_one_ns(self) -> int:
        """By how much the offset of the surest reading may be wrong at any instant between the first and the last."""
        moved = np.abs(self._offset_ns - self.surest.offset_ns).max()
        return min(int(moved) + self.widest_ns(), MOST_APART_NS)


def _used(readings: Sequence[ClockReading]) -> Iterator[ClockReading]:
    """The first, the last, and what is sure and far enough from its neighbours in between."""
    first, *others = readings
    yield first
    if not others:
        return
    last, before = others[-1], first
    usual = median(one.uncertainty_ns for one in readings)
    for one in others[:-1]:
        near = one.read_ns - before.read_ns < APART_NS or last.read_ns - one.read_ns < APART_NS
        if not near and one.uncertainty_ns <= POOR * usual:
            yield one
            before = one
    yield last
