"""How the work was shared between the enactors of a cell."""

from collections import Counter
from functools import cache
from typing import Any

import altair as alt
import numpy as np

from leasebench.results.charts import ChartScope, DataRow, Spec, Subject, defined, described, filled
from leasebench.results.statistics.sharing import jain

WIDTH, STEP = 460, 20


class Fairness:
    """Shares of the completed applications, with Jain's index (Jain, Chiu and Hawe, DEC-TR-301, 1984)."""

    name = "fairness"
    about = "share of completed applications per enactor, with Jain's index"
    scope = ChartScope.CELL

    def draw(self, subject: Subject) -> Spec | None:
        """Rows `enactor`, `share`, `applications`, over all trials; None where nothing was completed."""
        assert subject.guard is not None
        assert subject.scenario is not None
        completed: Counter[str] = Counter()
        for row in subject.run.trials_of(subject.guard, subject.scenario):
            completed.update(row.applications_by_enactor)
        total = completed.total()
        if not total:
            return None
        rows: list[DataRow] = [
            {"enactor": name, "share": count / total, "applications": count} for name, count in completed.items()
        ]
        title = f"Fairness between enactors: {subject.guard} under {subject.scenario}"
        index = jain(np.array(list(completed.values())))
        scale = f"1: all alike, {1 / len(rows):.2f}: one has all"
        below = f"{total:,} completed applications; Jain's index {index:.3f} ({scale})"
        made = filled(_definition(), f"{title}\n{below}", enactors=rows, fair=[{"share": 1 / len(rows)}])
        most, least = (of(rows, key=lambda row: row["applications"]) for of in (max, min))
        extremes = (
            f"most {most['enactor']} with {most['share']:.1%}, least {least['enactor']} with {least['share']:.1%}"
        )
        return described(
            {**made, "height": {"step": STEP}},
            f"{len(rows)} enactors completed {total:,} applications: {extremes}",
            f"Jain's index is {index:.3f}; 1 is the same for all",
        )


@cache
def _definition() -> Spec:
    return defined(_bars)


def _bars() -> Any:
    bars = (
        alt.Chart(alt.NamedData(name="enactors"))
        .mark_bar(style="first", strokeWidth=0, height=12)
        .encode(
            x=alt.X(
                "share:Q",
                title="share of completed applications (line: all alike)",
                axis=alt.Axis(format="~%", tickCount=5),
            ),
            y=alt.Y("enactor:N", title=None, sort=None, axis=alt.Axis(labelLimit=260, ticks=False, domain=False)),
            tooltip=["enactor:N", alt.Tooltip("share:Q", format=".1%"), alt.Tooltip("applications:Q", format=",")],
        )
    )
    fair = alt.Chart(alt.NamedData(name="fair")).mark_rule(style="outline", strokeDash=[4, 3]).encode(x="share:Q")
    return (bars + fair).properties(width=WIDTH)


PLUGIN = Fairness()
