"""How a run scales over a swept number of enactors, endpoints or cells: how fast, and limited by what."""

from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Any

import altair as alt

from leasebench.results.charts import ChartScope, DataRow, Spec, Subject, defined, described, heading, inline
from leasebench.results.evidence.core_time import IDLE, OPERATION_COLUMNS, PARTS, core_time, operations
from leasebench.results.reading.rundirectory import RunDirectory
from leasebench.results.reading.sweeps import Swept, SweptLine, swept_lines
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.record.health import read_health
from leasebench.results.tables.sweep_table import panel_title, wording

NUMBERS = ("enactors", "endpoints", "cells")
"""The parameters that make a trial larger."""
WIDTH, SPEED_HEIGHT, CORES_HEIGHT, TIMES_HEIGHT = 520, 200, 170, 130
MOST_LINES = 6
PART_COLOURS = ("#d55e00", "#0072b2", "#cc79a7", "#9aa4ae", "#e0e4e8")
START, COLLECT = "start", "collect"


class ScalingChart:
    """What a larger trial costs the machine."""

    name = "scaling"
    about = "operations a second, the cores' time, and the time to start and to collect, over a swept number"
    scope = ChartScope.RUN

    def draw(self, subject: Subject) -> Spec | None:
        """Three panels over the numbers; None where none was swept."""
        lines = [line for line in swept_lines(subject.run) if line.parameter in NUMBERS and line.numeric]
        lines = [line for line in lines if line.second is None][:MOST_LINES]
        if not lines:
            return None
        rows = [row for line in lines for row in _rows(subject.run, line, _label(line, lines))]
        if not rows:
            return None
        return described(defined(lambda: _picture(lines, rows)), *_sentences(rows, lines[0].parameter))


def _label(line: SweptLine, lines: Sequence[SweptLine]) -> str:
    where = panel_title(line, len({one.family for one in lines}))
    return f"{line.guard}, {where}" if where else line.guard


def _rows(run: RunDirectory, line: SweptLine, label: str) -> Iterator[DataRow]:
    for point in line.points:
        yield from _trials(run, line, point, label)


def _trials(run: RunDirectory, line: SweptLine, point: Swept, label: str) -> Iterator[DataRow]:
    """One row a trial whose clocks count."""
    for trial in run.timed_trials_of(line.guard, point.cell.scenario):
        moments = run.moments(trial.number)
        facts = None if moments is None else moments.facts
        if moments is None or facts is None or not facts.load_s:
            continue
        try:
            asked = operations(moments.batches(OPERATION_COLUMNS), facts.start_ns, facts.load_end_ns)
            health = read_health(moments.folder)
        except BadRunDirectory as error:
            run.note_problem(str(error))
            continue
        spent = None if health is None else core_time(health)
        yield {
            "line": label,
            "value": point.number,
            "trial": trial.number,
            "per_second": asked / facts.load_s,
            "disturbed": bool(trial.disturbances),
            START: facts.starting_s,
            COLLECT: facts.collecting_s,
            "spent": dict(spent) if spent is not None else {},
        }


def _picture(lines: Sequence[SweptLine], rows: list[DataRow]) -> Any:
    told = wording(lines[0].parameter)
    values = sorted({row["value"] for row in rows})
    order = [f"{value:g}" for value in values]
    names = list(dict.fromkeys(row["line"] for row in rows))
    axis = alt.Axis(labelAngle=0, grid=False)
    x = alt.X("text:N", title=told.title, sort=order, axis=axis)
    parts = [_speed(rows, names, x)]
    spent = [row for row in rows if row["spent"]]
    if spent:
        parts.append(_cores(spent, x))
    timed = [row for row in rows if row[START] is not None and row[COLLECT] is not None]
    if timed:
        parts.append(_times(timed, x))
    below = "points: trials, lines: their means"
    if any(row["disturbed"] for row in rows):
        below += "; hollow: the machine was disturbed, and no other trial of that cell was not"
    title = heading(f"How it scales with {told.title}\n{below}")
    return (
        alt.vconcat(*parts, spacing=18)
        .properties(title=title)
        .resolve_scale(color="independent", strokeDash="independent", x="independent")
    )


def _speed(rows: list[DataRow], names: Sequence[str], x: Any) -> Any:
    shown = [
        {
            "text": f"{row['value']:g}",
            "line": row["line"],
            "per_second": row["per_second"],
            "sound": not row["disturbed"],
            "trial": row["trial"],
        }
        for row in rows
    ]
    legend = alt.Legend(title=None, orient="top", columns=3, symbolType="stroke", symbolSize=400)
    colour = alt.Color("line:N", scale=alt.Scale(domain=list(names)), legend=legend)
    bare = alt.Color("line:N", scale=alt.Scale(domain=list(names)), legend=None)
    y_scale = alt.Scale(domainMin=0, nice=True)
    base = alt.Chart(inline(shown)).encode(x=x)
    title = "operations a second"
    line = base.mark_line(strokeWidth=1.8).encode(
        color=colour, y=alt.Y("mean(per_second):Q", title=title, scale=y_scale)
    )
    points = base.mark_point(size=44, strokeWidth=1.4, filled=True, opacity=1).encode(
        y=alt.Y("per_second:Q", title=title, scale=y_scale),
        stroke=bare,
        fill=alt.condition("datum.sound", bare, alt.value("transparent")),
        tooltip=["line:N", "trial:Q", alt.Tooltip("per_second:Q", title="operations a second", format=",.0f")],
    )
    return alt.layer(line, points).properties(width=WIDTH, height=SPEED_HEIGHT)


def _cores(rows: list[DataRow], x: Any) -> Any:
    shown = [
        {"text": f"{value:g}", "part": part, "share": fmean(row["spent"][part] for row in of), "place": place}
        for value, of in _by_value(rows)
        for place, part in enumerate(PARTS)
    ]
    legend = alt.Legend(title=None, orient="right", symbolType="square")
    colour = alt.Color("part:N", scale=alt.Scale(domain=list(PARTS), range=list(PART_COLOURS)), legend=legend)
    y = alt.Y("share:Q", title="the cores' time", stack="zero", scale=alt.Scale(domain=[0, 1]), axis=_per_cent())
    bars = alt.Chart(inline(shown)).mark_bar(stroke=None)
    tooltip = ["part:N", alt.Tooltip("share:Q", format=".0%")]
    drawn = bars.encode(x=x, y=y, color=colour, order="place:Q", tooltip=tooltip)
    return drawn.properties(width=WIDTH, height=CORES_HEIGHT)


def _per_cent() -> Any:
    return alt.Axis(format="~%", values=[0, 0.25, 0.5, 0.75, 1])


def _times(rows: list[DataRow], x: Any) -> Any:
    shown = [
        {"text": f"{value:g}", "what": f"to {what}", "seconds_s": fmean(row[what] for row in of)}
        for value, of in _by_value(rows)
        for what in (START, COLLECT)
    ]
    legend = alt.Legend(title=None, orient="right", symbolType="stroke", symbolSize=400)
    base = alt.Chart(inline(shown)).encode(
        x=x,
        y=alt.Y("seconds_s:Q", title="seconds", scale=alt.Scale(domainMin=0)),
        color=alt.Color("what:N", scale=alt.Scale(domain=["to start", "to collect"]), legend=legend),
        strokeDash=alt.StrokeDash("what:N", scale=alt.Scale(domain=["to start", "to collect"]), legend=legend),
        tooltip=["what:N", alt.Tooltip("seconds_s:Q", format=".3~g")],
    )
    lines = alt.layer(base.mark_line(strokeWidth=1.8), base.mark_point(filled=True, size=36, opacity=1))
    return lines.properties(width=WIDTH, height=TIMES_HEIGHT)


def _by_value(rows: list[DataRow]) -> Iterator[tuple[float, list[DataRow]]]:
    for value in sorted({row["value"] for row in rows}):
        yield value, [row for row in rows if row["value"] == value]


def _sentences(rows: list[DataRow], parameter: str) -> Iterator[str]:
    for name in dict.fromkeys(row["line"] for row in rows):
        means = [
            (value, fmean(row["per_second"] for row in of))
            for value, of in _by_value([r for r in rows if r["line"] == name])
        ]
        (least, first), (most, last) = means[0], means[-1]
        yield f"{name}: {first:,.0f} operations a second with {least:g} {parameter}, {last:,.0f} with {most:g}"
    largest = [row for row in rows if row["value"] == max(one["value"] for one in rows) and row["spent"]]
    if largest:
        shares = {part: fmean(row["spent"][part] for row in largest) for part in PARTS}
        told = ", ".join(f"{part} {share:.0%}" for part, share in shares.items() if part != IDLE or share >= 0.01)
        yield f"The cores' time there: {told}"


PLUGIN = ScalingChart()
