"""How the figures of a run are shown on a screen."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from leasebench.bench.screen import say, show_tables
from leasebench.results.compare.cheapest import advise_on
from leasebench.results.compare.document import TextLines
from leasebench.results.compare.markdown import as_markdown
from leasebench.results.display.grid import Grid, Text, Tone
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
    said = _said(summary, run)
    screen.print()
    show_tables(screen, said.tables, str(run / SUMMARY_FILE))
    screen.print()
    for line in (*said.lines, *said.advice):
        say(screen, Text(line))


def as_page(summary: Summary, run: Path) -> str:
    """The same as Markdown, what to do first: for the page of a CI job."""
    said = _said(summary, run)
    unexpected = [str(cell) for cell in summary.cells if not cell.as_expected]
    verdict = f"not as expected: {', '.join(unexpected)}" if unexpected else "every verdict is as expected"
    head = Text(f"leasebench {summary.suite}: {verdict}", Tone.BAD if unexpected else Tone.STRONG)
    advice, rest = (
        [TextLines((Text(line.strip()),)) for line in lines if line.strip()] for lines in (said.advice, said.lines)
    )
    return as_markdown([TextLines((head,)), *advice, *said.tables, *rest]) + "\n"


@dataclass(frozen=True, slots=True)
class _Said:
    """What is said of a run, before it is known where."""

    tables: Sequence[Grid]
    lines: Sequence[str]
    advice: Sequence[str]


def _said(summary: Summary, run: Path) -> _Said:
    loaded = load(run, examined=True)
    # Derived already, and of a run that did not end there is none to read.
    loaded.summary = summary
    points = storms(loaded)
    stormy = {one.cell.place for one in points}
    guarded = summary.model_copy(update={"cells": tuple(one for one in summary.cells if one.place not in stormy)})
    swept = swept_lines(loaded)
    of_guards = sweep_tables(swept) if swept else (*tables(guarded), *tables_beside(guarded))
    every = (*of_guards, *storm_tables(points))
    picture = [f"picture: leasebench plot {run} --chart sweep --format png"] if swept else []
    lines = [
        *sweep_sentences(swept),
        *picture,
        *stories(summary),
        *remarks(summary, str(run)),
        *storm_sentences(points),
    ]
    advice: list[str] = []
    if guarded.cells:
        if stormy:  # what was looked up in it is of all cells
            loaded = load(run, examined=True)
            loaded.summary = guarded
        advice = [*sentences(advise_on(loaded), str(run))]
    return _Said(every, lines, advice)
