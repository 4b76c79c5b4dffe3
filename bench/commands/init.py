"""`leasebench init`."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

SUITE = Path("my-suite.toml")
PLAIN = "plain"


def init(
    suite: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="write a commented suite, and its schema (my-suite.toml)")
    ] = None,
    lock: Annotated[Path | None, typer.Option(help="instead: a lock class that works, to be made yours")] = None,
    kind: Annotated[
        str, typer.Option(help="the lock class: plain, renewing (by a thread; it tells of a loss) or asyncio")
    ] = PLAIN,
    program: Annotated[
        Path | None, typer.Option(help="instead: a lock in another language that works: .mjs, .py, .go, .java, .sh")
    ] = None,
    schema: Annotated[Path | None, typer.Option(help="instead: the JSON Schema of suites, for editors")] = None,
) -> None:
    """Write a file to begin with; what is there already is never overwritten."""
    from leasebench.bench.screen import console, say
    from leasebench.bench.starters import write_lock, write_program, write_schema, write_suite
    from leasebench.bench.terminal import must_be_writable
    from leasebench.mistakes import DefinitionError
    from leasebench.results.display.grid import Text

    suite = suite or (None if lock or program or schema else SUITE)
    if kind != PLAIN and lock is None:
        raise DefinitionError("--kind is for --lock: leasebench init --lock my_lock.py --kind renewing")
    writers = (
        (lock, partial(write_lock, kind=kind)),
        (program, write_program),
        (schema, write_schema),
        (suite, write_suite),
    )
    for path, write in writers:
        if path is not None:
            must_be_writable(path)
            say(console(), Text(write(path)))
