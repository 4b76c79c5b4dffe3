"""Which plan was in force at each endpoint, with the spells below the peak marked: a stale overwrite is a step down."""

from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any

import altair as alt
import numpy as np

from leasebench.results.charts import ChartScope, DataRow, Spec, Subject, defined, described, filled
from leasebench.results.charts.window import Window, nearest, subtitle, window_of
from leasebench.results.checks.overwrites import peak_since_repair
from leasebench.results.reading.violations import writes_between

WIDTH, HEIGHT = 700, 46
MOST_ENDPOINTS = 3
MOST_STEPS = 60
"""The most steps of one endpoint; of more, those nearest to the subject of the picture are drawn."""
MOST_PUBLISHED = 40
BEFORE_S, AFTER_S = 0.25, 0.75


class VersionsOverTime:
    """A row an endpoint, that of the first violation on top."""

    name = "versions_over_time"
    about = "plan version in force over time per endpoint, stale spells marked"
    scope = ChartScope.TRIAL

    def draw(self, subject: Subject) -> Spec | None:
        """Named data `rows`: `what` is `published`, `in force` or `stale`; None where nothing was written."""
        found = window_of(subject, BEFORE_S, AFTER_S)
        if found is None:
            return None
        first = [] if found.endpoint is None else [found.endpoint]
        order = [*first, *(number for number in range(len(found.events.endpoints)) if number not in first)]
        shown = order[:MOST_ENDPOINTS]
        rows = [row for number in shown for row in _rows(found, number)]
        if not any(row["what"] == "in force" for row in rows):
            return None
        more = f"; {len(shown)} of {len(order)} endpoints" if len(shown) < len(order) else ""
        title = f"Versions in force: {subject.guard} under {subject.scenario}, trial {subject.trial}"
        below = subtitle(found, f"thick: below the peak; grey: newest published{more}")
        made = filled(_definition(), f"{title}\n{below}", rows=rows)
        made["facet"] = {"row": {**made["facet"]["row"], "sort": [found.events.endpoints[number] for number in shown]}}
        return described(made, *_says(rows))


def _says(rows: list[DataRow]) -> Iterator[str]:
    for name in dict.fromkeys(row["endpoint"] for row in rows):
        own = [row for row in rows if row["endpoint"] == name]
        plans = [row["plan"] for row in own if row["what"] == "in force"]
        stale = [row for row in own if row["what"] == "stale"]
        first = f", first with plan {stale[0]['plan']} at {stale[0]['at_s']:.4f} s" if stale else ""
        yield f"{name} went from plan {plans[0]} to {plans[-1]}, below its peak {len(stale)} times{first}"


def _rows(found: Window, endpoint: int) -> list[DataRow]:
    """The steps of one endpoint within the window, and the publications over it."""
    events, (begin_s, end_s) = found.events, found.span_s
    since, version = writes_between(events, endpoint, found.begin, found.end)
    if not len(since):
        return []
    kept = nearest(since, found.at, MOST_STEPS)
    first, after = int(np.searchsorted(since, kept[0])), int(np.searchsorted(since, kept[-1])) + 1
    if after < len(since):
        end_s = float(found.seconds(since[after : after + 1])[0])
    since, version = kept, version[first:after]
    edges = [*np.maximum(found.seconds(since), begin_s).tolist(), end_s]
    writes = events.writes_by_endpoint[endpoint]
    repairs = np.flatnonzero(events.of("repair")[writes.since])
    peaks = peak_since_repair(writes.version, repairs)[np.searchsorted(writes.since, since)]
    name = events.endpoints[endpoint]
    rows = []
    for (from_s, to_s), plan, peak in zip(pairwise(edges), version.tolist(), peaks.tolist(), strict=True):
        step = {"endpoint": name, "at_s": from_s, "plan": plan}
        rows.append({**step, "what": "in force"})
        if plan < peak:
            rows.append({**step, "what": "stale", "to_s": to_s})
    published = events.published
    inside = nearest(published[(published >= found.begin) & (published <= found.end)], found.at, MOST_PUBLISHED)
    rows += [
        {"endpoint": name, "at_s": at, "plan": plan, "what": "published"}
        for at, plan in zip(found.seconds(inside).tolist(), events.version[inside].tolist(), strict=True)
    ]
    rows.append({"endpoint": name, "at_s": end_s, "plan": int(version[-1]), "what": "in force"})
    return rows


@cache
def _definition() -> Spec:
    return defined(_steps)


def _steps() -> Any:
    base = alt.Chart().encode(
        x=alt.X("at_s:Q", title="seconds of load", scale=alt.Scale(nice=False, zero=False)),
        y=alt.Y("plan:Q", title=None, scale=alt.Scale(zero=False, nice=False), axis=alt.Axis(tickCount=3, format="d")),
        tooltip=["endpoint:N", "what:N", "plan:Q", alt.Tooltip("at_s:Q", title="at (s)", format=".4f")],
    )
    published = base.mark_line(style="quiet", interpolate="step-after", strokeWidth=0.8, opacity=0.7).transform_filter(
        "datum.what == 'published'"
    )
    in_force = base.mark_line(style="first", interpolate="step-after", strokeWidth=1.6).transform_filter(
        "datum.what == 'in force'"
    )
    stale = (
        base.mark_rule(style="second", strokeWidth=5, strokeCap="butt")
        .transform_filter("datum.what == 'stale'")
        .encode(x2="to_s:Q")
    )
    layers = alt.layer(published, in_force, stale, data=alt.NamedData(name="rows")).properties(
        width=WIDTH, height=HEIGHT
    )
    rows = alt.Row("endpoint:N", title=None, header=alt.Header(labelAngle=0, labelAlign="left"))
    return layers.facet(row=rows, spacing=8)


PLUGIN = VersionsOverTime()
