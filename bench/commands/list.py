"""`leasebench list`."""

from enum import StrEnum
from typing import Annotated

import typer


class Listing(StrEnum):
    """What `list` can list."""

    GUARDS = "guards"
    SCENARIOS = "scenarios"
    FAULTS = "faults"
    SUITES = "suites"
    MANAGERS = "managers"
    CHARTS = "charts"
    PROGRAMS = "programs"
    STORES = "stores"
    RULES = "rules"
    RUNS = "runs"


def list_(what: Annotated[Listing, typer.Argument(help="what to list")]) -> None:
    """List what there is."""
    from leasebench.bench.listing import rows
    from leasebench.bench.screen import console, show_tables
    from leasebench.results.display.grid import Column, Grid, Text, Tone

    found = tuple((Text(name, Tone.STRONG), Text(about)) for name, about in rows(what.value))
    show_tables(console(), [Grid("", (Column("", left=True), Column("", left=True, prose=True)), found)])
