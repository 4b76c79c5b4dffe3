"""A thread of the harness that wants to run every 20 ms: what it is late by, the whole harness stood still.

It waits for nothing but the clock, so that a main thread that is busy, or waits for a server, is no standstill; one
that was stopped, starved or suspended is. On each beat it holds the wall clock against the monotonic one.
A beat costs about 50 us of the harness's core (with all looks 3 ms a second), and no process that is measured anything.
"""

import logging
import threading
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter_ns, sleep, time_ns
from typing import Self

import numpy as np

from leasebench.results.record.health import Standstill, WallClockStep

logger = logging.getLogger(__name__)

BEAT_S = 0.02
BEATS_PER_LOOK = 25
"""Processes and cores are looked at every half second."""
STANDSTILL_MS = 50.0
"""What is noted at all; whether it matters is decided by who reads it."""
MOST_STANDSTILLS, MOST_STEPS = 50, 50
STEP_MS = 5.0
"""NTP slews by 0.5 ms a second at most, 0.01 ms from one beat to the next: what is more is a step."""
SURE_NS = 1_000_000
"""Two readings of clocks that lie further apart than this tell of no step: we were interrupted between them."""


@dataclass(slots=True)
class Beats:
    """What the pulse noted."""

    late_ms: "array[float]" = field(default_factory=lambda: array("f"))
    """Four bytes a beat: a list of numbers would grow by 1.6 kB a second."""
    standstills: list[Standstill] = field(default_factory=list)
    steps: list[WallClockStep] = field(default_factory=list)

    def note(self, late_ms: float, at_ns: int) -> None:
        """A beat came so much too late."""
        self.late_ms.append(late_ms)
        if late_ms >= STANDSTILL_MS:
            self.standstills.append(Standstill(at_ns=at_ns, lasted_ms=round(late_ms, 1)))
            if len(self.standstills) > MOST_STANDSTILLS:
                self.standstills.remove(min(self.standstills, key=lambda one: one.lasted_ms))

    def percentile(self, percent: float) -> float | None:
        """How late a beat was; None of none."""
        return round(float(np.percentile(self.late_ms, percent)), 1) if self.late_ms else None


class Pulse:
    """A context: it beats inside. `look` is called every half second, on its thread."""

    def __init__(self, look: Callable[[], None], wall_ns: Callable[[], int] | None = None) -> None:
        self._look, self._wall_ns = look, wall_ns or time_ns
        self._over = False
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)
        self.beats = Beats()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._thread.join(1.0)

    def _run(self) -> None:
        offset_ns = self._offset_ns()
        beats = 0
        while not self._over:
            beats += 1
            if beats % BEATS_PER_LOOK == 0:
                self._look_once()
            begin_ns = perf_counter_ns()
            sleep(BEAT_S)
            now_ns = perf_counter_ns()
            self.beats.note((now_ns - begin_ns) / 1e6 - BEAT_S * 1000, begin_ns)
            now_offset_ns = self._offset_ns()
            if offset_ns is not None and now_offset_ns is not None:
                step_ms = (now_offset_ns - offset_ns) / 1e6
                if abs(step_ms) >= STEP_MS and len(self.beats.steps) < MOST_STEPS:
                    self.beats.steps.append(WallClockStep(at_ns=now_ns, ms=round(step_ms, 1)))
            offset_ns = now_offset_ns or offset_ns

    def _look_once(self) -> None:
        """Look; a look that goes wrong is missing, and the trial and the beats go on."""
        try:
            self._look()
        except Exception:
            logger.exception("a look at the processes went wrong")

    def _offset_ns(self) -> int | None:
        """How far the wall clock is ahead of the monotonic one; None if the two could not be read together."""
        before_ns = time.monotonic_ns()
        wall_ns = self._wall_ns()
        after_ns = time.monotonic_ns()
        return wall_ns - (before_ns + after_ns) // 2 if after_ns - before_ns < SURE_NS else None
