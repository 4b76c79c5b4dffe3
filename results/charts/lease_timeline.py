"""Who held a lease, who was stopped, who wrote: the lanes of the enactors around the first violation."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from leasebench.results.charts import ChartScope, Rows, Spec, Subject, defined, described, filled, listed, plain
from leasebench.results.charts.window import Window, named, nearest, subtitle, window_of
from leasebench.results.display.theme import VERDICT_COLOURS
from leasebench.results.evidence.clocks import NEVER
from leasebench.results.evidence.events import Ints
from leasebench.results.evidence.holds import holds_of
from leasebench.results.evidence.trial import Trial
from leasebench.results.explain.fault_records import victims
from leasebench.results.record.journal import RowKind
from leasebench.verdict import Verdict

WIDTH, LANE = 700, 34
BEFORE_S, AFTER_S = 0.25, 0.2
MARGIN_NS = 1_500_000_000
"""How much of the journal before the window is read: a hold or a pause in it may have begun there."""
MOST = 90
"""Marks of a kind in one picture: those nearest to what it is about."""
WRITES = {"commit": "#5b9bd0", "stale commit": VERDICT_COLOURS[Verdict.STALE], "refused": "#9aa4ae"}
SHAPES = ["circle", "triangle-down", "cross"]
STOPS = {RowKind.PAUSE: "paused", RowKind.DELAY: "held up", RowKind.KILL: "killed"}


@dataclass(frozen=True, slots=True)
class Span:
    """A time in the lane of one enactor, in seconds of load."""

    lane: str
    from_s: float
    to_s: float

    def distance_s(self, at_s: float) -> float:
        """How far it is from an instant; 0 for one inside it."""
        return max(self.from_s - at_s, at_s - self.to_s, 0.0)


@dataclass(frozen=True, slots=True)
class HoldSpan(Span):
    """A lease that its owner held; `lost` where another had it already."""

    lease: str
    lost: bool


@dataclass(frozen=True, slots=True)
class StopSpan(Span):
    """An enactor that did not run or was cut off, and by what."""

    what: str


class LeaseTimeline:
    """Thin bars are holds as their owner knew them, dark where another had the lease already; boxes are pauses."""

    name = "lease_timeline"
    about = "who held which lease, who was paused, who wrote, around the first violation"
    scope = ChartScope.TRIAL

    def draw(self, subject: Subject) -> Spec | None:
        """Named data `holds`, `stops`, `writes`, `plans`, in lanes; None where nothing was written."""
        found = window_of(subject, BEFORE_S, AFTER_S)
        if found is None:
            return None
        at = _write_positions(found)
        if not len(at):
            return None
        if len(at) == MOST:
            found = replace(found, begin=int(at[0]), end=int(at[-1]))  # beyond them nothing would be seen
        lanes = ["planner", *found.events.enactors]
        begin_s, end_s = found.span_s
        trial = _journal(found, begin_s, end_s)
        holds, stops = (_holds(found, trial), _stops(found, trial)) if trial is not None else ([], [])
        at_s = _violation_s(found)
        stops = sorted([*stops, *_stops_from_outside(found)], key=lambda stop: stop.distance_s(at_s))[:MOST]
        title = f"Leases and writes: {subject.guard} under {subject.scenario}, trial {subject.trial}"
        held = "bar: lease held (dark: another had it already); " if holds else ""
        below = subtitle(found, f"{held}box: stopped or cut off; marks: writes")
        rows: dict[str, Rows] = {
            "holds": [asdict(hold) for hold in holds],
            "stops": [asdict(stop) for stop in stops],
            "writes": _writes(found, at),
            "plans": _plans(found),
            "lanes": pd.DataFrame({"lane": lanes}),
        }
        made = filled(_definition(), f"{title}\n{below}", **rows)
        written = Counter(str(write["write"]) for write in plain(rows["writes"]))
        lost = sum(hold.lost for hold in holds)
        told = Counter(f"{stop.lane} {stop.what}" for stop in stops)
        return described(
            {**made, "height": LANE * len(lanes)},
            f"From {begin_s:.3f} to {end_s:.3f} s of load: {listed(f'{kind} ({n})' for kind, n in written.items())}",
            f"{len(holds)} holds of leases; {lost} went on after another owner had the lease" if holds else "",
            f"Stopped or cut off: {listed(f'{one} ({count})' for one, count in told.items())}" if stops else "",
        )


def _journal(found: Window, begin_s: float, end_s: float) -> Trial | None:
    """The journal of the window; None where the clocks can't be compared."""
    if found.moments.offset(found.cell) is None:
        return None
    start_ns = found.moments.facts.start_ns
    return found.moments.trial(found.cell, int(start_ns + begin_s * 1e9) - MARGIN_NS, int(start_ns + end_s * 1e9))


def _holds(found: Window, trial: Trial) -> list[HoldSpan]:
    """The MOST holds nearest to the violation, by any owner; lost leases come first."""
    begin_s, end_s = found.span_s
    held = holds_of(trial)
    resources = (*found.events.endpoints, "cell")
    spans: list[HoldSpan] = []
    for number in range(len(held)):
        owner = int(held.owner[number]) >> 48
        end_ns, taken_ns = int(held.end[number]), int(held.taken[number])
        from_s = float(found.moments.seconds(int(held.begin[number])))
        to_s = end_s if end_ns == NEVER else float(found.moments.seconds(end_ns))
        lost_s = to_s if taken_ns >= end_ns else min(float(found.moments.seconds(taken_ns)), to_s)
        if to_s < begin_s or from_s > end_s or owner < 0:
            continue
        lane, lease = found.events.enactors[owner], resources[int(held.lease[number])]
        parts = ((from_s, lost_s, False), (lost_s, to_s, True))
        cut = [HoldSpan(lane, max(first, begin_s), min(last, end_s), lease, lost) for first, last, lost in parts]
        spans += [span for span in cut if span.to_s > span.from_s]
    at_s = _violation_s(found)
    return sorted(spans, key=lambda span: (not span.lost, span.distance_s(at_s)))[:MOST]


def _stops(found: Window, trial: Trial) -> list[StopSpan]:
    begin_s, end_s = found.span_s
    journal = trial.journal
    at = np.flatnonzero(journal["kind"].isin([int(kind) for kind in STOPS]))
    spans = []
    for number in at.tolist():
        row = journal.iloc[number]
        enactor = int(trial.process_enactor[number])
        from_s, to_s = (float(found.moments.seconds(int(row[name]))) for name in ("start_ns", "end_ns"))
        to_s = end_s if int(row["end_ns"]) == 0 else to_s
        if enactor < 0 or to_s < begin_s or from_s > end_s:
            continue
        what = STOPS[RowKind(int(row["kind"]))]
        spans.append(StopSpan(found.events.enactors[enactor], max(from_s, begin_s), min(to_s, end_s), what))
    return spans


def _stops_from_outside(found: Window) -> Iterator[StopSpan]:
    """Stops and cuts that the harness did to enactors, all at once."""
    begin_s, end_s = found.span_s
    for fault in found.moments.faults:
        if fault.span_ns is None:
            continue
        what, names = victims(fault, found.events.enactors)
        from_s, to_s = (float(found.moments.seconds(at_ns)) for at_ns in fault.span_ns)
        if to_s >= begin_s and from_s <= end_s:
            yield from (StopSpan(name, max(from_s, begin_s), min(to_s, end_s), what) for name in names)


def _violation_s(found: Window) -> float:
    return float(found.seconds(np.array([found.at]))[0])


def _write_positions(found: Window) -> Ints:
    events = found.events
    window = np.arange(found.begin, found.end + 1)
    mask = events.of("commit", "reject", "watch_conflict")[window]
    return nearest(window[mask & (events.endpoint[window] >= 0) & (events.enactor[window] >= 0)], found.at, MOST)


def _writes(found: Window, at: Ints) -> pd.DataFrame:
    events = found.events
    return pd.DataFrame(
        {
            "lane": [named(events.enactors, code) for code in events.enactor[at]],
            "at_s": found.seconds(at),
            "endpoint": [named(events.endpoints, code) for code in events.endpoint[at]],
            "plan": events.version[at],
            "write": np.select(
                [~events.of("commit")[at], events.version[at] < events.previous[at]],
                ["refused", "stale commit"],
                "commit",
            ),
        }
    )


def _plans(found: Window) -> pd.DataFrame:
    published = found.events.published
    inside = nearest(published[(published >= found.begin) & (published <= found.end)], found.at, MOST)
    plans = found.events.version[inside]
    return pd.DataFrame({"lane": ["planner"] * len(plans), "at_s": found.seconds(inside), "plan": plans})


@cache
def _definition() -> Spec:
    return defined(_lanes)


def _lanes() -> Any:
    x = alt.X("from_s:Q", title="seconds of load", scale=alt.Scale(nice=False, zero=False))
    at = alt.X("at_s:Q", title="seconds of load", scale=alt.Scale(nice=False, zero=False))
    lane = alt.Y("lane:N", title=None, sort=None, axis=alt.Axis(labelLimit=200, ticks=False, domain=False, grid=True))

    def named_data(name: str) -> alt.Chart:
        return alt.Chart(alt.NamedData(name=name))

    lanes = named_data("lanes").mark_point(opacity=0).encode(y=lane)
    stops = (
        named_data("stops")
        .mark_bar(style="quiet", height=26, opacity=0.22, strokeWidth=0)
        .encode(x=x, x2="to_s:Q", y=lane, tooltip=["lane:N", "what:N"])
    )
    holds = (
        named_data("holds")
        .mark_bar(height=7, strokeWidth=0)
        .encode(
            x=x,
            x2="to_s:Q",
            y=lane,
            color=alt.Color("lost:N", scale=alt.Scale(domain=[False, True], range=["#e0b84c", "#8a6410"]), legend=None),
            tooltip=["lane:N", "lease:N", "lost:N"],
        )
    )
    kinds = list(WRITES)
    writes = (
        named_data("writes")
        .mark_point(filled=True, size=60, opacity=0.9)
        .encode(
            x=at,
            y=lane,
            color=alt.Color("write:N", title=None, scale=alt.Scale(domain=kinds, range=list(WRITES.values()))),
            shape=alt.Shape("write:N", title=None, scale=alt.Scale(domain=kinds, range=SHAPES)),
            tooltip=["lane:N", "write:N", "endpoint:N", "plan:Q", alt.Tooltip("at_s:Q", format=".4f")],
        )
    )
    plans = (
        named_data("plans")
        .mark_tick(style="outline", thickness=1.5, size=14)
        .encode(x=at, y=lane, tooltip=["plan:Q", alt.Tooltip("at_s:Q", format=".4f")])
    )
    layers = alt.layer(lanes, stops, holds, plans, writes).resolve_scale(color="independent", shape="independent")
    return layers.properties(width=WIDTH)


PLUGIN = LeaseTimeline()
