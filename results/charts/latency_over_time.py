"""How long commits took over the time of a trial, with its faults shaded."""

from functools import cache
from typing import Any

import altair as alt
import numpy as np

from leasebench.results.charts import DURATION, ChartScope, Spec, Subject, defined, filled
from leasebench.results.charts.shades import shade_layer, shades

WIDTH, HEIGHT = 700, 180


class LatencyOverTime:
    """The median, p99 and longest commit of each bin."""

    name = "latency_over_time"
    about = "commit latency over the time of a trial, faults shaded"
    scope = ChartScope.TRIAL

    def draw(self, subject: Subject) -> Spec | None:
        """Lines over named data `bins`; None for a trial without answered commits."""
        assert subject.trial is not None
        moments = subject.run.moments(subject.trial)
        found = moments.over_time if moments else None
        if moments is None or found is None or not np.any(found.max_us > 0):
            return None
        rows = [
            {"bin": number, "bin_s": found.bin_s, "p50": p50, "p99": p99, "max": longest}
            for number, (p50, p99, longest) in enumerate(zip(found.p50_us, found.p99_us, found.max_us, strict=True))
            if longest > 0
        ]
        end_s = float(found.from_s[-1] + found.bin_s)
        faults, said = shades(moments, 0.0, end_s)
        title = f"Commit latency over time: {subject.guard} under {subject.scenario}, trial {subject.trial}"
        below = f"service time in bins of {found.bin_s * 1000:.0f} ms{said}"
        return filled(_definition(), f"{title}\n{below}", bins=rows, shades=faults)


@cache
def _definition() -> Spec:
    return defined(_lines)


def _lines() -> Any:
    order = ["p50", "p99", "max"]
    lines = (
        alt.Chart(alt.NamedData(name="bins"))
        .transform_calculate(at_s="(datum.bin + 0.5) * datum.bin_s")
        .transform_fold(["p50", "p99", "max"], as_=["figure", "us"])
        .mark_line(strokeWidth=1.6, interpolate="linear")
        .encode(
            x=alt.X("at_s:Q", title="seconds of load", scale=alt.Scale(nice=False, zero=True)),
            y=alt.Y(
                "us:Q",
                title="latency (log scale)",
                scale=alt.Scale(type="log", nice=False, padding=6),
                axis=alt.Axis(labelExpr=DURATION, tickCount=5),
            ),
            color=alt.Color("figure:N", sort=order, scale=alt.Scale(domain=order), legend=alt.Legend(title=None)),
            strokeDash=alt.StrokeDash(
                "figure:N",
                sort=order,
                scale=alt.Scale(domain=order, range=[[1, 0], [6, 3], [2, 2]]),
                legend=None,
            ),
            tooltip=[
                alt.Tooltip("figure:N"),
                alt.Tooltip("at_s:Q", title="at (s)", format=".3f"),
                alt.Tooltip("us:Q", title="µs", format=",.0f"),
            ],
        )
    )
    return (shade_layer() + lines).properties(width=WIDTH, height=HEIGHT).resolve_scale(color="independent")


PLUGIN = LatencyOverTime()
