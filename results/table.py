"""The figures of a run as terminal tables: one a scenario, a guard a row."""

from collections.abc import Iterable
from typing import Any

from leasebench.results.grid import Column, Grid, Text, Tone
from leasebench.results.pricing import attempts_per_s, guard_cost_us
from leasebench.results.story import Chapter, lines
from leasebench.verdict import SAFE, Verdict

COLUMNS = (
    Column("guard", left=True),
    Column("verdict", left=True),
    Column("stale/races", spare=1),
    Column("leak rate [95 %]"),
    Column("stale per\n1,000", spare=5),
    Column("lag\np50 ms", spare=7),
    Column("behind\np50 ms", spare=8),
    Column("first\nat s", spare=9),
    Column("guard\np50 us", spare=2),
    Column("commit\np99 us", spare=3),
    Column("plan\np99 ms", spare=4),
)
RATE = Column("attempts\nper s", spare=6)
"""Shown where it is a cost: where the load is closed."""


def tables(summary: dict[str, Any]) -> Iterable[Grid]:
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


def verdict_text(verdict: Verdict, *, surprise: bool = False) -> Text:
    """A verdict in its tone, with `!` where it was not expected."""
    tone = Tone.GOOD if verdict is Verdict.CLEAN else Tone.OPEN if verdict in SAFE else Tone.BAD
    return Text(f"{verdict.value}{' !' if surprise else ''}", tone)


def _table(scenario: str, cells: list[dict[str, Any]]) -> Grid:
    rates = [attempts_per_s(cell) for cell in cells]
    if not any(rates):
        return Grid(scenario, COLUMNS, tuple(map(_row, cells)))
    rows = ((*_row(cell), Text(_number(rate, 0))) for cell, rate in zip(cells, rates, strict=True))
    return Grid(scenario, (*COLUMNS, RATE), tuple(rows))


def _row(cell: dict[str, Any]) -> tuple[Text, ...]:
    latency = cell["latency_us"]
    plan = latency["plan"]["service"]["p99"]
    figures = (
        f"{cell['stale_overwrites']}/{cell['races']}",
        _leak(cell),
        _number(cell["stale_per_1000"], 1),
        _number(cell["overwrite_lag_ms"]["p50"], 1),
        _number(cell["stale_time_ms"]["p50"], 0),
        _number(cell["time_to_first_stale_s"]["p50"], 2),
        _number(guard_cost_us(cell), 0),
        _number(latency["commit"]["service"]["p99"], 0),
        _number(None if plan is None else plan / 1000, 1),
    )
    verdict = verdict_text(Verdict(cell["verdict"]), surprise=not cell["as_expected"])
    return (Text(cell["guard"]), verdict, *map(Text, figures))


def _leak(cell: dict[str, Any]) -> str:
    if cell["leak_rate"] is None:
        return "no races"
    if not cell["stale_overwrites"]:
        return f"0, below {cell['leak_rate_bound']:.2f}"
    low, high = cell["leak_rate_ci"]
    return f"{cell['leak_rate']:.2f} [{low:.2f}, {high:.2f}]"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"
