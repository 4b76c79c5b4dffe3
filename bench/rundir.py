"""Where a run directory lies, and how its JSON files are written."""

import fcntl
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from leasebench.bench.terminal import must_be_writable
from leasebench.definitions import DefinitionError
from leasebench.names import RUNS

logger = logging.getLogger(__name__)
ANYTHING: TypeAdapter[Any] = TypeAdapter(Any)


def default_directory(suite: str) -> Path:
    """`runs/<suite>-<UTC time>`, with a number behind it if that is taken."""
    base = RUNS / f"{suite}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    if not base.exists():
        return base
    return next(path for n in range(2, 1000) if not (path := base.with_name(f"{base.name}-{n}")).exists())


def new_directory(out: Path | None, name: str) -> Path:
    """The run directory that was asked for, else the default for a run of that name.

    Raises DefinitionError if it is there already, or can't be written.
    """
    directory = out or default_directory(name)
    if directory.exists():
        raise DefinitionError(f"{directory}: exists already: a run never overwrites another")
    must_be_writable(directory)
    return directory


def write_json(path: Path, value: Any) -> None:
    """Write models, or what JSON knows, in one step: a reader sees the old file or the new one.

    What was never said of a model is not written: its default is not a finding.
    """
    content = ANYTHING.dump_python(value, mode="json", by_alias=True, exclude_unset=True)
    write_text(path, json.dumps(content, indent=1) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text in one step. Raises OSError; what was there before is there still."""
    part = path.with_suffix(".part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def sole_use(run: Path) -> Iterator[None]:
    """Let no other command run trials into the directory meanwhile. Raises DefinitionError if one does.

    The lock is on the directory itself and ends with our process, however that ends. Where a file system has no locks
    there is none.
    """
    held = os.open(run, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DefinitionError(f"{run}: a command is running trials into it: wait until that has ended") from error
        except OSError as error:
            logger.warning("%s: can't be locked: %s", run, error)
        yield
    finally:
        os.close(held)
