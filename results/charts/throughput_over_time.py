"""How many commits a trial made over its time, stale ones apart, with its faults shaded."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import altair as alt
import numpy as np
import numpy.typing as npt

from leasebench.results.charts import ChartScope, Spec, Subject, defined, described, filled, rough_trial
from leasebench.results.charts.shades import shade_layer, shades, shades_said
from leasebench.results.display.theme import VERDICT_COLOURS
from leasebench.results.evidence.overtime import OverTime
from leasebench.verdict import Verdict

Counts = npt.NDArray[np.int64]
WIDTH, HEIGHT = 700, 150
KINDS = ("in order", "stale", "refused")
LOOKS = ("#5b9bd0", VERDICT_COLOURS[Verdict.STALE], "#9aa4ae")


class ThroughputOverTime:
    """Stacked bars: commits in order, stale overwrites, and what the store refused."""

    name = "throughput_over_time"
    about = "commits per second over the time of a trial, stale ones apart, faults shaded"
    scope = ChartScope.TRIAL

    def draw(self, subject: Subject) -> Spec | None:
        """Bars over named data `bins`; None for a trial in which nothing was committed or refused."""
        assert subject.trial is not None
        moments = subject.run.moments(subject.trial)
        found = moments.over_time if moments else None
        if moments is None or found is None or not (found.commits.sum() + found.refused.sum()):
            return None
        rows = [
            {"bin": number, "bin_s": found.bin_s, "kind": kind, "low": low, "high": high}
            for kind, lows, highs in _stacked(found)
            for number, (low, high) in enumerate(zip(lows.tolist(), highs.tolist(), strict=True))
            if high > low
        ]
        faults, said = shades(moments, 0.0, float(found.from_s[-1] + found.bin_s))
        title = f"Commits over time: {subject.guard} under {subject.scenario}, trial {subject.trial}"
        below = f"{found.commits.sum():,} commits, {found.stale.sum():,} stale, {found.refused.sum():,} refused{said}"
        below += rough_trial(subject)
        answered = found.commits + found.refused
        busiest = int(answered.argmax())
        return described(
            filled(_definition(), f"{title}\n{below}", bins=rows, shades=faults),
            f"{found.commits.sum():,} commits, {found.stale.sum():,} of them stale, {found.refused.sum():,} refusals",
            f"The most were {answered[busiest] / found.bin_s:,.0f} a second, at {busiest * found.bin_s:.2f} s of load",
            shades_said(faults),
        )


@cache
def _definition() -> Spec:
    return defined(_bars)


def _stacked(found: OverTime) -> Iterator[tuple[str, Counts, Counts]]:
    """Per kind the lower and the upper edges of its bars, one kind on top of the other."""
    low = np.zeros(len(found.commits), dtype=np.int64)
    for kind, counts in zip(KINDS, (found.commits - found.stale, found.stale, found.refused), strict=True):
        high = low + counts
        yield kind, low, high
        low = high


def _bars() -> Any:
    bars = (
        alt.Chart(alt.NamedData(name="bins"))
        .transform_calculate(
            from_s="datum.bin * datum.bin_s",
            to_s="(datum.bin + 1) * datum.bin_s",
            from_per_s="datum.low / datum.bin_s",
            to_per_s="datum.high / datum.bin_s",
            per_s="(datum.high - datum.low) / datum.bin_s",
        )
        .mark_rect(strokeWidth=0)
        .encode(
            x=alt.X("from_s:Q", title="seconds of load", scale=alt.Scale(nice=False)),
            x2="to_s:Q",
            y=alt.Y("from_per_s:Q", title="per second", axis=alt.Axis(tickCount=4, format="~s")),
            y2="to_per_s:Q",
            color=alt.Color("kind:N", scale=alt.Scale(domain=KINDS, range=LOOKS), legend=alt.Legend(title=None)),
            tooltip=[
                "kind:N",
                alt.Tooltip("from_s:Q", title="from (s)", format=".3f"),
                alt.Tooltip("per_s:Q", title="per second", format=",.1f"),
            ],
        )
    )
    return (shade_layer() + bars).properties(width=WIDTH, height=HEIGHT).resolve_scale(color="independent")


PLUGIN = ThroughputOverTime()
