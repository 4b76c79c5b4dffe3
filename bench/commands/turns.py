"""`leasebench run --against` and `--against-python`: two runs that take turns; and the side that is paced by them."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from leasebench.bench.screen import console, say
from leasebench.bench.terminal import (
    EXIT_FAILED,
    EXIT_INCONCLUSIVE,
    EXIT_INTERRUPTED,
    EXIT_UNEXPECTED,
    EXIT_USAGE,
    fail,
)

if TYPE_CHECKING:
    from leasebench.bench.suite import Suite

GRAVEST_FIRST = (EXIT_USAGE, EXIT_FAILED, EXIT_UNEXPECTED, EXIT_INCONCLUSIVE, 0)


def words_of(options: Mapping[str, Any]) -> list[str]:
    """The words of a command for these options; those that are None were not given, a list is repeated."""
    given = ((name, value if isinstance(value, list) else [value]) for name, value in options.items())
    return [word for name, values in given for value in values if value is not None for word in (name, str(value))]


def against(
    suites: Sequence[str | None],
    other_python: Path | None,
    options: Mapping[str, Any],
    server: str,
    out: Path | None,
    seed: int,
) -> NoReturn:
    """Run two sides in turns, into `out/a` and `out/b`, and exit with the graver of their exit codes.

    `suites` are what each runs (None: what `run` takes by itself), `options` what both are told beside. An interrupt
    ends both in order.
    """
    from leasebench.bench.hosts.interrupt import interruptible
    from leasebench.bench.rundir import new_directory
    from leasebench.bench.suite import load_suite
    from leasebench.bench.turns import SIDES, SideCommand, SideFailed, Turns

    # A mistake is told before anything begins.
    for suite in filter(None, suites):
        load_suite(suite)
    if other_python is not None and which(other_python) is None:
        fail(f"--against-python {other_python}: no such program (a venv's is VENV/bin/python)", EXIT_USAGE)
    out = new_directory(out, "turns")
    screen = console()
    own = Path(sys.executable)
    pythons = (own, other_python or own)
    told = (*words_of(options), "--seed", str(seed))
    commands = [
        SideCommand(name, python, (*([suite] if suite else []), *told))
        for name, python, suite in zip(SIDES, pythons, suites, strict=True)
    ]
    say(screen, f"a against b in turns, seed {seed}, into {out}")
    with interruptible():
        turns = Turns(commands, server, out, seed)
        try:
            for line in turns:
                say(screen, line)
        except SideFailed as error:
            fail(f"{error}; both runs have ended: leasebench check {out / 'a'}", EXIT_FAILED)
        except KeyboardInterrupt:
            fail(f"interrupted; what was recorded: leasebench compare {out / 'a'} {out / 'b'}", EXIT_INTERRUPTED)
    # A command by itself stays whole, however narrow the terminal is: it is to be copied.
    screen.print(f"leasebench compare {out / 'a'} {out / 'b'}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(next((code for code in GRAVEST_FIRST if code in turns.exit_codes), EXIT_FAILED))


def paced(suite: "Suite", seed: int, server: str, out: Path, pair: str) -> NoReturn:
    """Be one side: run the trials of a suite as they are asked for, and exit as `run` does."""
    from leasebench.bench.commands.figures import show
    from leasebench.bench.commands.session import exit_code
    from leasebench.bench.hosts.forkserver import forkserver
    from leasebench.bench.pacing import PacedLines, PacedTrials
    from leasebench.bench.run import plan_trials, run_suite

    forkserver()
    try:
        plans = plan_trials(suite, seed)
        summary = run_suite(
            suite, seed, server, out, PacedLines(), agenda_in=lambda _: PacedTrials(plans), interleaved=pair
        )
    except KeyboardInterrupt:
        fail("interrupted", EXIT_INTERRUPTED)
    show(console(stderr=True), summary, out)
    raise typer.Exit(exit_code(summary))
