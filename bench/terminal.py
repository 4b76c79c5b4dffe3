"""What all commands share: exit codes, and how a command says what is wrong.

What a command prints in tables and sentences is in `bench.screen`: who only refuses does not wait for it.
"""

import errno
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from leasebench.mistakes import DefinitionError
from leasebench.results.display.folding import fold_sentence
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


def fail(message: str, code: int) -> None:
    """Say one line and exit."""
    complain([message])
    sys.exit(code)


MOST_LINE = 500
"""Characters of a line that says what is wrong. A longer one quotes something long: its middle is left out."""
LAST_OF_A_LINE = 160
"""So much of its end is kept, where the way out stands."""
MOST_LINES = 200
"""Lines of one complaint."""


def complain(messages: Iterable[str]) -> None:
    """Say each message in a line of its own on standard error; on a terminal, folded at its edge."""
    width = _edge()
    for message in messages:
        logger.warning(message)
        lines = message.split("\n")
        more = len(lines) - MOST_LINES
        for line in (*lines[:MOST_LINES], *([f"and {more:,} more lines"] if more > 0 else ())):
            if line:
                told = shortened(f"leasebench: {visible_line(line)}")
                for part in [told] if width is None else fold_sentence(told, width):
                    sys.stderr.write(f"{part}\n")


def _edge() -> int | None:
    """The width of the terminal that standard error is; None where it is a pipe or a file, or nobody knows."""
    if not sys.stderr.isatty():
        return None
    told = os.environ.get("COLUMNS", "")
    return (int(told) if told.isdigit() else os.get_terminal_size(sys.stderr.fileno()).columns) or None


def shortened(line: str) -> str:
    """The line; of one with more than MOST_LINE characters the two ends, and how much is left out between them."""
    if len(line) <= MOST_LINE:
        return line
    mark = f" [{len(line):,} characters] "
    return line[: MOST_LINE - LAST_OF_A_LINE - len(mark)] + mark + line[-LAST_OF_A_LINE:]


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
