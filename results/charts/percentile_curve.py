"""Latency at every percentile, with the nines of the tail spread out: where guards part company."""

from math import log10
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from leasebench.results.charts import DURATION, ChartScope, Spec, Subject, defined, heading, inline, padded, ticks
from leasebench.results.charts.buckets import bucket_frame
from leasebench.results.charts.latency_histogram import phase_histograms, phase_title
from leasebench.results.display.theme import DASHES, MAX_GUARDS

MAX_POINTS = 480
"""In all; each guard has its share of them."""
WIDTH, HEIGHT = 620, 400


class PercentileCurve:
    """The x axis is log(1 / (1 - p)), as in HdrHistogram's own plotter: every nine takes the same width."""

    name = "percentile_curve"
    about = "latency against percentile, one line a guard"
    scope = ChartScope.PHASE

    def draw(self, subject: Subject) -> Spec | None:
        """One line a guard, in one colour and dash pattern throughout a run."""
        histograms, left_out = phase_histograms(subject)
        if not histograms:
            return None
        title = phase_title(subject, histograms, left_out)
        everyone = subject.run.guards if len(subject.run.guards) <= MAX_GUARDS else list(histograms)
        return defined(lambda: draw_curve(bucket_frame(histograms), everyone, title))


def draw_curve(frame: pd.DataFrame, everyone: list[str], title: str) -> Any:
    """Draw a bucket frame; a guard's look goes by its place among `everyone`."""
    guards = list(dict.fromkeys(frame["guard"]))
    data = curves(frame, max(MAX_POINTS // len(guards), 2))
    low, high = padded(float(data["high_us"].min()), float(data["high_us"].max()))
    tail = max(float(data["rarity"].max()), 10.0)
    percentiles = [2.0] + [10.0**nines for nines in range(1, int(log10(tail)) + 1)]
    dashes = [DASHES[number // 7 % len(DASHES)] for number in range(len(everyone))]
    legend = alt.Legend(title="guard", values=guards, symbolType="stroke", symbolSize=500, symbolStrokeWidth=2.2)
    return (
        alt.Chart(inline(data))
        .mark_line(interpolate="step-before", strokeWidth=1.8, strokeJoin="round")
        .transform_calculate(percentile="100 * (1 - 1 / datum.rarity)")
        .encode(
            x=alt.X(
                "rarity:Q",
                title="percentile of operations",
                scale=alt.Scale(type="log", domain=[1, tail], nice=False),
                axis=alt.Axis(values=percentiles, labelExpr="format(1 - 1 / datum.value, '.10~%')"),
            ),
            y=alt.Y(
                "high_us:Q",
                title="latency (log scale)",
                scale=alt.Scale(type="log", domain=[low, high], nice=False),
                axis=alt.Axis(values=ticks(low, high), labelExpr=DURATION),
            ),
            color=alt.Color("guard:N", scale=alt.Scale(domain=everyone), legend=legend),
            strokeDash=alt.StrokeDash("guard:N", scale=alt.Scale(domain=everyone, range=dashes), legend=legend),
            tooltip=[
                "guard:N",
                alt.Tooltip("percentile:Q", title="percentile (%)", format=".6~g"),
                alt.Tooltip("high_us:Q", title="latency (µs)", format=".4~g"),
            ],
        )
        .properties(width=WIDTH, height=HEIGHT, title=heading(title))
    )


def curves(frame: pd.DataFrame, points: int) -> pd.DataFrame:
    """Keep at most `points` a guard, evenly spread over the axis; `rarity` is 1 / (1 - p).

    The slowest of n operations stands at n: that is as far as n operations can tell.
    """
    n = frame.groupby("guard")["count"].transform("sum")
    above = np.maximum(1 - frame["percentile"] / 100, 1 / n)
    curve = frame.assign(rarity=1 / above)
    place = np.round(np.log(curve["rarity"]) / np.log(n.max() + 1) * (points - 1)).astype(int)
    kept = ~pd.DataFrame({"guard": frame["guard"], "place": place}).duplicated(keep="last")
    return curve.loc[kept, ["guard", "high_us", "rarity"]]


PLUGIN = PercentileCurve()
