"""What all commands share: exit codes, a console of a known width, and how a command says what is wrong."""

import errno
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from leasebench.definitions import DefinitionError

EXIT_UNEXPECTED = 1
EXIT_USAGE = 2
EXIT_WORSE = 3
EXIT_INCONCLUSIVE = 4
EXIT_FAILED = 5
EXIT_INTERRUPTED = 130
EXIT_PIPE_CLOSED = 141
"""What a shell shows of a tool that SIGPIPE ended, as when `| head` has read enough."""
PLAIN_WIDTH = 132


def fail(message: str, code: int) -> None:
    """Say one line and exit."""
    complain([message])
    sys.exit(code)


def complain(messages: Iterable[str]) -> None:
    """Say each message in a line of its own on standard error."""
    for message in messages:
        for line in message.splitlines():
            sys.stderr.write(f"leasebench: {line}\n")


def console(*, stderr: bool = False) -> Console:
    """A console as wide as the terminal, or PLAIN_WIDTH columns where there is none."""
    found = Screen(stderr=stderr)
    return found if found.is_terminal else Screen(stderr=stderr, width=PLAIN_WIDTH)


class Screen(Console):
    """A console that lets its caller hear of a closed pipe: rich would exit with 1, an unexpected verdict here."""

    def on_broken_pipe(self) -> None:
        """Called while the BrokenPipeError is handled: hand it on."""
        raise  # noqa: PLE0704


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
