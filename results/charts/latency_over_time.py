"""How long commits took over the time of a trial, with its faults shaded."""

from functools import cache
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
    filled,
    rough_trial,
)
from leasebench.results.charts.shades import shade_layer, shades, shades_said
from leasebench.results.display.phrases import duration_us
from leasebench.results.statistics.quantiles import is_supported

WIDTH, HEIGHT = 700, 180
FIGURES = {"p50": [1, 0], "p99": [6, 3], "max": [2, 2]}
"""With their dashes."""


class LatencyOverTime:
    """The median and longest commit of each bin, and its p99 where it has enough of them."""

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
        rows: list[DataRow] = [
            {
                "bin": number,
                "bin_s": found.bin_s,
                "p50": p50,
                "p99": p99 if is_supported(99, n) else None,
                "max": longest,
            }
            for number, (n, p50, p99, longest) in enumerate(
                zip(found.commits + found.refused, found.p50_us, found.p99_us, found.max_us, strict=True)
            )
            if longest > 0
        ]
        shown = tuple(name for name in FIGURES if any(row[name] is not None for row in rows))
        end_s = float(found.from_s[-1] + found.bin_s)
        faults, said = shades(moments, 0.0, end_s)
        title = f"Commit latency over time: {subject.guard} under {subject.scenario}, trial {subject.trial}"
        below = f"service time in bins of {found.bin_s * 1000:.0f} ms{said}{rough_trial(subject)}"
        longest = max(rows, key=lambda row: float(row["max"]))
        medians = [float(row["p50"]) for row in rows]
        return described(
            filled(_definition(shown), f"{title}\n{below}", bins=rows, shades=faults),
            f"The median of a bin was between {duration_us(min(medians))} and {duration_us(max(medians))}",
            f"The longest commit took {duration_us(longest['max'])}, at {longest['bin'] * found.bin_s:.2f} s of load",
            shades_said(faults),
        )


@cache
def _definition(shown: tuple[str, ...]) -> Spec:
    return defined(lambda: _lines(list(shown)))


def _lines(order: list[str]) -> Any:
    lines = (
        alt.Chart(alt.NamedData(name="bins"))
        .transform_calculate(at_s="(datum.bin + 0.5) * datum.bin_s")
        .transform_fold([*order], as_=["figure", "us"])
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
                scale=alt.Scale(domain=order, range=[FIGURES[name] for name in order]),
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
