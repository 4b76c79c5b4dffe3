"""A sweep: the leak rate and the cost of each guard over the values of a parameter, a panel a second value."""

from collections.abc import Sequence
from math import exp, isfinite, log
from statistics import fmean
from typing import Any

import altair as alt
import numpy as np

from leasebench.results.charts import (
    DURATION,
    ChartScope,
    DataRow,
    Spec,
    Subject,
    defined,
    described,
    heading,
    inline,
    padded,
    rough,
    ticks,
)
from leasebench.results.compare.quantities import COST
from leasebench.results.compare.samples import Samples
from leasebench.results.display.theme import COLOURS
from leasebench.results.reading.rundirectory import RunDirectory
from leasebench.results.reading.sweeps import CameOut, Swept, SweptLine, swept_lines
from leasebench.results.statistics.intervals import MIN_TRIALS, reach_of_mean
from leasebench.results.tables.sweep_table import Wording, panel_title, sweep_sentences, wording

WIDTH, NARROW = 640, 250
LEAK_HEIGHT, COST_HEIGHT = 230, 170
COLUMNS = 3
MOST_PANELS = 9
DASHES = ([1, 0], [6, 3])
MOST_GUARDS = len(COLOURS["light"]) * len(DASHES)
"""More lines than these would share a colour and a dash pattern."""
LEAKS = [0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 1]
APART = 0.012
"""How far two guards at one value stand apart, as a share of the axis: many are at 0, or at 1."""
COST_ROOM = 1.6
"""The axis of costs goes so far beyond them; of two trials an interval may span decades, and is cut off there."""
MOST_TOLD = 8
"""Sentences below the title, where there is one panel."""
KEY = "bars: 95 % intervals; a leak rate of 0 reaches up to its bound; hollow: unproven, or harmed otherwise"


class SweepChart:
    """Where guards part company as a parameter grows."""

    name = "sweep"
    about = "leak rate and cost over the values of a swept parameter, one line a guard"
    scope = ChartScope.RUN

    def draw(self, subject: Subject) -> Spec | None:
        """Leak rates above, costs below; a panel for each scenario and second value."""
        lines = swept_lines(subject.run)
        if not lines:
            return None
        return described(
            defined(lambda: _picture(subject.run, lines)), *(one.rstrip(".") for one in sweep_sentences(lines))
        )


def _picture(run: RunDirectory, lines: Sequence[SweptLine]) -> Any:
    families = len({line.family for line in lines})
    panels: dict[str, list[SweptLine]] = {}
    for line in lines:
        panels.setdefault(panel_title(line, families), []).append(line)
    guards = list(dict.fromkeys(line.guard for line in lines))[:MOST_GUARDS]
    samples, told = Samples(run), wording(lines[0].parameter)
    rows = {
        title: [row for line in own if line.guard in guards for row in _rows(line, samples)]
        for title, own in panels.items()
    }
    width = WIDTH if len(panels) == 1 else NARROW
    costs = [row["cost"] for part in rows.values() for row in part if row["cost"]]
    shown = dict(list(rows.items())[:MOST_PANELS])
    across = _axis([row for part in rows.values() for row in part], guards, told)
    drawn = [_panel(title, part, guards, told, across, costs, width) for title, part in shown.items()]
    more = f"; {len(rows) - len(shown)} more panels are left out" if len(rows) > len(shown) else ""
    sentences = list(sweep_sentences(lines)) if len(panels) == 1 and len(lines) <= MOST_TOLD else []
    subtitle = [*sentences, f"{KEY}{more}"]
    where = f", in scenario {lines[0].family}" if families == 1 else ""
    title = "\n".join([f"Leak rate and cost by {told.title}{where}", *subtitle])
    title += rough(run.summary.cells, guards)
    return (
        alt.concat(*drawn, columns=COLUMNS, spacing=28).properties(title=heading(title)).resolve_scale(color="shared")
    )


def _rows(line: SweptLine, samples: Samples) -> list[DataRow]:
    return [_row(line, one, samples) for one in line.points]


def _row(line: SweptLine, one: Swept, samples: Samples) -> DataRow:
    rate = one.cell.rate("leak_rate")
    low, high = (0.0, rate.bound) if rate.bound is not None else rate.interval or (None, None)
    cost, cost_low, cost_high = _cost(samples, one)
    return {
        "guard": line.guard,
        "value": one.number,
        "text": one.text,
        "leak": rate.value,
        "low": low,
        "high": high,
        "cost": cost,
        "cost_low": cost_low,
        "cost_high": cost_high,
        "verdict": one.cell.verdict.value,
        "races": one.cell.total("races"),
        "proven": one.came_out in (CameOut.HELD, CameOut.LEAKED),
    }


def _cost(samples: Samples, one: Swept) -> tuple[float | None, float | None, float | None]:
    """Microseconds an endpoint, all trials together, and the 95 % interval by trial: Student's t of the logarithms."""
    sample = samples.cell(*one.cell.place)
    cost = sample.figure(COST)
    if cost is None:
        return None, None, None
    each = sample.figures(COST, np.eye(sample.trials))
    logs = [log(float(value)) for value in each if isfinite(value) and value > 0]
    if len(logs) < MIN_TRIALS:
        return cost, cost, cost
    half, middle = reach_of_mean(logs), fmean(logs)
    return cost, min(exp(middle - half), cost), max(exp(middle + half), cost)


def _panel(
    title: str,
    rows: list[DataRow],
    guards: Sequence[str],
    told: Wording,
    x: Any,
    costs: Sequence[float],
    width: int,
) -> Any:
    bare = x.copy()
    bare.title = None
    dashes = [DASHES[place // len(COLOURS["light"])] for place in range(len(guards))]
    legend = alt.Legend(title=None, orient="bottom", columns=4, symbolType="stroke", symbolSize=500, symbolOpacity=1)
    colour = alt.Color("guard:N", scale=alt.Scale(domain=list(guards)), legend=legend)
    dash = alt.StrokeDash("guard:N", scale=alt.Scale(domain=list(guards), range=dashes), legend=legend)
    tooltip = [
        "guard:N",
        alt.Tooltip("text:N", title=told.title),
        "verdict:N",
        alt.Tooltip("leak:Q", title="leak rate", format=".3~g"),
        alt.Tooltip("high:Q", title="at most", format=".3~g"),
        "races:Q",
        alt.Tooltip("cost:Q", title="cost (µs)", format=".4~g"),
    ]
    leak_scale = alt.Scale(type="sqrt", domain=[0, 1], nice=False)
    leak_axis = alt.Axis(values=LEAKS, tickCount=len(LEAKS), format="~%", labelOverlap=False)
    leak = alt.Y("leak:Q", title="leak rate (square-root scale)", scale=leak_scale, axis=leak_axis)
    low, high = (min(costs) / COST_ROOM, max(costs) * COST_ROOM) if costs else (1.0, 10.0)
    cost_axis = alt.Axis(values=ticks(low, high), labelExpr=DURATION)
    cost_scale = alt.Scale(type="log", domain=[low, high], nice=False, clamp=True)
    cost = alt.Y("cost:Q", title="cost at an endpoint (log)", scale=cost_scale, axis=cost_axis)
    data = alt.Chart(inline(rows))
    parts = [
        alt.layer(*_marks(data.encode(x=across, color=colour), y, scale, ends, dash, colour, tooltip)).properties(
            width=width, height=height
        )
        for across, y, scale, ends, height in (
            (bare, leak, leak_scale, ("low", "high"), LEAK_HEIGHT),
            (x, cost, cost_scale, ("cost_low", "cost_high"), COST_HEIGHT),
        )
    ]
    name = alt.TitleParams(title, fontSize=12, anchor="middle") if title else alt.TitleParams("")
    return alt.vconcat(*parts, spacing=14).properties(title=name)


def _marks(
    base: Any, y: Any, scale: Any, ends: tuple[str, str], dash: Any, colour: Any, tooltip: list[Any]
) -> list[Any]:
    low, high = ends
    line = base.mark_line(strokeWidth=1.8).encode(y=y, strokeDash=dash)
    bars = base.mark_rule(strokeWidth=1.6, opacity=0.6).encode(y=alt.Y(f"{low}:Q", scale=scale), y2=f"{high}:Q")
    points = base.mark_point(filled=True, size=52, opacity=1, strokeWidth=1.6).encode(
        y=y,
        stroke=colour,
        fill=alt.condition("datum.proven", colour, alt.value("transparent")),
        tooltip=tooltip,
    )
    return [line, bars, points]


def _axis(rows: list[DataRow], guards: Sequence[str], told: Wording) -> Any:
    """The axis of the values, and where on it each guard's marks stand (`at`): a little apart from the others."""
    values = sorted({row["value"] for row in rows if row["value"] is not None})
    if len(values) < 2 or any(row["value"] is None for row in rows):
        return alt.X("text:N", title=told.title, sort=list(dict.fromkeys(row["text"] for row in rows)))
    logarithmic = grows_by_factors(values)
    ends = padded(values[0], values[-1]) if logarithmic else [*_room(values[0], values[-1])]
    spread = log(ends[1] / ends[0]) if logarithmic else ends[1] - ends[0]
    for row in rows:
        aside = (guards.index(row["guard"]) - (len(guards) - 1) / 2) * APART * spread
        row["at"] = row["value"] * exp(aside) if logarithmic else row["value"] + aside
    scale = alt.Scale(type="log" if logarithmic else "linear", domain=ends, nice=False)
    axis = alt.Axis(
        values=values, tickCount=len(values), labelExpr="format(datum.value, '~g')", grid=False, labelOverlap="greedy"
    )
    return alt.X("at:Q", title=f"{told.title}{' (log scale)' if logarithmic else ''}", scale=scale, axis=axis)


def grows_by_factors(values: Sequence[float]) -> bool:
    """Whether neighbours differ by a factor rather than by an amount: the axis is logarithmic then."""
    if values[0] <= 0 or len(values) < 3:
        return values[0] > 0 and values[-1] / values[0] >= 10
    steps, factors = np.diff(values), np.diff(np.log(values))
    return bool(np.std(factors) / np.mean(factors) <= np.std(steps) / np.mean(steps))


def _room(low: float, high: float) -> tuple[float, float]:
    room = (high - low) * 0.06
    return low - room, high + room


PLUGIN = SweepChart()
