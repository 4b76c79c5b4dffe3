"""An exception in one line, with its origin if third-party code (a lock, a fault) raised it."""

import sys
import traceback
from collections.abc import Iterator
from types import TracebackType

OURS = __name__.partition(".")[0]


def in_one_line(error: BaseException) -> str:
    """Type, first line of the message, and the place in the code that we called: `, at /their/lock.py:12 in acquire`.

    That code may have called a library: what is named is the last line in the package that we called ourselves.
    """
    theirs = ""
    found: traceback.FrameSummary | None = None
    for package, frame in _frames(error.__traceback__):
        if not theirs and package != OURS and package not in sys.stdlib_module_names:
            theirs = package
        if theirs and package == theirs:
            found = frame
    message = next(iter(str(error).splitlines()), "")
    at = f", at {found.filename}:{found.lineno} in {found.name}" if found else ""
    return f"{type(error).__name__}: {message}{at}"


def _frames(trace: TracebackType | None) -> Iterator[tuple[str, traceback.FrameSummary]]:
    """Each frame from the outermost to the innermost, with the top-level package of its module."""
    packages = [str(frame.f_globals.get("__name__", "")).partition(".")[0] for frame, _ in traceback.walk_tb(trace)]
    return zip(packages, traceback.extract_tb(trace), strict=True)
