"""How the figures of a run are shown on a screen."""

from pathlib import Path
from typing import Any

from rich.console import Console

from leasebench.bench.terminal import say, show_tables
from leasebench.results.advice import advise, sentences
from leasebench.results.grid import Text
from leasebench.results.harm_table import harm_tables
from leasebench.results.remarks import remarks
from leasebench.results.table import stories, tables


def show(screen: Console, summary: dict[str, Any], run: Path) -> None:
    """Print every table, the stories of wedged cells, what has to be said beside them, and the advice.

    `run` is the run directory, as the commands that are printed name it.
    """
    screen.print()
    show_tables(screen, (*tables(summary), *harm_tables(summary)), str(run / "summary.json"))
    screen.print()
    for line in (*stories(summary), *remarks(summary)):
        say(screen, Text(line))
    if summary["cells"]:
        for line in sentences(advise(summary), str(run)):
            say(screen, Text(line))
