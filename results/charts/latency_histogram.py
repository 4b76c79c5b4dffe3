"""How a guard's latencies are spread: a row a guard, logarithmic bins, one axis for all."""

from math import ceil, floor, log10
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
    heading,
    inline,
    listed,
    rough,
    ticks,
)
from leasebench.results.charts.buckets import bucket_frame, figures_us, pooled
from leasebench.results.display.phrases import latency
from leasebench.results.latency.histograms import PERCENTILES, Buckets, rank
from leasebench.results.statistics.quantiles import is_supported

MOST_GUARDS = 21
"""A picture with more rows or panels is a wall."""
MAX_BINS = 96
BINS_PER_DECADE = (40, 20, 10, 5)
MARKED = (50.0, 99.0, 99.9)
UNKNOWN = "-"
"""Stands for a percentile of which there are too few operations to tell."""
WIDTH, ROW_HEIGHT, STRIP = 560, 44, 3
COLUMN_WIDTH = 74
KEY = "bar: share of the guard's operations in a bin; strip below: the bin holds at least one"
HEADER = alt.Header(labelAngle=0, labelAlign="left", labelFontSize=12, labelLimit=280, labelPadding=8)
SUBJECTS = {
    "discover": "Finding a new plan",
    "acquire": "Acquiring the lease",
    "check": "Check of one endpoint",
    "commit": "Commit of one endpoint",
    "release": "Releasing the lease",
    "clean": "Clean-up of old plans",
    "plan": "Application of a whole plan",
}
SIDE = "service"


class LatencyHistogram:
    """Bars are shares, so that guards with more operations do not look slower."""

    name = "latency_histogram"
    about = "share of operations per latency bin, one row a guard"
    scope = ChartScope.PHASE

    def draw(self, subject: Subject) -> Spec | None:
        """One facet row a guard: bars of its bins, with the marked percentiles written beside them."""
        histograms, left_out = phase_histograms(subject)
        if not histograms:
            return None
        frame, title = bucket_frame(histograms), phase_title(subject, histograms, left_out)
        return described(defined(lambda: draw_rows(frame, title)), latencies_said(histograms))


def latencies_said(histograms: dict[str, Buckets]) -> str:
    """The median of each guard, and what lies farthest in the tail that its operations tell."""
    return "From the fastest median on: " + listed(
        f"{guard} ({', '.join(f'{name} {latency(value)}' for name, value in tail_figures(held))})"
        for guard, held in histograms.items()
    )


def tail_figures(held: Buckets, most: int = 1) -> list[tuple[str, float]]:
    """The median and, of the percentiles beyond it that there are enough operations for, the `most` farthest; in us."""
    figures, n = figures_us(held), int(held.counts.sum())
    shown = [(name, figures[name]) for name, percentile in PERCENTILES.items() if is_supported(percentile, n)]
    return [shown[0], *shown[1:][-most:]]


def phase_histograms(subject: Subject) -> tuple[dict[str, Buckets], int]:
    """Each guard's service times of a subject's phase, fastest median first; and how many guards are left out."""
    assert subject.scenario is not None
    assert subject.phase is not None
    held = pooled(subject.run, subject.scenario, subject.phase, SIDE, subject.guard)
    fastest = sorted(held, key=lambda guard: (figures_us(held[guard])["p50"], guard))
    return {guard: held[guard] for guard in fastest[:MOST_GUARDS]}, max(0, len(fastest) - MOST_GUARDS)


def phase_title(subject: Subject, histograms: dict[str, Buckets], left_out: int) -> str:
    """What is seen, and of how many operations."""
    counts = sorted(int(held.counts.sum()) for held in histograms.values())
    many = f"{counts[0]:,}" if counts[0] == counts[-1] else f"{counts[0]:,} to {counts[-1]:,}"
    everyone = len(histograms) + left_out
    shown = f"; the {len(histograms)} fastest of {everyone} guards by median" if left_out else ""
    what = SUBJECTS.get(subject.phase or "", subject.phase)
    cells = (cell for cell in subject.run.summary.cells if cell.scenario == subject.scenario)
    timed = rough(cells, histograms)
    return (
        f"{what}: latency in scenario {subject.scenario}\n"
        f"{SIDE} time, all trials merged, {many} operations a guard, fastest median first{shown}{timed}"
    )


def draw_rows(frame: pd.DataFrame, title: str) -> Any:
    """Draw a bucket frame (see `results.charts.buckets.bucket_frame`), guards in its order."""
    guards = list(dict.fromkeys(frame["guard"]))
    bins, domain = _binned(frame)
    data = inline([*bins.to_dict("records"), *_marks(frame).to_dict("records")])
    rows = alt.Row("guard:N", sort=guards, title=None, header=HEADER)
    layers = [*_bars(domain), *_columns()]
    chart = alt.layer(*layers, data=data).properties(width=WIDTH, height=ROW_HEIGHT)
    return chart.facet(row=rows, spacing=14).properties(title=heading(f"{title}\n{KEY}"))


def _bars(domain: list[float]) -> list[alt.Chart]:
    """Draw the bins: a bar, and under it a strip, for one operation in thousands is too low a bar to see."""
    axis = alt.Axis(values=ticks(*domain), labelExpr=DURATION, title="latency (log scale)", offset=STRIP + 2)
    base = (
        alt.Chart()
        .transform_filter("isValid(datum.of)")
        .transform_calculate(
            share="datum.count / datum.of",
            low_us="pow(10, datum.bin / datum.per_decade)",
            high_us="pow(10, (datum.bin + 1) / datum.per_decade)",
        )
        .encode(
            x=alt.X("low_us:Q", scale=alt.Scale(type="log", domain=domain, nice=False), axis=axis),
            x2="high_us:Q",
            tooltip=[
                "guard:N",
                alt.Tooltip("low_us:Q", title="from (µs)", format=".4~g"),
                alt.Tooltip("high_us:Q", title="to (µs)", format=".4~g"),
                alt.Tooltip("share:Q", format=".3~%"),
                alt.Tooltip("count:Q", format=","),
            ],
        )
    )
    shares = alt.Axis(format="~%", tickCount=2, domain=False, ticks=False, title=None)
    bars = base.mark_rect(style="first", strokeWidth=0).encode(
        y=alt.Y("share:Q", axis=shares, scale=alt.Scale(domainMin=0)), y2=alt.datum(0)
    )
    strip = base.mark_rect(style="strip").encode(y=alt.value(ROW_HEIGHT + 1), y2=alt.value(ROW_HEIGHT + 1 + STRIP))
    return [bars, strip]


def _columns() -> list[alt.Chart]:
    """Write each marked percentile in a column of its own, right of the bars, under its name: a row may stand alone."""
    columns = []
    for number, percentile in enumerate(MARKED, 1):
        only = alt.Chart().transform_filter(f"datum.marked == {percentile}")
        x = WIDTH + number * COLUMN_WIDTH
        value = only.mark_text(style="value", align="right", fontSize=11, x=x, y=ROW_HEIGHT / 2)
        label = only.mark_text(
            style="note", align="right", fontSize=10, x=x, y=ROW_HEIGHT / 2 - 14, text=f"p{percentile:g}"
        )
        columns += [value.encode(text="value:N"), label]
    return columns


def _binned(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[float]]:
    """Shares per guard and logarithmic bin, and the bounds of all bins in microseconds."""
    first, last = log10(frame["low_us"].min()), log10(frame["high_us"].max())
    fits = (n for n in BINS_PER_DECADE if ceil(last * n) - floor(first * n) <= MAX_BINS)
    per_decade = next(fits, BINS_PER_DECADE[-1])
    middle = np.sqrt(frame["low_us"] * frame["high_us"])
    number = np.floor(np.log10(middle) * per_decade).astype(int)
    counts = frame["count"].groupby([frame["guard"], number.rename("bin")]).sum().reset_index()
    bins = counts.assign(of=counts.groupby("guard")["count"].transform("sum"), per_decade=per_decade)
    low, high = int(bins["bin"].min()), int(bins["bin"].max()) + 1
    return bins, [10 ** (low / per_decade), 10 ** (high / per_decade)]


def _marks(frame: pd.DataFrame) -> pd.DataFrame:
    """Write out each guard's marked percentiles."""
    rows: list[dict[str, object]] = []
    for guard, part in frame.groupby("guard", sort=False):
        seen = part["count"].cumsum()
        for percentile in MARKED:
            n = int(part["count"].sum())
            slowest = float(part.loc[seen >= rank(percentile, n), "high_us"].iloc[0])
            value = latency(slowest) if is_supported(percentile, n) else UNKNOWN
            rows.append({"guard": guard, "marked": percentile, "value": value})
    return pd.DataFrame(rows)


PLUGIN = LatencyHistogram()
