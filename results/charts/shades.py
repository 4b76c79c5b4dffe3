"""The spans in which faults were in force, for charts over time."""

from typing import Any

import altair as alt
import pandas as pd

from leasebench.results.charts import listed
from leasebench.results.evidence.moment import Moments
from leasebench.results.record.faults import GREY

MOST = 200
"""Shades in one picture; of more only the first are drawn, and it says so."""


def shades(moments: Moments, begin_s: float, end_s: float) -> tuple[pd.DataFrame, str]:
    """Rows `fault`, `from_s`, `to_s`, `colour`, `process` of what was in force then; and what a subtitle says of it."""
    rows = []
    for fault in moments.faults:
        if fault.span_ns is None:
            continue
        from_s, to_s = (float(moments.seconds(at_ns)) for at_ns in fault.span_ns)
        if to_s >= begin_s and from_s <= end_s:
            span = max(from_s, begin_s), min(to_s, end_s)
            rows.append((fault.fault, *span, _colour(fault.colour), fault.process))
    found = pd.DataFrame(rows, columns=["fault", "from_s", "to_s", "colour", "process"])
    if not rows:
        return found, ""
    kinds = ", ".join(sorted(set(found["fault"])))
    more = f", the first {MOST} of {len(rows)}" if len(rows) > MOST else ""
    return found[:MOST], f"; shaded: {kinds}{more}"


def shades_said(faults: pd.DataFrame) -> str:
    """Which faults were in force, how often and from when to when; nothing where there was none."""
    told = (
        f"{kind} {len(own)} times from {own['from_s'].min():.2f} to {own['to_s'].max():.2f} s"
        for kind, own in faults.groupby("fault", sort=False)
    )
    return "" if faults.empty else f"Faults in force: {listed(told)}"


def shade_layer() -> Any:
    """A chart layer over the named data `shades`: each fault's time in its colour, with an edge for a short one."""
    base = alt.Chart(alt.NamedData(name="shades")).encode(
        x=alt.X("from_s:Q"), color=alt.Color("colour:N", scale=None), tooltip=["fault:N", "process:N"]
    )
    return base.mark_rect(opacity=0.12).encode(x2="to_s:Q") + base.mark_rule(opacity=0.25, strokeWidth=1)


def _colour(text: str) -> str:
    """A colour as a fault's plug-in gives it; anything else is drawn grey."""
    return text if len(text) == 7 and text[0] == "#" and text[1:].isalnum() else GREY
