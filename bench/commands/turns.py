"""`leasebench run --against` and `--against-python`: two runs that take turns; and the side that is paced by them."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from leasebench.bench.screen import console
from leasebench.bench.terminal import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE, fail

if TYPE_CHECKING:
    from leasebench.bench.suite import Suite

GRAVEST_FIRST = (EXIT_USAGE, EXIT_FAILED, 1, 4, 0)


def narrowing(
    guards: Sequence[str] | None, scenarios: Sequence[str] | None, trials: int | None, duration_s: float | None
) -> list[str]:
    """The words by which a suite is narrowed, for both sides."""
    return [
        *(word for name in guards or () for word in ("--guard", name)),
        *(word for name in scenarios or () for word in ("--scenario", name)),
        *(() if trials is None else ("--trials", str(trials))),
        *(() if duration_s is None else ("--duration", f"{duration_s:g}")),
    ]


def against(
    suites: Sequence[str], other_python: Path | None, words: Sequence[str], server: str, out: Path, seed: int
) -> NoReturn:
    """Run two sides in turns, into `out/a` and `out/b`, and exit with the graver of their exit codes.

    `suites` are what each runs, `words` what both are told beside. An interrupt ends both in order.
    """
    from leasebench.bench.hosts.interrupt import interruptible
    from leasebench.bench.suite import load_suite
    from leasebench.bench.turns import SIDES, SideCommand, SideFailed, Turns

    load_suite(suites[-1])  # a mistake in it is told before anything begins
    screen = console()
    own = Path(sys.executable)
    pythons = (own, other_python or own)
    told = (*words, "--seed", str(seed))
    commands = [
        SideCommand(name, python, (suite, *told)) for name, python, suite in zip(SIDES, pythons, suites, strict=True)
    ]
    screen.print(f"{' against '.join(dict.fromkeys(suites))}, seed {seed}, in turns, into {out}", markup=False)
    with interruptible():
        turns = Turns(commands, server, out, seed)
        try:
            for line in turns:
                screen.print(line, markup=False, highlight=False, soft_wrap=True)
        except SideFailed as error:
            fail(f"{error}; both runs have ended: leasebench check {out / 'a'}", EXIT_FAILED)
        except KeyboardInterrupt:
            fail(f"interrupted; what was recorded: leasebench compare {out / 'a'} {out / 'b'}", EXIT_INTERRUPTED)
    screen.print(f"leasebench compare {out / 'a'} {out / 'b'}", markup=False, highlight=False)
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
