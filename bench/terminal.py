"""What all commands share: exit codes, a console of a known width, and how a command says what is wrong."""

import os
import sys
from collections.abc import Iterable

from rich.console import Console

from leasebench.results.grid import Grid, Text, Tone
from leasebench.results.layout import fold_sentence, lay_out, what_is_left_out
from leasebench.results.terminal import styled, styled_line

EXIT_UNEXPECTED = 1
EXIT_USAGE = 2
EXIT_WORSE = 3
EXIT_INCONCLUSIVE = 4
EXIT_FAILED = 5
EXIT_INTERRUPTED = 130
PLAIN_WIDTH = 132
"""Of tables that go into a pipe or a file: fixed, so that what a script reads doesn't depend on somebody's window."""


def fail(message: str, code: int) -> None:
    """Say one line and exit."""
    complain([message])
    sys.exit(code)


def complain(messages: Iterable[str]) -> None:
    """Say each message in a line of its own on standard error."""
    for message in messages:
        sys.stderr.write(f"leasebench: {message}\n")


def console(*, stderr: bool = False) -> Console:
    """A console as wide as the terminal; where there is none, as COLUMNS says, or PLAIN_WIDTH."""
    found = Console(stderr=stderr)
    if found.is_terminal or os.environ.get("COLUMNS", "").isdigit():
        return found
    return Console(stderr=stderr, width=PLAIN_WIDTH)


def show_tables(screen: Console, grids: Iterable[Grid], elsewhere: str = "") -> None:
    """Print tables with an empty line between them, and at last which columns are left out for want of width.

    `elsewhere` is what has all columns. Prose in tables is folded on a terminal only: a program that reads a pipe
    wants a line a row.
    """
    laid = lay_out(list(grids), screen.width, fold=screen.is_terminal)
    for number, one in enumerate(laid):
        if number:
            screen.print()
        for line in one.lines:
            screen.print(styled_line(line), highlight=False, soft_wrap=True)
    left_out = what_is_left_out(laid, screen.width, elsewhere)
    if left_out:
        screen.print()
        say(screen, Text(left_out, Tone.QUIET))


def say(screen: Console, text: Text) -> None:
    """Print a sentence, on a terminal in lines of whole words; a command in it stays whole."""
    for line in fold_sentence(text.text, screen.width) if screen.is_terminal else [text.text]:
        screen.print(styled(Text(line, text.tone)), highlight=False, soft_wrap=True)
