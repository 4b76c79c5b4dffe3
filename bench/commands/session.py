"""A session of trials on the screen: how far it is while it goes on, and at its end the tables and the exit code."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer
from rich.console import Console

from leasebench.bench.commands.ci_files import NO_FILES, CiFiles
from leasebench.bench.screen import say
from leasebench.bench.terminal import (
    EXIT_FAILED,
    EXIT_INCONCLUSIVE,
    EXIT_INTERRUPTED,
    EXIT_UNEXPECTED,
    fail,
)
from leasebench.results.display.grid import Text, Tone
from leasebench.results.record.names import MANIFEST_FILE, SUMMARY_FILE

if TYPE_CHECKING:
    from leasebench.bench.run import Listener
    from leasebench.results.record.summary import Summary


def session(
    screen: Console,
    directory: Path,
    trials: int,
    start: "Callable[[Listener], Summary]",
    *,
    as_json: bool,
    files: CiFiles = NO_FILES,
) -> NoReturn:
    """Let `start` run trials into `directory`, show what comes of it, and exit; `trials` is how many it will have."""
    try:
        summary = on_screen(screen, directory, start)
    except KeyboardInterrupt:
        _show_what_had_ended(screen, directory, trials, files, as_json=as_json)
        begun = (directory / MANIFEST_FILE).exists()
        what_now = f"leasebench run --resume {directory} goes on" if begun else "nothing was recorded"
        fail(f"interrupted; {what_now}", EXIT_INTERRUPTED)
    _show(screen, summary, directory, as_json=as_json)
    files.write(summary, directory)
    raise typer.Exit(exit_code(summary))


def on_screen(screen: Console, directory: Path, start: "Callable[[Listener], Summary]") -> "Summary":
    """Let `start` run trials into `directory`, and tell how far it is: live, where the screen is a terminal."""
    from leasebench.bench.progress import LiveDisplay, PlainLines

    if not screen.is_terminal:
        return start(PlainLines(screen, directory))
    with LiveDisplay(screen, directory) as display:
        return start(display)


def say_plainly(screen: Console) -> Callable[[str], None]:
    """Say a line on the screen, above what is shown live."""
    return lambda line: say(screen, Text(line))


def _show(screen: Console, summary: "Summary", directory: Path, *, as_json: bool) -> None:
    from leasebench.bench.commands.figures import show

    show(screen, summary, directory)
    if as_json:
        sys.stdout.write(json.dumps(summary.as_json(), indent=1) + "\n")
    say(screen, Text(f"figures: {directory / SUMMARY_FILE}; page: leasebench report {directory}", Tone.QUIET))


def _show_what_had_ended(screen: Console, directory: Path, trials: int, files: CiFiles, *, as_json: bool) -> None:
    """Show the summary of the trials that ended before the run was interrupted, if any did."""
    from leasebench.results.summary.derivation import read_summary

    if not (directory / SUMMARY_FILE).exists():
        return
    summary = read_summary(directory)
    ended = sum(cell.trials for cell in summary.cells)
    say(screen, f"{ended} of {trials} trials had ended")
    _show(screen, summary, directory, as_json=as_json)
    files.write(summary, directory)


def exit_code(summary: "Summary") -> int:
    """The first that applies.

    5 something failed, 1 an unexpected verdict or a control that was not caught, 4 an unexpected `unproven`, else 0.
    """
    cells = summary.cells
    if any(cell.verdict == "failed" for cell in cells) or not summary.complete:
        return EXIT_FAILED
    surprises = {cell.verdict for cell in cells if not cell.as_expected}
    uncaught = any(not control.caught for control in summary.controls)
    if uncaught or surprises - {"unproven"}:
        return EXIT_UNEXPECTED
    return EXIT_INCONCLUSIVE if surprises else 0
