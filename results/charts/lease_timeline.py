"""Who held a lease, who was stopped, who wrote: the lanes of the enactors around the first violation."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from leasebench.results.charts import ChartScope, Spec, Subject, defined, filled
from leasebench.results.clocks import NEVER
from leasebench.results.events import Ints
from leasebench.results.explain.fault_records import victims
from leasebench.results.holds import holds_of
from leasebench.results.journal import RowKind
from leasebench.results.theme import VERDICT_COLOURS
from leasebench.results.trial import Trial
from leasebench.results.window import Window, named, nearest, subtitle, window_of
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
        writes = _writes(found, at)
        lanes = ["planner", *found.events.enactors]
        begin_s, end_s = found.span_s
        trial = _journal(found, begin_s, end_s)
        holds, stops = (_holds(found, trial), _stops(found, trial)) if trial is not None else ([], [])
        stops = _nearest(found, [*stops, *_stops_from_outside(found)])
        title = f"Leases and writes: {subject.guard} under {subject.scenario}, trial {subject.trial}"
        held = "bar: lease held (dark: another had it already); " if holds else ""
        below = subtitle(found, f"{held}box: stopped or cut off; marks: writes")
        rows = {"holds": holds, "stops": stops, "writes": writes, "plans": _plans(found)}
        made = filled(_definition(), f"{title}\n{below}", **rows, lanes=[{"lane": lane} for lane in lanes])
        return {**made, "height": LANE * len(lanes)}


def _journal(found: Window, begin_s: float, end_s: float) -> Trial | None:
    """The journal of the window; None where the clocks can't be compared."""
    if found.moments.offset(found.cell) is None:
        return None
    start_ns = found.moments.facts.start_ns
    return found.moments.trial(found.cell, int(start_ns + begin_s * 1e9) - MARGIN_NS, int(start_ns + end_s * 1e9))


def _holds(found: Window, trial: Trial) -> list[dict[str, Any]]:
    begin_s, end_s = found.span_s
    held = holds_of(trial)
    resources = (*found.events.endpoints, "cell")
    rows: list[dict[str, Any]] = []
    for number in range(len(held)):
        owner = int(held.owner[number]) >> 48
        end_ns, taken_ns = int(held.end[number]), int(held.taken[number])
        from_s = float(found.moments.seconds(int(held.begin[number])))
        to_s = end_s if end_ns == NEVER else float(found.moments.seconds(end_ns))
        lost_s = to_s if taken_ns >= end_ns else min(float(found.moments.seconds(taken_ns)), to_s)
        if to_s < begin_s or from_s > end_s or owner < 0:
            continue
        about = {"lane": found.events.enactors[owner], "lease": resources[int(held.lease[number])]}
        for part_from, part_to, lost in ((from_s, lost_s, False), (lost_s, to_s, True)):
            part = {"from_s": max(part_from, begin_s), "to_s": min(part_to, end_s), "lost": lost}
            if part["to_s"] > part["from_s"]:
                rows.append(about | part)
    return _nearest(found, rows)


def _stops(found: Window, trial: Trial) -> list[dict[str, Any]]:
    begin_s, end_s = found.span_s
    journal = trial.journal
    at = np.flatnonzero(journal["kind"].isin([int(kind) for kind in STOPS]))
    rows = []
    for number in at.tolist():
        row = journal.iloc[number]
        enactor = int(trial.process_enactor[number])
        from_s, to_s = (float(found.moments.seconds(int(row[name]))) for name in ("start_ns", "end_ns"))
        to_s = end_s if int(row["end_ns"]) == 0 else to_s
        if enactor < 0 or to_s < begin_s or from_s > end_s:
            continue
        what = STOPS[RowKind(int(row["kind"]))]
        lane = found.events.enactors[enactor]
        rows.append({"lane": lane, "what": what, "from_s": max(from_s, begin_s), "to_s": min(to_s, end_s)})
    return rows


def _stops_from_outside(found: Window) -> Iterator[dict[str, Any]]:
    """Stops and cuts that the harness did to enactors, all at once."""
    begin_s, end_s = found.span_s
    for fault in found.moments.faults:
        if fault.span_ns is None:
            continue
        what, names = victims(fault, found.events.enactors)
        from_s, to_s = (float(found.moments.seconds(at_ns)) for at_ns in fault.span_ns)
        if to_s >= begin_s and from_s <= end_s:
            span = {"from_s": max(from_s, begin_s), "to_s": min(to_s, end_s)}
            yield from ({"lane": name, "what": what, **span} for name in names)


def _nearest(found: Window, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The MOST spans that are nearest to the violation, whoever's they are; lost leases before all others."""
    at_s = float(found.seconds(np.array([found.at]))[0])

    def distance(row: dict[str, Any]) -> tuple[bool, float]:
        return not row.get("lost"), max(row["from_s"] - at_s, at_s - row["to_s"], 0.0)

    return sorted(rows, key=distance)[:MOST]


def _write_positions(found: Window) -> Ints:
    events = found.events
    window = np.arange(found.begin, found.end + 1)
    mask = events.of("commit", "reject", "watch_conflict")[window]
    return nearest(window[mask & (events.endpoint[window] >= 0) & (events.enactor[window] >= 0)], found.at, MOST)


def _writes(found: Window, at: Ints) -> list[dict[str, Any]]:
    events = found.events
    frame = pd.DataFrame(
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
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _plans(found: Window) -> list[dict[str, Any]]:
    published = found.events.published
    inside = nearest(published[(published >= found.begin) & (published <= found.end)], found.at, MOST)
    return [
        {"lane": "planner", "at_s": at, "plan": plan}
        for at, plan in zip(found.seconds(inside).tolist(), found.events.version[inside].tolist(), strict=True)
    ]


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
