"""Latency at every percentile, with the nines of the tail spread out: where guards part company."""

from math import log10

import altair as alt
import numpy as np
import pandas as pd
from altair.typing import ChartType

from results.charts import COLOURS, DASHES, DURATION, guards_of, heading, padded, styled, ticks

MAX_ROWS = 4_800
"""Altair draws no more than 5,000."""
MAX_POINTS = 400
"""Per guard: more than the eye tells apart."""
WIDTH, HEIGHT = 620, 400


class PercentileCurve:
    """The x axis is log(1 / (1 - p)), as in HdrHistogram's own plotter: every nine takes the same width."""

    name = "percentile_curve"
    about = "latency against percentile, one line a guard"

    def draw(self, frame: pd.DataFrame, title: str) -> ChartType:
        """One line a guard, with one colour and dash pattern as long as the set of guards is the same."""
        guards, number = guards_of(frame)
        data = _curves(frame, min(MAX_POINTS, MAX_ROWS // len(guards)))
        low, high = padded(float(data["high_us"].min()), float(data["high_us"].max()))
        tail = max(float(data["rarity"].max()), 10.0)
        percentiles = [2.0] + [10.0**nines for nines in range(1, int(log10(tail)) + 1)]
        colours = [COLOURS[number[guard] % len(COLOURS)] for guard in guards]
        dashes = [DASHES[number[guard] // len(COLOURS) % len(DASHES)] for guard in guards]
        legend = alt.Legend(title="guard", symbolType="stroke", symbolSize=500, symbolStrokeWidth=2.2)
        chart = (
            alt.Chart(data)
            .mark_line(interpolate="step-before", strokeWidth=1.8, strokeJoin="round")
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
                color=alt.Color("guard:N", scale=alt.Scale(domain=guards, range=colours), legend=legend),
                strokeDash=alt.StrokeDash("guard:N", scale=alt.Scale(domain=guards, range=dashes), legend=legend),
                tooltip=[
                    "guard:N",
                    alt.Tooltip("percentile:Q", title="percentile (%)", format=".6~g"),
                    alt.Tooltip("high_us:Q", title="latency (µs)", format=".4~g"),
                ],
            )
            .properties(width=WIDTH, height=HEIGHT, title=heading(title))
        )
        return styled(chart)


def _curves(frame: pd.DataFrame, points: int) -> pd.DataFrame:
    """Keep at most `points` a guard, evenly spread over the axis; `rarity` is 1 / (1 - p).

    The slowest of n operations stands at n: that is as far as n operations can tell.
    """
    frame = frame.assign(guard=frame["guard"].astype(str))
    n = frame.groupby("guard")["count"].transform("sum")
    above = np.maximum(1 - frame["percentile"] / 100, 1 / n)
    curve = frame.assign(rarity=1 / above)
    place = np.round(np.log(curve["rarity"]) / np.log(n.max() + 1) * (points - 1)).astype(int)
    kept = ~pd.DataFrame({"guard": frame["guard"], "place": place}).duplicated(keep="last")
    return curve.loc[kept, ["guard", "percentile", "high_us", "rarity"]]


PLUGIN = PercentileCurve()
