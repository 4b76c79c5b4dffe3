"""`leasebench ask`."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leasebench.bench.commands.arguments import PasswordFile, ServerChoice
from leasebench.bench.servers.credentials import with_password
from leasebench.bench.terminal import EXIT_INTERRUPTED, EXIT_USAGE, fail

if TYPE_CHECKING:
    from rich.console import Console

    from leasebench.bench.suite import Suite
    from leasebench.results.record.summary import Summary


def ask(
    lock: Annotated[
        str | None,
        typer.Argument(
            metavar="[LOCK]",
            help='words of a library ("redis-py Lock"), a lease manager, module:Class; or a RUN again',
        ),
    ] = None,
    command: Annotated[
        str | None, typer.Option(metavar="CMD", help="instead: a lock in any language, the program that speaks for it")
    ] = None,
    ttl: Annotated[str | None, typer.Option(help="the time to live that you use: 500ms, 10s")] = None,
    hold: Annotated[str | None, typer.Option(help="how long you work under the lock at a time: 5ms, 2s")] = None,
    full_length: Annotated[
        bool, typer.Option("--full-length", help="run these times as they are, not scaled down to leases of 1 s")
    ] = False,
    seed: Annotated[int | None, typer.Option(min=0, help="what order, load and faults are drawn from")] = None,
    server: ServerChoice = "embedded",
    password_file: PasswordFile = None,
    out: Annotated[Path | None, typer.Option(help="the run directory (default: runs/ask-<time>)")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the answer as JSON, and nothing else there")] = False,
) -> None:
    """Answer for one lock: is it safe, under which fault not, when are you told, what does it cost, what repairs it.

    It is an ordinary run: report, explain and check read its directory, and `leasebench ask RUN` prints the page again.
    """
    from leasebench.bench.commands.session import exit_code
    from leasebench.bench.screen import console
    from leasebench.results.record.names import SUITE_FILE

    screen = console(stderr=as_json)
    if (lock is None) == (command is None):
        fail("name one lock: words of a library, a lease manager, module:Class, a RUN, or --command CMD", EXIT_USAGE)
    if lock is not None and (Path(lock) / SUITE_FILE).is_file():
        if any((ttl, hold, full_length, seed is not None, out)):
            fail(
                "ask RUN prints what was run before: leave out --ttl, --hold, --full-length, --seed, --out", EXIT_USAGE
            )
        _print(screen, Path(lock), as_json=as_json)
        return
    from leasebench.bench.asking import lock_meant, suite_for, terms
    from leasebench.bench.commands.run import drawn_seed
    from leasebench.bench.own_lock import NamedLock
    from leasebench.bench.rundir import new_directory
    from leasebench.bench.servers.named import must_be_a_choice

    server = with_password(server, password_file)
    must_be_a_choice(server)
    named = NamedLock.of_manager(lock_meant(lock)) if lock is not None else NamedLock.of_command(command or "")
    suite = suite_for(named, terms(ttl, hold, named.lock, full_length=full_length))
    directory = new_directory(out, suite.name)
    suite = suite.model_copy(update={"asked_for": [str(directory)]})
    summary = _run(screen, suite, drawn_seed(suite.name, seed), server, directory)
    _print(screen, directory, as_json=as_json)
    raise typer.Exit(exit_code(summary))


def _run(screen: "Console", suite: "Suite", seed: int, server: str, directory: Path) -> "Summary":
    """Say what is run and for how long, and run it."""
    from leasebench.bench.commands.session import on_screen
    from leasebench.bench.expected_time import count_trials, expected_seconds
    from leasebench.bench.hosts.forkserver import forkserver
    from leasebench.bench.run import run_suite
    from leasebench.bench.screen import say
    from leasebench.results.display.grid import Text

    least, most = expected_seconds(suite)
    lock = suite.scenarios[0].guards[0]
    what = f"{lock}: {suite.about}"
    say(screen, Text(f"{what}; {count_trials(suite)} trials, {least:.0f} to {most:.0f} s, into {directory}"))
    forkserver()
    try:
        summary = on_screen(screen, directory, lambda listener: run_suite(suite, seed, server, directory, listener))
    except KeyboardInterrupt:
        go_on = f"leasebench run --resume {directory} goes on, then leasebench ask {directory}"
        fail(f"interrupted; {go_on}", EXIT_INTERRUPTED)
    return summary


def _print(screen: "Console", directory: Path, *, as_json: bool) -> None:
    """Print the answer for each lock of a run. Raises BadRunDirectory; fails where there is none."""
    from leasebench.bench.screen import say
    from leasebench.results.display.grid import Text, Tone
    from leasebench.results.run import load
    from leasebench.results.tables.answer import answers, page

    found = list(answers(load(directory)))
    if not found:
        fail(f"{directory}: no guard of this run is a lock by itself: there is nothing to answer for", EXIT_USAGE)
    if as_json:
        sys.stdout.write(json.dumps([asdict(one) for one in found], indent=1) + "\n")
        return
    for answer in found:
        screen.print()
        for line in page(answer, str(directory)):
            heading = bool(line) and not line.startswith((" ", "In short", "Its first", "Every", "After an"))
            say(screen, Text(line, Tone.STRONG if heading or line.startswith("In short") else Tone.PLAIN))
