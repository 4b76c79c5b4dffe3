"""What all commands share: exit codes, a console of a known width, and how a command says what is wrong."""

import sys
from collections.abc import Iterable

from rich.console import Console

EXIT_UNEXPECTED = 1
EXIT_USAGE = 2
EXIT_WORSE = 3
EXIT_INCONCLUSIVE = 4
EXIT_FAILED = 5
EXIT_INTERRUPTED = 130
PLAIN_WIDTH = 132


def fail(message: str, code: int) -> None:
    """Say one line and exit."""
    complain([message])
    sys.exit(code)


def complain(messages: Iterable[str]) -> None:
    """Say each message in a line of its own on standard error."""
    for message in messages:
        sys.stderr.write(f"leasebench: {message}\n")


def console(*, stderr: bool = False) -> Console:
    """A console as wide as the terminal, or PLAIN_WIDTH columns where there is none."""
    found = Console(stderr=stderr)
    return found if found.is_terminal else Console(stderr=stderr, width=PLAIN_WIDTH)
