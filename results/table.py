"""The figures of a run as terminal tables: one a scenario, a guard a row."""

from collections.abc import Iterable
from typing import Any

from rich.markup import escape
from rich.table import Table

from leasebench.results.pricing import attempts_per_s, guard_cost_us
from leasebench.results.story import Chapter, lines
from leasebench.verdict import Verdict

RATE = "attempts\nper s"
"""Shown where it is a cost: where the load is closed."""
COLOURS = {Verdict.CLEAN: "green", Verdict.UNPROVEN: "yellow"}


def tables(summary: dict[str, Any]) -> Iterable[Table]:
    """One table for each scenario of the summary."""
    scenarios = dict.fromkeys(cell["scenario"] for cell in summary["cells"])
    return (_table(name, [cell for cell in summary["cells"] if cell["scenario"] == name]) for name in scenarios)


def stories(summary: dict[str, Any]) -> Iterable[str]:
    """The first incident under each guard that wedged a cell, told with its times; every other stands in the summary.

    Stale and empty records alone are so common that their stories would push the tables off the screen.
    """
    for cell in summary["cells"]:
        if not cell["wedged"]:
            continue
        yield f"{cell['guard']} under {cell['scenario']}, its first incident:"
        yield from (f"  {line}" for line in lines([Chapter(**chapter) for chapter in cell["story"]]))
        yield ""


def _table(scenario: str, cells: list[dict[str, Any]]) -> Table:
    rates = [attempts_per_s(cell) for cell in cells]
    table = Table(title=escape(scenario), title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("guard")
    table.add_column("verdict")
    for heading in (
        "stale/races",
        "leak rate [95 %]",
        "stale per\n1,000",
        "lag\np50 ms",
        "behind\np50 ms",
        "first\nat s",
        "guard\np50 us",
        "commit\np99 us",
        "plan\np99 ms",
        *([RATE] if any(rates) else []),
    ):
        table.add_column(heading, justify="right")
    for cell, rate in zip(cells, rates, strict=True):
        table.add_row(*_row(cell), *([_number(rate, 0)] if any(rates) else []))
    return table


def _row(cell: dict[str, Any]) -> list[str]:
    verdict = Verdict(cell["verdict"])
    mark = "" if cell["as_expected"] else " !"
    latency = cell["latency_us"]
    plan = latency["plan"]["service"]["p99"]
    return [
        escape(cell["guard"]),
        f"[{COLOURS.get(verdict, 'red')}]{verdict.value}{mark}[/]",
        f"{cell['stale_overwrites']}/{cell['races']}",
        _leak(cell),
        _number(cell["stale_per_1000"], 1),
        _number(cell["overwrite_lag_ms"]["p50"], 1),
        _number(cell["stale_time_ms"]["p50"], 0),
        _number(cell["time_to_first_stale_s"]["p50"], 2),
        _number(guard_cost_us(cell), 0),
        _number(latency["commit"]["service"]["p99"], 0),
        _number(None if plan is None else plan / 1000, 1),
    ]


def _leak(cell: dict[str, Any]) -> str:
    if cell["leak_rate"] is None:
        return "no races"
    if not cell["stale_overwrites"]:
        return f"0, below {cell['leak_rate_bound']:.2f}"
    low, high = cell["leak_rate_ci"]
    return f"{cell['leak_rate']:.2f} [{low:.2f}, {high:.2f}]"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"
