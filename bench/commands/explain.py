"""`leasebench explain`."""

import shutil
import sys
from collections.abc import Iterable
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from leasebench.bench.commands.arguments import RunName
from leasebench.bench.terminal import EXIT_USAGE, PLAIN_WIDTH, complain, fail, writing
from leasebench.visible import visible_line

MOST_LISTED = 50
MOST_WIDTH = 120


class StoryFormat(StrEnum):
    """How a story is told."""

    TEXT = "text"
    MERMAID = "mermaid"
    SVG = "svg"


def explain(
    name: RunName,
    violation: Annotated[int | None, typer.Option(min=1, help="its number in the run (default: the first)")] = None,
    guard: Annotated[str | None, typer.Option(help="the first under this guard")] = None,
    scenario: Annotated[str | None, typer.Option(help="the first under this scenario")] = None,
    trial: Annotated[int | None, typer.Option(min=1, help="the first in this trial")] = None,
    kind: Annotated[
        StoryFormat, typer.Option("--format", help="text, a Mermaid diagram, or an SVG picture")
    ] = StoryFormat.TEXT,
    list_: Annotated[bool, typer.Option("--list", help=f"list the violations instead, at most {MOST_LISTED}")] = False,
    out: Annotated[Path | None, typer.Option(help="a file (default: standard output)")] = None,
) -> None:
    """Tell one violation of RUN: what happened, who held what, and which choice of the guard would have stopped it."""
    from leasebench.results.reading.locate import find_run

    run = find_run(name)
    from leasebench.bench.screen import console, say, show_tables
    from leasebench.mistakes import must_be_known
    from leasebench.results.display.numbering import numbers
    from leasebench.results.explain import explain as explained
    from leasebench.results.explain.beside import clock_lines, disturbance_lines, ending_lines
    from leasebench.results.explain.mermaid import as_mermaid
    from leasebench.results.explain.svg import as_svg
    from leasebench.results.explain.text import as_text
    from leasebench.results.reading import violations as found
    from leasebench.results.reading.violations import violations_table
    from leasebench.results.run import load

    loaded = load(run)
    must_be_known("guard", [] if guard is None else [guard], loaded.guards)
    must_be_known("scenario", [] if scenario is None else [scenario], loaded.scenarios)
    if trial is not None and trial not in loaded.folders:
        fail(f"{run}: has no trial {trial}: there is {min(loaded.folders, default=0)} to "
             f"{max(loaded.folders, default=0)}", EXIT_USAGE)  # fmt: skip
    own = numbers(loaded.summary)
    total = max((one.stop - 1 for one in own.values()), default=0)
    if list_:
        matching = found.matching(loaded, guard, scenario, trial)
        show_tables(console(), [violations_table(islice(matching, MOST_LISTED))], "explain --violation NUMBER")
        if next(matching, None) is not None:
            say(console(), "and more: narrow them down with --guard, --scenario or --trial")
    elif violation is not None and violation > total:
        fail(
            f"{run}: has no violation {violation}: there is 1 to {total}" if total else f"{run}: has no violation",
            EXIT_USAGE,
        )
    else:
        asked = found.violation(loaded, violation) if violation else None
        one = asked or (None if violation else next(found.matching(loaded, guard, scenario, trial), None))
        told = None if one is None else explained(loaded, one)
        if told is not None and one is not None:
            width = min(shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns, MOST_WIDTH)
            text = {
                StoryFormat.TEXT: lambda: as_text(told, width),
                StoryFormat.MERMAID: lambda: as_mermaid(told),
                StoryFormat.SVG: lambda: as_svg(told),
            }
            _say(text[kind](), out)
            if kind is StoryFormat.TEXT:
                place = f"{one.guard} under {one.scenario}, trial {one.trial}"
                following = (
                    f"; the next: leasebench explain {run} --violation {one.number + 1}" if one.number < total else ""
                )
                print()
                _say_lines((*disturbance_lines(loaded, one.trial), *clock_lines(loaded, one.trial)))
                say(console(), f"Violation {one.number} of {total} ({place}){following}")
        elif not loaded.problems:
            say(console(), "No violation was seen there.")
        wanted = kind is StoryFormat.TEXT and violation is None
        _say_lines(ending_lines(loaded, guard, scenario, trial) if wanted else ())
    complain(loaded.problems)
    if loaded.problems:
        raise typer.Exit(EXIT_USAGE)


def _say_lines(lines: Iterable[str]) -> None:
    from leasebench.bench.screen import console, say

    screen = console()
    for line in lines:
        say(screen, visible_line(line))


def _say(text: str, out: Path | None) -> None:
    if out is None:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
    else:
        with writing(out):
            out.write_text(text, encoding="utf-8")
        print(out)
