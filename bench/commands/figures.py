"""How the figures of a run are shown on a screen."""

from pathlib import Path
from typing import Any

from rich.console import Console

from leasebench.bench.terminal import say, show_tables
from leasebench.results.advice import sentences
from leasebench.results.compare.cheapest import advise_on
from leasebench.results.grid import Text
from leasebench.results.harm_table import harm_tables
from leasebench.results.remarks import remarks
from leasebench.results.run import load
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
        loaded = load(run)
        # Derived already, and of a run that did not end there is none to read.
        loaded.summary = summary
        for line in sentences(advise_on(loaded), str(run)):
            say(screen, Text(line))
