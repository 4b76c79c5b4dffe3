"""What is kept of a failure: the tracebacks of whatever failed, in a `failure.txt`.

The error of a child process is raised again in the harness as an error of another type; the child's traceback goes
with it as a note (`Exception.add_note`), so that whoever writes the error down writes both.
"""

import logging
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from leasebench.bench.servers.credentials import without_password
from leasebench.results.record.names import FAILURE_FILE

logger = logging.getLogger(__name__)

Raised = TypeVar("Raised", bound=Exception)


class Bug(RuntimeError):
    """An unexpected error; the message is one line, and names the file with the traceback."""


def with_evidence(error: Raised, process: str, evidence: str) -> Raised:
    """Give an error the traceback that a process sent before it ended."""
    error.add_note(f"{process}:\n{evidence}")
    return error


def keep_evidence(folder: Path, error: Exception) -> Path | None:
    """Write the tracebacks of an error, and of the processes that it came from, into `folder`.

    Returns the file; None where it can't be written, as on a full disk.
    """
    path = folder / FAILURE_FILE
    try:
        with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(without_password("".join(traceback.format_exception(error))))
    except OSError:
        return None
    return path


def failure_of(folder: Path) -> str:
    """Name the file with the tracebacks of a trial in this folder, as a part of a line; "" if there is none."""
    path = folder / FAILURE_FILE
    return f" (traceback: {path})" if path.exists() else ""


def expected() -> tuple[type[Exception], ...]:
    """What a command may end with that is no bug of ours; its message says what to do."""
    # Imported here: a process that explores imports this module, and has no use for pandas.
    from leasebench.bench.servers.server import ServerUnusable
    from leasebench.definitions import DefinitionError
    from leasebench.results.record.file import BadRunDirectory

    return (DefinitionError, BadRunDirectory, ServerUnusable, OSError, Bug)


@contextmanager
def bugs_kept_in(folder: Path | None = None) -> Iterator[None]:
    """Write the traceback of an unexpected error into `folder`, or a temporary directory. Raises Bug in its place."""
    try:
        yield
    except Exception as error:
        if isinstance(error, expected()):
            raise
        kept = None if folder is None else keep_evidence(folder, error)
        if kept is None:
            with suppress(OSError):
                kept = keep_evidence(Path(tempfile.mkdtemp(prefix="leasebench-")), error)
        logger.exception("a bug")
        where = kept or "it could not be written"
        raise Bug(f"a bug, of leasebench or of a plug-in: {one_line(error)} (traceback: {where})") from error


def one_line(error: Exception) -> str:
    """Name an error's type and the first line of its message."""
    lines = without_password(str(error)).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
