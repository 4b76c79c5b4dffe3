"""How the figures of a run are shown on a screen."""

from typing import Any

from rich.console import Console

from results.advice import advise
from results.harm_table import harm_tables
from results.remarks import remarks
from results.table import stories, tables


def show(screen: Console, summary: dict[str, Any]) -> None:
    """Print every table, the stories of wedged cells, what has to be said beside them, and the advice."""
    for table in (*tables(summary), *harm_tables(summary)):
        screen.print()
        screen.print(table)
    screen.print()
    for line in (*stories(summary), *remarks(summary)):
        screen.print(line, markup=False, highlight=False)
    if summary["cells"]:
        screen.print(advise(summary["cells"]), markup=False, highlight=False)
