"""Violations as a table: a violation a row."""

from collections.abc import Iterable

from leasebench.results.display.grid import Column, Grid, Text
from leasebench.results.display.phrases import instant
from leasebench.results.reading.violations import Violation

COLUMNS = (
    Column("number"),
    Column("guard", left=True),
    Column("scenario", left=True),
    Column("kind", left=True),
    Column("at", spare=1),
    Column("endpoint", spare=3, left=True),
    Column("what", spare=2, left=True),
    Column("trial", spare=4),
)


def violations_table(violations: Iterable[Violation]) -> Grid:
    """A row each, in the order given."""
    return Grid("", COLUMNS, tuple(map(_row, violations)))


def _row(one: Violation) -> tuple[Text, ...]:
    at = instant(one.t_s)
    what = f"plan {one.version} over {one.over}" if one.over else f"plan {one.version} is gone"
    figures = (f"{one.number}", one.guard, one.scenario, one.kind.value, at, one.endpoint, what, f"{one.trial}")
    return tuple(map(Text, figures))
