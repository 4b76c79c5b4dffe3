"""How the figures of a run are shown on a screen."""

from pathlib import Path

from rich.console import Console

from leasebench.bench.screen import say, show_tables
from leasebench.results.compare.cheapest import advise_on
from leasebench.results.display.grid import Text
from leasebench.results.reading.storms import storms
from leasebench.results.reading.sweeps import swept_lines
from leasebench.results.record.names import SUMMARY_FILE
from leasebench.results.record.summary import Summary
from leasebench.results.run import load
from leasebench.results.tables.advice import sentences
from leasebench.results.tables.remarks import remarks
from leasebench.results.tables.run_table import stories, tables, tables_beside
from leasebench.results.tables.storm_table import storm_sentences, storm_tables
from leasebench.results.tables.sweep_table import sweep_sentences, sweep_tables


def show(screen: Console, summary: Summary, run: Path) -> None:
    """Print every table, the stories of wedged cells, what has to be said beside them, and the advice.

    `run` is the run directory, as the commands that are printed name it. Lease storms are told by themselves: no guard
    is at work there. A sweep has tables of its own in place of one for each of its values.
    """
    loaded = load(run)
    # Derived already, and of a run that did not end there is none to read.
    loaded.summary = summary
    points = storms(loaded)
    stormy = {one.cell.place for one in points}
    guarded = summary.model_copy(update={"cells": tuple(one for one in summary.cells if one.place not in stormy)})
    screen.print()
    lines = swept_lines(loaded)
    of_guards = sweep_tables(lines) if lines else (*tables(guarded), *tables_beside(guarded))
    every = (*of_guards, *storm_tables(points))
    show_tables(screen, every, str(run / SUMMARY_FILE))
    screen.print()
    for line in (*sweep_sentences(lines), *stories(summary), *remarks(summary), *storm_sentences(points)):
        say(screen, Text(line))
    if guarded.cells:
        loaded = load(run)
        loaded.summary = guarded
        for line in sentences(advise_on(loaded), str(run)):
            say(screen, Text(line))
