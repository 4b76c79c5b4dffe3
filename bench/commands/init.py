"""`leasebench init`."""

from pathlib import Path
from typing import Annotated

import typer

from leasebench.bench.terminal import must_be_writable

TEMPLATES = Path(__file__).parent.parent / "templates"


def init(
    lock: Annotated[Path | None, typer.Option(help="write a lock class that works, to be made yours")] = None,
) -> None:
    """Write a file to begin with; what is there already is never overwritten."""
    from leasebench.bench.screen import console, say
    from leasebench.bench.starters import write_lock
    from leasebench.results.display.grid import Text

    if lock is not None:
        must_be_writable(lock)
        say(console(), Text(write_lock(lock)))
