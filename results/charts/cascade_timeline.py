"""One trial's cascade on one axis: the record, the leases that hang on it, launches, their network, the capacity."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import altair as alt
import numpy as np

from leasebench.results.charts import ChartScope, DataRow, Spec, Subject, defined, described, filled, listed
from leasebench.results.checks.cascade import Cascade, Seconds, StepSeries, cascade_of
from leasebench.results.evidence.trial import read_trials

WIDTH, HEIGHT = 700, 64
MOST_STEPS = 700
"""The most steps of one line; of more, evenly chosen ones are drawn."""
BIN_S = 0.5
VERSIONS, LEASES, LAUNCHES = "plan version", "leases held, %", "launches served, %"
BACKLOG, CAPACITY = "wait for network", "sound capacity in service, %"
LANES = (VERSIONS, LEASES, LAUNCHES, BACKLOG, CAPACITY)
LINE, EMPTY, ACTION = "#2a6fbb", "#c0392b", "#7d5ba6"


class CascadeTimeline:
    """A lane a system; the record's emptiness is shaded in all of them, and a rule stands where an operator acted."""

    name = "cascade_timeline"
    about = "from the emptied record to full recovery: one lane a system, operators' actions marked"
    scope = ChartScope.TRIAL

    def draw(self, subject: Subject) -> Spec | None:
        """Named data `steps`, `spells` and `actions`; None where no host leases hung on a record."""
        assert subject.trial is not None
        moments = subject.run.moments(subject.trial)
        found = None if moments is None or not moments.facts.history else cascade_of(read_trials(moments.folder)[0])
        if found is None:
            return None
        title = f"Cascade: {subject.guard} under {subject.scenario}, trial {subject.trial}"
        emptied = "red: the record is empty" if found.empty else "the record was never empty"
        spells = [{"lane": lane, "from_s": begin, "to_s": end} for lane in LANES for begin, end in found.empty]
        actions = [{"lane": lane, "t_s": t_s, "what": what} for lane in LANES for t_s, what in found.actions]
        acted = ", ".join(f"{what} ({t_s:.1f} s)" for t_s, what in found.actions)
        under = f"violet: {acted}\n{emptied}" if found.actions else emptied
        steps = list(_steps(found))
        lanes = tuple(lane for lane in LANES if any(step["lane"] == lane for step in steps))
        made = filled(_definition(lanes), f"{title}\n{under}", steps=steps, spells=spells, actions=actions)
        return described(made, *_says(found, steps))


def _says(found: Cascade, steps: list[DataRow]) -> Iterator[str]:
    told = listed(f"from {begin:.2f} to {end:.2f} s" for begin, end in found.empty)
    yield f"The record was empty {told}" if told else "The record was never empty"
    for lane in LANES[1:]:
        own = [step for step in steps if step["lane"] == lane]
        if own:
            worst = (max if lane == BACKLOG else min)(own, key=lambda step: float(step["value"]))
            what = "at most" if lane == BACKLOG else "at least"
            seen = f"{what} {worst['value']:,.0f} (at {worst['t_s']:.1f} s)"
            yield f"{lane}: {seen}, in the end {own[-1]['value']:,.0f}".capitalize()
    yield f"Operators: {listed(f'{what} at {t_s:.1f} s' for t_s, what in found.actions)}" if found.actions else ""


@cache
def _definition(lanes: tuple[str, ...]) -> Spec:
    return defined(lambda: _drawn(lanes))


def _steps(found: Cascade) -> Iterator[DataRow]:
    for lane, series, scale in (
        (VERSIONS, found.versions, 1.0),
        (LEASES, found.held, 100.0),
        (LAUNCHES, _served(found), 100.0),
        (BACKLOG, found.backlog, 1.0),
        (CAPACITY, found.serving, 100.0),
    ):
        if series is None or not len(series.t_s):
            continue
        shown = np.unique(np.linspace(0, len(series.t_s) - 1, MOST_STEPS).astype(np.int64))
        for at in shown.tolist():
            yield {"lane": lane, "t_s": float(series.t_s[at]), "value": float(series.value[at]) * scale}
        yield {"lane": lane, "t_s": found.until_s, "value": float(series.value[-1]) * scale}


def _served(found: Cascade) -> StepSeries:
    """The share of launch requests that was served, a value for each BIN_S in which there was one."""
    edges = np.arange(0.0, found.until_s + BIN_S, BIN_S)

    def counted(t_s: Seconds) -> Seconds:
        return np.histogram(t_s, edges)[0].astype(np.float64)

    served, refused = counted(found.launched), counted(found.refused)
    asked = np.flatnonzero(served + refused)
    return StepSeries(edges[asked], served[asked] / (served + refused)[asked])


def _drawn(lanes: tuple[str, ...]) -> Any:
    return alt.vconcat(*(_lane(lane, last=lane == lanes[-1]) for lane in lanes), spacing=6).resolve_scale(x="shared")


def _lane(lane: str, *, last: bool) -> Any:
    def along(field: str) -> Any:
        axis = alt.Axis(title="seconds of load") if last else alt.Axis(labels=False, ticks=False, title=None)
        return alt.X(field, scale=alt.Scale(nice=False), axis=axis)

    empty = (
        alt.Chart(alt.NamedData(name="spells"))
        .mark_rect(opacity=0.16, color=EMPTY)
        .encode(x=along("from_s:Q"), x2="to_s:Q")
    )
    lines = (
        alt.Chart(alt.NamedData(name="steps"))
        .mark_line(interpolate="step-after", strokeWidth=1.5, color=LINE)
        .encode(
            x=along("t_s:Q"),
            y=alt.Y("value:Q", title=None, axis=alt.Axis(tickCount=3, format="~s")),
            tooltip=[
                "lane:N",
                alt.Tooltip("t_s:Q", title="at (s)", format=".2f"),
                alt.Tooltip("value:Q", format=",.4~g"),
            ],
        )
    )
    acted = (
        alt.Chart(alt.NamedData(name="actions"))
        .mark_rule(strokeWidth=1.5, color=ACTION)
        .encode(x=along("t_s:Q"), tooltip=["what:N", alt.Tooltip("t_s:Q", title="at (s)", format=".2f")])
    )
    here = alt.datum.lane == lane
    layers = [one.transform_filter(here) for one in (empty, lines, acted)]
    title = alt.TitleParams(lane, anchor="start", fontSize=11)
    return alt.layer(*layers).properties(width=WIDTH, height=HEIGHT, title=title)


PLUGIN = CascadeTimeline()
