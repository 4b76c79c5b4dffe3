"""Where faults were in force, for charts over time."""

from typing import Any

import altair as alt

from leasebench.results.moment import Moments

MOST = 200
"""Shades in one picture; of more only the first are drawn, and it says so."""


def shades(moments: Moments, begin_s: float, end_s: float) -> tuple[list[dict[str, Any]], str]:
    """Rows `fault`, `from_s`, `to_s`, `colour`, `process` of what was in force then; and what a subtitle says of it."""
    rows: list[dict[str, Any]] = []
    for fault in moments.faults:
        start_ns, stop_ns = fault.get("start_ns"), fault.get("end_ns") or fault.get("start_ns")
        if not isinstance(start_ns, int) or not isinstance(stop_ns, int):
            continue
        from_s, to_s = float(moments.seconds(start_ns)), float(moments.seconds(stop_ns))
        if to_s >= begin_s and from_s <= end_s:
            row = {
                "fault": str(fault["fault"]),
                "colour": _colour(fault.get("colour")),
                "process": str(fault.get("process")),
            }
            rows.append(row | {"from_s": max(from_s, begin_s), "to_s": min(to_s, end_s)})
    if not rows:
        return [], ""
    kinds = ", ".join(sorted({row["fault"] for row in rows}))
    more = f", the first {MOST} of {len(rows)}" if len(rows) > MOST else ""
    return rows[:MOST], f"; shaded: {kinds}{more}"


def shade_layer() -> Any:
    """A chart layer over the named data `shades`: each fault's time in its colour, with an edge for a short one."""
    base = alt.Chart(alt.NamedData(name="shades")).encode(
        x=alt.X("from_s:Q"), color=alt.Color("colour:N", scale=None), tooltip=["fault:N", "process:N"]
    )
    return base.mark_rect(opacity=0.12).encode(x2="to_s:Q") + base.mark_rule(opacity=0.25, strokeWidth=1)


def _colour(text: Any) -> str:
    """A colour as a fault's plug-in gives it; anything else is drawn grey."""
    good = isinstance(text, str) and len(text) == 7 and text[0] == "#" and text[1:].isalnum()
    return text if good else "#888888"
