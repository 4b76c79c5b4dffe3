"""How the figures of a run are shown on a screen."""

from pathlib import Path
from typing import Any

from rich.console import Console

from leasebench.results.advice import sentences
from leasebench.results.compare.cheapest import advise_on
from leasebench.results.harm_table import harm_tables
from leasebench.results.remarks import remarks
from leasebench.results.run import load
from leasebench.results.table import stories, tables


def show(screen: Console, summary: dict[str, Any], run: Path) -> None:
    """Print every table, the stories of wedged cells, what has to be said beside them, and the advice.

    `run` is the run directory, as the commands that are printed name it.
    """
    for table in (*tables(summary), *harm_tables(summary)):
        screen.print()
        screen.print(table)
    screen.print()
    for line in (*stories(summary), *remarks(summary)):
        screen.print(line, markup=False, highlight=False, soft_wrap=True)
    if summary["cells"]:
        loaded = load(run)
        # Derived already, and of a run that did not end there is none to read.
        loaded.summary = summary
        for line in sentences(advise_on(loaded), str(run)):
            screen.print(line, markup=False, highlight=False, soft_wrap=True)
