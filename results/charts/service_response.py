"""Service time against response time: what a late load hides if time is counted from the start of the operation."""

from collections.abc import Iterator
from functools import cache
from math import log10
from typing import Any

import altair as alt
import pandas as pd

from leasebench.results.charts import (
    DURATION,
    ChartScope,
    Spec,
    Subject,
    defined,
    described,
    filled,
    padded,
    rough,
    ticks,
)
from leasebench.results.charts.buckets import bucket_frame, pooled
from leasebench.results.charts.latency_histogram import tail_figures
from leasebench.results.charts.percentile_curve import curves
from leasebench.results.display.phrases import latency
from leasebench.results.latency.histograms import SIDES, Buckets

WIDTH, HEIGHT = 520, 220
POINTS = 25
PHASES = {"discover": "a plan is found", "plan": "a plan is in force"}
"""The phases that have a due time; the others have no response time."""


class ServiceResponse:
    """Both sides of finding a plan and of applying one whole, at every percentile."""

    name = "service_response"
    about = "service time against response time of one guard (coordinated omission)"
    scope = ChartScope.CELL

    def draw(self, subject: Subject) -> Spec | None:
        """One line a phase and side; None where no response time was recorded."""
        assert subject.guard is not None
        assert subject.scenario is not None
        held = {
            (phase, side): found[subject.guard]
            for phase in PHASES
            for side in SIDES
            if (found := pooled(subject.run, subject.scenario, phase, side, subject.guard))
        }
        if not any(side == "response" for _, side in held):
            return None
        parts = [
            curves(bucket_frame({subject.guard: one}), POINTS).assign(what=PHASES[phase], side=side)
            for (phase, side), one in held.items()
        ]
        frame = pd.concat(parts, ignore_index=True)
        low, high = padded(float(frame["high_us"].min()), float(frame["high_us"].max()))
        tail = max(float(frame["rarity"].max()), 10.0)
        title = f"Service against response time: {subject.guard} under {subject.scenario}"
        cells = [cell for cell in [subject.run.cell(subject.guard, subject.scenario)] if cell is not None]
        below = (
            "service: from the start of the operation; response: from the moment that the plan was due"
            f"{rough(cells, [subject.guard])}"
        )
        made = filled(_definition(), f"{title}\n{below}", curves=frame[["what", "side", "high_us", "rarity"]])
        made["encoding"] = {**made["encoding"], "x": {**made["encoding"]["x"]}, "y": {**made["encoding"]["y"]}}
        x, y = made["encoding"]["x"], made["encoding"]["y"]
        x["scale"] = {**x["scale"], "domain": [1, tail]}
        x["axis"] = {**x["axis"], "values": [2.0, *(10.0**nines for nines in range(1, int(log10(tail)) + 1))]}
        y["scale"] = {**y["scale"], "domain": [low, high]}
        y["axis"] = {**y["axis"], "values": ticks(low, high)}
        return described(made, *_says(held))


def _says(held: dict[tuple[str, str], Buckets]) -> Iterator[str]:
    for (phase, side), one in held.items():
        told = ", ".join(f"{name} {latency(value)}" for name, value in tail_figures(one))
        yield f"{PHASES[phase]}, {side} time: {told}".capitalize()


@cache
def _definition() -> Spec:
    return defined(_lines)


def _lines() -> Any:
    return (
        alt.Chart(alt.NamedData(name="curves"))
        .mark_line(interpolate="step-before", strokeWidth=1.8)
        .transform_calculate(percentile="100 * (1 - 1 / datum.rarity)")
        .encode(
            x=alt.X(
                "rarity:Q",
                title="percentile",
                scale=alt.Scale(type="log", nice=False),
                axis=alt.Axis(labelExpr="format(1 - 1 / datum.value, '.10~%')"),
            ),
            y=alt.Y(
                "high_us:Q",
                title="latency (log scale)",
                scale=alt.Scale(type="log", nice=False),
                axis=alt.Axis(labelExpr=DURATION),
            ),
            color=alt.Color("what:N", title=None, scale=alt.Scale(domain=list(PHASES.values()))),
            strokeDash=alt.StrokeDash(
                "side:N", title=None, scale=alt.Scale(domain=list(SIDES), range=[[1, 0], [5, 3]])
            ),
            tooltip=[
                "what:N",
                "side:N",
                alt.Tooltip("percentile:Q", title="percentile (%)", format=".6~g"),
                alt.Tooltip("high_us:Q", title="µs", format=",.4~g"),
            ],
        )
        .properties(width=WIDTH, height=HEIGHT)
    )


PLUGIN = ServiceResponse()
