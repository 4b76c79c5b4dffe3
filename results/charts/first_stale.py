"""How soon each guard went stale: a mark a trial, one without a stale overwrite censored at its end."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import altair as alt
import numpy as np

from leasebench.results.charts import ChartScope, DataRow, Spec, Subject, defined, described, filled, listed

WIDTH, STEP = 560, 20


class FirstStale:
    """With a Kaplan-Meier median (JASA 53, 1958) where half of a guard's trials went stale."""

    name = "first_stale"
    about = "time to the first stale overwrite, a mark a trial"
    scope = ChartScope.SCENARIO

    def draw(self, subject: Subject) -> Spec | None:
        """Rows `guard`, `s`, `censored`; None where no trial of the scenario went stale."""
        assert subject.scenario is not None
        rows, medians = [], []
        for guard in subject.run.guards:
            trials = [row for row in subject.run.trials_of(guard, subject.scenario) if row.status == "ok"]
            seen = [(row.first("time_to_first_stale_s"), row.load_s) for row in trials]
            times = np.array([ended if first is None else first for first, ended in seen], dtype=np.float64)
            censored = np.array([first is None for first, _ in seen], dtype=bool)
            rows += [
                {"guard": guard, "s": max(float(at), 0.001), "censored": bool(open_)}
                for at, open_ in zip(times, censored, strict=True)
            ]
            median = kaplan_meier_median(times, censored)
            if median is not None and len(times) > 1:
                medians.append({"guard": guard, "s": max(median, 0.001)})
        if all(row["censored"] for row in rows):
            return None
        title = f"Time to the first stale overwrite in scenario {subject.scenario}"
        below = "a filled mark a trial; an open triangle: none until the end of the load. Tick: Kaplan-Meier median."
        made = filled(_definition(), f"{title}\n{below}", trials=rows, medians=medians)
        return described({**made, "height": {"step": STEP}}, *_says(rows))


def _says(rows: list[DataRow]) -> Iterator[str]:
    stale = sorted((row for row in rows if not row["censored"]), key=lambda row: -row["s"])
    first = {row["guard"]: row["s"] for row in stale}  # the earliest comes last
    never = dict.fromkeys(row["guard"] for row in rows if row["guard"] not in first)
    yield f"{len(stale)} of {len(rows)} trials went stale"
    soonest = sorted(first.items(), key=lambda one: one[1])
    yield "The first stale overwrite of each guard: " + listed(
        f"{guard} at {at:.2f} s of load" for guard, at in soonest
    )
    yield f"Never: {listed(never)}" if never else ""


def kaplan_meier_median(times: np.ndarray, censored: np.ndarray) -> float | None:
    """The time by which half of the trials went stale, those cut off counted as long as they were watched; or None."""
    order = np.lexsort((censored, times))
    at_risk, surviving = len(times), 1.0
    for at in order:
        if not censored[at]:
            surviving *= 1 - 1 / at_risk
            if surviving <= 0.5 + 1e-12:
                return float(times[at])
        at_risk -= 1
    return None


@cache
def _definition() -> Spec:
    return defined(_marks)


def _marks() -> Any:
    x = alt.X(
        "s:Q",
        title="seconds of load (log scale)",
        scale=alt.Scale(type="log", nice=False, padding=12),
        axis=alt.Axis(format="~g", tickCount=6),
    )
    y = alt.Y("guard:N", title=None, sort=None, axis=alt.Axis(grid=True, labelLimit=260, ticks=False, domain=False))
    base = alt.Chart(alt.NamedData(name="trials")).encode(
        x=x, y=y, tooltip=["guard:N", alt.Tooltip("s:Q", title="seconds", format=".3f"), "censored:N"]
    )
    stale = base.mark_point(style="second", filled=True, size=55, opacity=0.75).transform_filter("!datum.censored")
    none = base.mark_point(style="quiet", filled=False, size=55, shape="triangle-right").transform_filter(
        "datum.censored"
    )
    medians = alt.Chart(alt.NamedData(name="medians")).mark_tick(style="outline", thickness=2, size=16).encode(x=x, y=y)
    return (stale + none + medians).properties(width=WIDTH)


PLUGIN = FirstStale()
