"""The memory of harness, programs and servers over the time of a trial, and whether it grows."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from leasebench.results.charts import ChartScope, DataRow, Spec, Subject, defined, described, heading, inline
from leasebench.results.checks.memory import memory_of
from leasebench.results.evidence.memory_growth import GROUPS, Growth
from leasebench.results.record.health import MemoryLook

WIDTH, HEIGHT = 700, 110
MB, KB = 1 << 20, 1 << 10


class MemoryOverTime:
    """A panel a group: what it holds is not to be compared with the others, but with itself."""

    name = "memory_over_time"
    about = "memory of harness, programs and servers over the time of a long trial, and whether it grows"
    scope = ChartScope.TRIAL

    def draw(self, subject: Subject) -> Spec | None:
        """Three panels; None for a trial that was too short to judge any."""
        assert subject.trial is not None
        trials = subject.run.trial(subject.trial)
        if not trials or trials[0].health is None:
            return None
        found = memory_of(trials[0])
        if all(one.interval is None for one in found):
            return None
        facts = trials[0].facts
        looks = [look for look in trials[0].health.memory if look.at_ns <= facts.load_end_ns]
        sentences = [growth_in_words(one) for one in found]
        title = f"Memory over time: {subject.guard} under {subject.scenario}, trial {subject.trial}"
        picture = defined(lambda: _picture("\n".join([title, *sentences]), looks, facts.start_ns, found))
        return described(picture, *sentences)


def growth_in_words(one: Growth) -> str:
    """`servers: 61.2 MB at last, +3 KB a minute [-5, 11]: flat`."""
    size = f"{one.group}: {one.last_bytes / MB:.1f} MB at last"
    if one.interval is None:
        return f"{size}, not judged: {one.why}"
    low, high = (f"{end / KB:,.0f}" for end in one.interval)
    return f"{size}, {one.bytes_per_min / KB:+,.0f} KB a minute [{low}, {high}]: {one.trend}"


def _picture(title: str, looks: Sequence[MemoryLook], start_ns: int, found: Sequence[Growth]) -> Any:
    panels = []
    for group in GROUPS:
        rows: list[DataRow] = [
            {"at_s": (look.at_ns - start_ns) / 1e9, "mb": getattr(look, group) / MB} for look in looks
        ]
        begin_ns = next((one.from_ns for one in found if one.group == group and one.interval is not None), None)
        x = alt.X("at_s:Q", title="seconds of load" if group == GROUPS[-1] else None, scale=alt.Scale(nice=False))
        y = alt.Y("mb:Q", title=f"{group}, MB", scale=alt.Scale(zero=False, nice=True), axis=alt.Axis(tickCount=4))
        line = alt.Chart(inline(rows)).mark_line(strokeWidth=1.4).encode(x=x, y=y)
        layers = [line]
        if begin_ns is not None:
            mark = alt.Chart(inline([{"at_s": (begin_ns - start_ns) / 1e9}]))
            layers.append(mark.mark_rule(strokeDash=[4, 3], strokeWidth=1.2).encode(x="at_s:Q"))
        panels.append(alt.layer(*layers).properties(width=WIDTH, height=HEIGHT))
    return alt.vconcat(*panels, spacing=12).properties(title=heading(f"{title}\ndashed: from here on it is judged"))


PLUGIN = MemoryOverTime()
