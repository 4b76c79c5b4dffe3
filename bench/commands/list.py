"""`leasebench list`."""

from enum import StrEnum
from typing import Annotated

import typer
from rich.markup import escape

from leasebench.bench.terminal import console


class Listing(StrEnum):
    """What `list` can list."""

    GUARDS = "guards"
    SCENARIOS = "scenarios"
    FAULTS = "faults"
    SUITES = "suites"
    MANAGERS = "managers"
    CHARTS = "charts"
    RUNS = "runs"


def list_(what: Annotated[Listing, typer.Argument(help="what to list")]) -> None:
    """List what there is."""
    from leasebench.bench.listing import rows

    screen = console()
    for name, about in rows(what.value):
        screen.print(f"[bold]{escape(name)}[/]  {escape(about)}", highlight=False, soft_wrap=True)
