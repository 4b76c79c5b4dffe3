"""The part of a trial that a close picture shows: around its first violation, or the beginning of its load."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from leasebench.results.charts import Subject
from leasebench.results.evidence.events import Events, Ints
from leasebench.results.evidence.moment import Moments
from leasebench.results.reading.violations import found_in
from leasebench.results.record.file import BadRunDirectory


@dataclass(frozen=True)
class Window:
    """A window of one cell: positions `begin` to `end` of its events (store's node only), around the position `at`.

    `seconds` says when an event happened, in seconds since the load's start (since the first event where the two
    clocks can't be compared). `endpoint` is that of the violation, None where there is none.
    """

    moments: Moments
    cell: str
    events: Events
    at: int
    begin: int
    end: int
    endpoint: int | None
    zero_us: float

    def seconds(self, positions: Ints) -> npt.NDArray[np.float64]:
        """When events happened."""
        return np.asarray((self.events.t_us[positions] - self.zero_us) / 1e6, dtype=np.float64)

    @property
    def span_s(self) -> tuple[float, float]:
        """When the window begins and ends."""
        begin, end = self.seconds(np.array([self.begin, self.end]))
        return float(begin), float(end)


def window_of(subject: Subject, before_s: float, after_s: float) -> Window | None:
    """The first cell of a trial that has a violation, else its first; None where there is nothing to see."""
    assert subject.trial is not None
    moments = subject.run.moments(subject.trial)
    if moments is None:
        return None
    try:
        chosen = moments.cells[0]
        first = None
        for cell in moments.cells:
            first = next(found_in(moments.events(cell)), None)
            if first is not None:
                chosen = cell
                break
        events = moments.events(chosen)
        if events.last < 1:
            return None
        at, endpoint = (first[1], first[2]) if first is not None else (_first_commit(events), None)
        offset = moments.offset(chosen)
    except BadRunDirectory as error:
        subject.run.note_problem(str(error))
        return None
    start_ns = moments.facts.start_ns
    zero_us = float(events.t_us[0]) if offset is None else (start_ns - offset.value_ns) / 1000
    begin, end = _around(events, at, before_s * 1e6, after_s * 1e6)
    return Window(moments, chosen, events, at, begin, end, endpoint, zero_us)


def _first_commit(events: Events) -> int:
    commits = np.flatnonzero(events.of("commit"))
    return int(commits[0]) if len(commits) else 0


def _around(events: Events, at: int, before_us: float, after_us: float) -> tuple[int, int]:
    """The positions around `at` whose stamps are within the window; a clock that stepped ends it."""
    t_us = events.t_us[: events.last + 1]
    near = (t_us >= t_us[at] - before_us) & (t_us <= t_us[at] + after_us)
    near &= events.epoch[: events.last + 1] == events.epoch[at]
    inside = np.flatnonzero(near)
    return int(inside[0]), int(inside[-1])


def nearest(positions: Ints, at: int, most: int) -> Ints:
    """At most so many of ascending positions, those nearest to one of them: what the picture is about is among them."""
    if len(positions) <= most:
        return positions
    begin = max(int(np.searchsorted(positions, at)) - most // 2, 0)
    return positions[min(begin, len(positions) - most) :][:most]


def subtitle(found: Window, what: str) -> str:
    """What the window is around, and its cell where a trial has several."""
    around = "around the first violation" if found.endpoint is not None else "the beginning of the load (no violation)"
    cell = f", cell {found.cell}" if len(found.moments.cells) > 1 else ""
    return f"{around}{cell}; {what}"


def named(names: tuple[str, ...], code: Any) -> str:
    """A name by its code; '' for none."""
    return names[int(code)] if int(code) >= 0 else ""
