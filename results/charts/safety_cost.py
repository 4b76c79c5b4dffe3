"""Safety against cost: the one picture to choose a guard by."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log10, sqrt
from typing import Any, Literal

import altair as alt

from leasebench.results.charts import (
    DURATION,
    ChartScope,
    Spec,
    Subject,
    defined,
    described,
    heading,
    inline,
    listed,
    padded,
    rough,
    ticks,
)
from leasebench.results.charts.labels import Box, place_labels
from leasebench.results.checks.verdict import RACED_APPLICATIONS
from leasebench.results.display.phrases import duration_us
from leasebench.results.display.theme import VERDICT_COLOURS, VERDICT_SHAPES
from leasebench.results.record.summary import CellSummary
from leasebench.results.statistics.quantiles import farthest
from leasebench.results.tables.pricing import LIMIT, attempts_per_s, baseline_scenario
from leasebench.verdict import Verdict

WIDTH, HEIGHT = 470, 370
TOP, BOTTOM = 66, 296
"""The positions of leak rates 1 and 0: names need room beyond both."""
SIDES: tuple[tuple[Literal["left", "right"], str], ...] = (("left", "datum.left"), ("right", "!datum.left"))
LEAKS = [0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 1]


@dataclass(frozen=True, slots=True)
class ChartPoint:
    """A guard in the picture: its worst leak rate with its interval, and what it costs."""

    guard: str
    verdict: Verdict
    leak: float
    low: float
    high: float
    where: str
    raced: int
    cost_us: float | None
    attempts_per_s: float | None


class SafetyCost:
    """Leak rate up, cost to the right; the square root spreads the small rates, which are the ones that matter."""

    name = "safety_cost"
    about = "leak rate with its interval against latency, and attempts per second at the limit: choose by this"
    scope = ChartScope.RUN

    def draw(self, subject: Subject) -> Spec | None:
        """One panel for latency, a second where the run has the scenario with a closed load.

        With a scenario: that one only; else the worst of all.
        """
        run = subject.run
        every = run.summary.cells
        cells = [cell for cell in every if subject.scenario in (None, cell.scenario)]
        baseline = subject.scenario or baseline_scenario(cells)
        # As far out as the guard with the fewest plans tells: a guard that is missing can't be chosen.
        counts = [cell.latency("plan").n for cell in cells if cell.scenario == baseline]
        tail = farthest([min(filter(None, counts), default=0)])
        places = [place for guard in run.guards if (place := _place(guard, cells, baseline, tail)) is not None]
        what = f"in scenario {subject.scenario}" if subject.scenario else "worst of all scenarios"
        if not any(place.cost_us for place in places):
            return None
        timed = rough((cell for cell in cells if cell.scenario in (baseline, LIMIT)), [place.guard for place in places])
        return described(
            defined(lambda: _panels(places, baseline, tail, what, timed)), *_says(places, baseline, tail, what)
        )


def _says(places: Sequence[ChartPoint], baseline: str | None, tail: str, what: str) -> Iterator[str]:
    priced = sorted((place for place in places if place.cost_us), key=lambda place: place.cost_us or 0.0)
    costs = (f"{one.guard} (below {one.high:.2g}; {duration_us(one.cost_us or 0.0)})" for one in priced if not one.leak)
    of = f"the bound of its leak rate and the {tail} of a whole application in {baseline}"
    yield f"Never leaked, {what}, with {of}: {listed(costs) or 'none'}"
    leaked = sorted((place for place in places if place.leak), key=lambda place: -place.leak)
    told = (f"{one.guard} {one.leak:.0%} [{one.low:.0%}, {one.high:.0%}]" for one in leaked)
    yield f"Leaked, the most first: {listed(told)}" if leaked else ""


def _panels(places: Sequence[ChartPoint], baseline: str | None, tail: str, what: str, timed: str) -> Any:
    panels = [
        panel
        for panel in (
            _panel(places, "cost_us", f"{tail} of a whole application in {baseline} (log scale)", DURATION),
            _panel(
                places,
                "attempts_per_s",
                f"attempts per second in {LIMIT}, refused ones too (log scale)",
                "format(datum.value, '~s')",
            ),
        )
        if panel is not None
    ]
    cheap = "left (latency) and right (attempts per second) are cheap" if len(panels) > 1 else "left is cheap"
    title = (
        f"Safety against cost: leak rate, {what}\n"
        "mark: the highest leak rate; bar: its 95 % interval, or up to the highest bound\n"
        "of a guard that never leaked (where it saw the fewest races)\n"
        f"low is safe; {cheap}{timed}"
    )
    return alt.hconcat(*panels, spacing=36).properties(title=heading(title)).resolve_scale(color="shared")


def _place(guard: str, cells: Sequence[CellSummary], baseline: str | None, tail: str) -> ChartPoint | None:
    own = [cell for cell in cells if cell.guard == guard]
    by_scenario = {cell.scenario: cell for cell in own}
    rated = [(cell, cell.rate("leak_rate"), cell.total(RACED_APPLICATIONS)) for cell in own]
    leaking = [(cell, raced, rate.value, rate.interval) for cell, rate, raced in rated if rate.value and rate.interval]
    bounded = [(cell, raced, rate.bound) for cell, rate, raced in rated if rate.bound is not None]
    if leaking:
        at, raced, leak, (low, high) = max(leaking, key=lambda one: (one[2], one[1]))
    elif bounded:
        at, raced, high = max(bounded, key=lambda one: one[2])
        leak = low = 0.0
    else:
        return None
    baseline_cell, limit_cell = by_scenario.get(baseline or ""), by_scenario.get(LIMIT)
    return ChartPoint(
        guard,
        min((cell.verdict for cell in own), key=lambda verdict: verdict.rank),
        leak,
        low,
        high,
        at.scenario,
        raced,
        baseline_cell.latency("plan").shown(tail) if baseline_cell else None,
        attempts_per_s(limit_cell) if limit_cell else None,
    )


def _panel(places: Sequence[ChartPoint], by: str, title: str, label_expr: str) -> Any:
    shown = [place for place in places if getattr(place, by)]
    if not shown:
        return None
    costs = [float(getattr(place, by)) for place in shown]
    low, high = padded(min(costs), max(costs))
    if high / low < 2:
        low, high = low / 1.5, high * 1.5
    xs = [WIDTH * log10(cost / low) / log10(high / low) for cost in costs]
    labels = place_labels(
        [(x, _y(place.leak)) for x, place in zip(xs, shown, strict=True)],
        [place.guard for place in shown],
        Box(0, 4, WIDTH, HEIGHT - 4),
        [Box(x - 3, _y(place.high), x + 3, _y(place.low)) for x, place in zip(xs, shown, strict=True)],
    )
    rows = [
        {
            "guard": place.guard,
            "verdict": place.verdict.value,
            "leak": place.leak,
            "low": place.low,
            "high": place.high,
            "cost": cost,
            "where": place.where,
            "raced": place.raced,
            "x": x,
            "lx": label.x,
            "ly": label.y,
            "left": label.align == "left",
            "led": label.led,
        }
        for place, cost, x, label in zip(shown, costs, xs, labels, strict=True)
    ]
    present = [verdict for verdict in Verdict if any(place.verdict is verdict for place in places)]
    domain = [verdict.value for verdict in present]
    x = alt.X(
        "cost:Q",
        title=title,
        scale=alt.Scale(type="log", domain=[low, high], nice=False),
        axis=alt.Axis(
            values=ticks(low, high), labelExpr=label_expr, grid=False, labelOverlap="greedy", labelSeparation=8
        ),
    )
    leak_axis = alt.Axis(values=LEAKS, format="~%", domain=False)
    leak_scale = alt.Scale(type="sqrt", domain=[0, 1], range=[BOTTOM, TOP], nice=False)
    y = alt.Y("leak:Q", title="leak rate: stale overwrites / races", scale=leak_scale, axis=leak_axis)
    legend = alt.Legend(title="worst verdict", orient="bottom", columns=len(domain), symbolOpacity=1)
    colour = alt.Color(
        "verdict:N", scale=alt.Scale(domain=domain, range=[VERDICT_COLOURS[one] for one in present]), legend=legend
    )
    shape = alt.Shape(
        "verdict:N", scale=alt.Scale(domain=domain, range=[VERDICT_SHAPES[one] for one in present]), legend=legend
    )
    tooltip = [
        "guard:N",
        "verdict:N",
        alt.Tooltip("leak:Q", title="leak rate", format=".3~g"),
        alt.Tooltip("low:Q", title="from", format=".3~g"),
        alt.Tooltip("high:Q", title="to", format=".3~g"),
        alt.Tooltip("where:N", title="worst under"),
        alt.Tooltip("raced:Q", title="raced applications"),
        alt.Tooltip("cost:Q", title="cost", format=",.0f"),
    ]
    base = alt.Chart()
    pixel = alt.Scale(domain=[0, WIDTH], range=[0, WIDTH], nice=False)
    down = alt.Scale(domain=[0, HEIGHT], range=[0, HEIGHT], nice=False)
    leaders = (
        base.mark_rule(style="quiet", strokeWidth=0.7)
        .transform_filter("datum.led")
        .transform_calculate(py=f"{BOTTOM} - sqrt(datum.leak) * {BOTTOM - TOP}")
        .encode(
            x=alt.X("x:Q", scale=pixel, axis=None),
            x2="lx:Q",
            y=alt.Y("py:Q", scale=down, axis=None),
            y2="ly:Q",
        )
    )
    bars = base.mark_rule(strokeWidth=2.4, opacity=0.55).encode(
        x=x, y=alt.Y("low:Q", scale=leak_scale), y2="high:Q", color=colour
    )
    points = base.mark_point(filled=True, size=95, opacity=1).encode(
        x=x, y=y, color=colour, shape=shape, tooltip=tooltip
    )
    texts = [
        base.mark_text(style="value", align=align, baseline="middle", fontSize=11)
        .transform_filter(condition)
        .encode(x=alt.X("lx:Q", scale=pixel, axis=None), y=alt.Y("ly:Q", scale=down, axis=None), text="guard:N")
        for align, condition in SIDES
    ]
    plot = alt.layer(bars, points, data=inline(rows)).properties(width=WIDTH, height=HEIGHT)
    names = alt.layer(leaders, *texts, data=inline(rows))
    return alt.layer(plot, names).resolve_scale(x="independent", y="independent").properties(width=WIDTH, height=HEIGHT)


def _y(leak: float) -> float:
    return BOTTOM - sqrt(leak) * (BOTTOM - TOP)


PLUGIN = SafetyCost()
