"""Latency at every percentile, with the nines of the tail spread out: where guards part company."""

from math import log10
from typing import Any

import altair as alt
import numpy as np
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
    ticks,
)
from leasebench.results.charts.buckets import bucket_frame
from leasebench.results.charts.latency_histogram import latencies_said, phase_histograms, phase_title, tail_figures
from leasebench.results.display.phrases import latency
from leasebench.results.latency.histograms import Buckets
from leasebench.results.statistics.quantiles import MIN_BEYOND

MAX_POINTS = 480
"""In all; each guard has its share of them."""
WIDTH, HEIGHT, COLUMNS = 240, 130, 4
ROOM_ABOVE = 0.18
"""A panel's figures stand above its lines: a share of the height."""
MOST_BEYOND = 2.0
"""However few operations there are, a line reaches the median."""
KEY = f"thick: the guard named above, thin: all others; a line ends where {MIN_BEYOND} operations lie beyond it"


class PercentileCurve:
    """A panel a guard, with all others thin behind it: more guards than there are colours can be told apart.

    The x axis is log(1 / (1 - p)), as in HdrHistogram's own plotter: every nine takes the same width.
    """

    name = "percentile_curve"
    about = "latency against percentile, a panel a guard with all others behind it"
    scope = ChartScope.PHASE

    def draw(self, subject: Subject) -> Spec | None:
        """Named data `curves`: points of every guard's line, and a row a guard with what stands in its panel."""
        histograms, left_out = phase_histograms(subject)
        if not histograms:
            return None
        title = phase_title(subject, histograms, left_out)
        return described(draw_panels(histograms, f"{title}\n{KEY}"), latencies_said(histograms))


def draw_panels(histograms: dict[str, Buckets], title: str) -> Spec:
    """Draw histograms that are not empty, in their order."""
    points = curves(bucket_frame(histograms), max(MAX_POINTS // len(histograms), 2))
    low, high = padded(float(points["high_us"].min()), float(points["high_us"].max()))
    high *= (high / low) ** ROOM_ABOVE
    tail = max(float(points["rarity"].max()), 10.0)
    said = [{"guard": guard, "said": _said(held)} for guard, held in histograms.items()]
    panel = defined(lambda: _panel([1, tail], [low, high]))
    # The library's stand-in for what the facet hands a panel.
    for part in (panel, *panel["layer"][1:]):
        for key in ("$schema", "datasets", "data"):
            part.pop(key, None)
    header = {"labelAnchor": "start", "labelFontSize": 12, "labelFontWeight": "bold", "labelPadding": 4}
    made = {
        "data": {"name": "curves"},
        "facet": {"field": "guard", "type": "nominal", "sort": list(histograms), "title": None, "header": header},
        "columns": COLUMNS,
        "spacing": {"row": 18, "column": 22},
        "spec": panel,
    }
    return filled(made, title, curves=[*points.to_dict("records"), *said])


def _said(held: Buckets) -> str:
    return ", ".join(f"{name} {latency(value)}" for name, value in tail_figures(held, 2))


def _panel(rarities: list[float], latencies: list[float]) -> Any:
    nines = [2.0] + [10.0**nines for nines in range(1, int(log10(rarities[1])) + 1)]
    x = alt.X(
        "rarity:Q",
        title="percentile of operations",
        scale=alt.Scale(type="log", domain=rarities, nice=False),
        axis=alt.Axis(values=nines, labelExpr="format(1 - 1 / datum.value, '.10~%')"),
    )
    y = alt.Y(
        "high_us:Q",
        title="latency (log scale)",
        scale=alt.Scale(type="log", domain=latencies, nice=False),
        axis=alt.Axis(values=ticks(*latencies), labelExpr=DURATION),
    )
    # The others' lines have data of their own, so that the facet does not take them apart.
    line = alt.Chart().transform_filter("isValid(datum.rarity)").encode(x=x, y=y)
    others = line.properties(data=alt.NamedData(name="curves")).encode(detail="guard:N")
    own = line.transform_calculate(percentile="100 * (1 - 1 / datum.rarity)").encode(
        tooltip=[
            "guard:N",
            alt.Tooltip("percentile:Q", title="percentile (%)", format=".6~g"),
            alt.Tooltip("high_us:Q", title="latency (µs)", format=".4~g"),
        ]
    )
    said = (
        alt.Chart()
        .transform_filter("isValid(datum.said)")
        .mark_text(style="value", align="left", baseline="top", fontSize=10, x=4, y=4)
    )
    stepped: dict[str, Any] = {"interpolate": "step-before", "strokeJoin": "round"}
    return alt.layer(
        others.mark_line(style="behind", strokeWidth=0.8, **stepped),
        own.mark_line(style="first", strokeWidth=2.2, **stepped),
        said.encode(text="said:N"),
    ).properties(width=WIDTH, height=HEIGHT)


def curves(frame: pd.DataFrame, points: int) -> pd.DataFrame:
    """Keep at most `points` a guard, evenly spread over the axis; `rarity` is 1 / (1 - p).

    A line ends where MIN_BEYOND of n operations lie beyond it: that is as far as n operations can tell.
    """
    n = frame.groupby("guard")["count"].transform("sum")
    furthest = np.maximum(n / MIN_BEYOND, MOST_BEYOND)
    above = np.maximum(1 - frame["percentile"] / 100, 1 / furthest)
    curve = frame.assign(rarity=1 / above)
    # Of the buckets beyond the end the first holds what stands there.
    ended = pd.Series(np.isclose(curve["rarity"], furthest), curve.index)
    curve = curve[~(ended & ended.groupby(curve["guard"]).cumsum().gt(1))]
    place = np.round(np.log(curve["rarity"]) / np.log(n.max() + 1) * (points - 1)).astype(int)
    kept = ~pd.DataFrame({"guard": curve["guard"], "place": place}).duplicated(keep="last")
    return curve.loc[kept, ["guard", "high_us", "rarity"]]


PLUGIN = PercentileCurve()
