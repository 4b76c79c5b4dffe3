"""The screen: a console of a known width, and how tables and sentences are printed on it."""

import os
import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text as RichText

from leasebench.bench.terminal import PLAIN_WIDTH
from leasebench.results.display.folding import fold_sentence
from leasebench.results.display.grid import Grid, Text, Tone
from leasebench.results.display.layout import STYLES, lay_out, styled, styled_line, what_is_left_out
from leasebench.visible import visible


def console(*, stderr: bool = False) -> Console:
    """A console as wide as the terminal; where there is none, as COLUMNS says, or PLAIN_WIDTH."""
    stream = sys.stderr if stderr else sys.stdout
    # Found now: while something is shown live, `rich` puts a proxy of its own in the stream's place.
    file = getattr(stream, "rich_proxied_file", stream)
    found = VisibleConsole(file=file, stderr=stderr)
    if found.is_terminal or os.environ.get("COLUMNS", "").isdigit():
        return found
    return VisibleConsole(file=file, stderr=stderr, width=PLAIN_WIDTH)


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


def say(screen: Console, text: Text | str, mark: Text | None = None) -> None:
    """Print a sentence, on a terminal in lines of whole words; a command in it stays whole.

    A `mark`, of its own colour, stands before it on the first line.
    """
    told = Text(text) if isinstance(text, str) else text
    sentence = told.text if mark is None else f"{mark.text}  {told.text}"
    for number, line in enumerate(fold_sentence(sentence, screen.width) if screen.is_terminal else [sentence]):
        printed = styled(Text(line, told.tone))
        if mark is not None and not number:
            printed.stylize(STYLES[mark.tone], 0, len(mark.text))
        screen.print(printed, highlight=False, soft_wrap=True)


class VisibleConsole(Console):
    """Whatever is printed, only the console's own escape sequences reach the terminal.

    It lets its caller hear of a closed pipe: rich would exit with 1, an unexpected verdict here.
    """

    def on_broken_pipe(self) -> None:
        """Called while the BrokenPipeError is handled: hand it on."""
        raise  # noqa: PLE0704

    def render_str(self, text: str, **how: Any) -> RichText:
        """A string, before it is measured."""
        return super().render_str(visible(text), **how)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """A text that was made elsewhere; one that acts loses its styles with it."""
        if isinstance(renderable, RichText) and (shown := visible(renderable.plain)) != renderable.plain:
            renderable = RichText(
                shown, style=renderable.style, justify=renderable.justify, overflow=renderable.overflow
            )
        return super().render(renderable, options)
