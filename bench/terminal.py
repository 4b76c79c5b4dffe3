"""What all commands share: exit codes, a console of a known width, and how a command says what is wrong."""

import errno
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text as RichText
from typer.core import TyperGroup

from leasebench.definitions import DefinitionError
from leasebench.results.display.grid import Grid, Text, Tone
from leasebench.results.display.layout import fold_sentence, lay_out, styled, styled_line, what_is_left_out
from leasebench.visible import visible, visible_line

EXIT_UNEXPECTED = 1
"""A verdict is not among those expected, or a negative control was not caught. An expected `unproven` is none."""
EXIT_USAGE = 2
"""The command's words, a suite or a run directory can't be used as they are: a line says where, and the way out."""
EXIT_WORSE = 3
"""A gate failed, or a figure is worse than the baseline's."""
EXIT_INCONCLUSIVE = 4
"""Too little was seen to tell: an `unproven` that was not expected, an open gate, or nothing that could be compared."""
EXIT_FAILED = 5
"""The harness or a server failed, or a trial did; also any bug of ours."""
EXIT_INTERRUPTED = 130
"""Ctrl-C. What had ended until then is told, and kept."""
EXIT_PIPE_CLOSED = 141
"""Whoever read the output has read enough, as `| head` does: what a shell shows of a tool that SIGPIPE ended."""
PLAIN_WIDTH = 132
"""The width of tables in a pipe or a file: fixed, so that a script's input does not depend on a terminal's size."""
logger = logging.getLogger(__name__)
UsageError: Any = typer.BadParameter.__base__
"""What is wrong with the words of a command, from whichever library `typer` has it."""


def fail(message: str, code: int) -> None:
    """Say one line and exit."""
    complain([message])
    sys.exit(code)


def complain(messages: Iterable[str]) -> None:
    """Say each message in a line of its own on standard error."""
    for message in messages:
        logger.warning(message)
        for line in message.splitlines():
            sys.stderr.write(f"leasebench: {visible_line(line)}\n")


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


def say(screen: Console, text: Text) -> None:
    """Print a sentence, on a terminal in lines of whole words; a command in it stays whole."""
    for line in fold_sentence(text.text, screen.width) if screen.is_terminal else [text.text]:
        screen.print(styled(Text(line, text.tone)), highlight=False, soft_wrap=True)


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


class VisibleStream:
    """Standard output or error for all that is written without a console: `print`, tracebacks, warnings.

    A console writes past it: `rich` looks for `rich_proxied_file`, as of its own `FileProxy`.
    """

    def __init__(self, stream: TextIO) -> None:
        self.rich_proxied_file = stream

    def write(self, text: str) -> int:
        """Write `text`, made visible."""
        self.rich_proxied_file.write(visible(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rich_proxied_file, name)


class VisibleGroup(TyperGroup):
    """The commands; what is wrong with their words is told by `typer`, on a console of its own."""

    def make_context(self, *args: Any, **settings: Any) -> Any:
        """Read the words before the command's name."""
        with _visible_usage():
            return super().make_context(*args, **settings)

    def invoke(self, ctx: Any) -> Any:
        """Read the words of the command and run it."""
        with _visible_usage():
            return super().invoke(ctx)


@contextmanager
def _visible_usage() -> Iterator[None]:
    try:
        yield
    except UsageError as error:
        said = error.format_message()
        if visible(said) == said:
            raise
        raise UsageError(visible(said), ctx=error.ctx) from None


@contextmanager
def visible_output() -> Iterator[None]:
    """Let nothing that others wrote act on the terminal: a command is run inside."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = VisibleStream(sys.stdout), VisibleStream(sys.stderr)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


WRONG_PLACE = frozenset(
    {
        errno.EACCES, errno.EEXIST, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOENT, errno.ENOTDIR,
        errno.ENOTEMPTY, errno.EPERM, errno.EROFS,
    }
)  # fmt: skip
"""A user named a place where nothing can be written. A full disk is none of these: that is a failure."""


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """Let what is written to `out` fail as bad usage where the place is wrong. Raises DefinitionError."""
    try:
        yield
    except OSError as error:
        if error.errno not in WRONG_PLACE:
            raise
        raise _unwritable(out, error.strerror or str(error)) from error


def must_be_writable(file: Path) -> None:
    """Look before the work whether `file` can be written, its missing directories created. Raises DefinitionError."""
    if file.is_dir():
        raise _unwritable(file, os.strerror(errno.EISDIR))
    there = next((parent for parent in file.absolute().parents if parent.exists()), Path("/"))
    if not there.is_dir():
        raise _unwritable(file, f"{there}: {os.strerror(errno.ENOTDIR)}")
    if not os.access(there, os.W_OK):
        raise _unwritable(file, f"{there}: {os.strerror(errno.EACCES)}")


def _unwritable(out: Path, reason: str) -> DefinitionError:
    return DefinitionError(f"{out}: can't be written: {reason}: choose another --out")
