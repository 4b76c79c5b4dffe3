"""`leasebench run`."""

import json
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leasebench.bench.commands.arguments import AsJson, PasswordFile, ServerChoice
from leasebench.bench.servers.credentials import with_password
from leasebench.bench.terminal import (
    EXIT_FAILED,
    EXIT_INCONCLUSIVE,
    EXIT_INTERRUPTED,
    EXIT_UNEXPECTED,
    EXIT_USAGE,
    fail,
    must_be_writable,
)

if TYPE_CHECKING:
    from rich.console import Console

    from leasebench.results.record.summary import Summary

DEFAULT_SUITE = "quick"
OVER = "Over the suite"


def run(
    suite: Annotated[
        str | None, typer.Argument(help="a suite's or scenario's name, a TOML file, or RUN again (default: quick)")
    ] = None,
    guard: Annotated[list[str] | None, typer.Option(help="only this guard (may be repeated)")] = None,
    scenario: Annotated[list[str] | None, typer.Option(help="only this scenario (may be repeated)")] = None,
    trials: Annotated[int | None, typer.Option(min=1, max=10_000, help="trials of each cell")] = None,
    duration: Annotated[float | None, typer.Option(min=0.1, max=86_400, help="seconds of load a trial")] = None,
    manager: Annotated[
        list[str] | None,
        typer.Option(help="a guard for this lock, too: module:Class or a lease manager (may be repeated)"),
    ] = None,
    ttl: Annotated[str | None, typer.Option(help="time to live of all leases: 100ms, 2s", rich_help_panel=OVER)] = None,
    enactors: Annotated[int | None, typer.Option(help="enactors of each cell", rich_help_panel=OVER)] = None,
    endpoints: Annotated[int | None, typer.Option(help="endpoints of each cell", rich_help_panel=OVER)] = None,
    rate: Annotated[float | None, typer.Option(help="plans a second", rich_help_panel=OVER)] = None,
    sweep: Annotated[
        list[str] | None,
        typer.Option(help="KEY=VALUES: ttl_ms=50,100,200 or enactors=2..32 (twice: a grid)", rich_help_panel=OVER),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="what order, load and faults are drawn from")] = None,
    server: ServerChoice = "embedded",
    password_file: PasswordFile = None,
    out: Annotated[Path | None, typer.Option(help="the run directory (default: runs/<suite>-<time>)")] = None,
    schedule: Annotated[
        Path | None, typer.Option(help="instead of SUITE: force this trace of explore, or each of a directory")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let enactors race under each guard and scenario of SUITE, and say who won."""
    server = with_password(server, password_file)
    if schedule is not None:
        if (suite, guard, scenario, trials, duration, manager, ttl, enactors, endpoints, rate, sweep) != (None,) * 11:
            left_out = "SUITE, --guard, --scenario, --trials, --duration, --manager, --sweep and what is set by itself"
            fail(f"--schedule runs traces alone: leave out {left_out}", EXIT_USAGE)
        from leasebench.bench.commands.schedule import force

        force(schedule, server, out, seed, as_json=as_json)
    from leasebench.bench import own_lock
    from leasebench.bench import sweep as sweeping
    from leasebench.bench.expected_time import count_trials, expected_seconds
    from leasebench.bench.rundir import default_directory
    from leasebench.bench.screen import console
    from leasebench.bench.servers.named import must_be_a_choice
    from leasebench.bench.suite import load_suite, narrow

    must_be_a_choice(server)
    screen = console(stderr=as_json)
    found = load_suite(suite or (sweeping.SUITE if sweep else own_lock.SUITE if manager else DEFAULT_SUITE))
    if manager:
        found, guard = own_lock.with_managers(found, manager, guard or [])
    options = {"ttl": ttl, "enactors": enactors, "endpoints": endpoints, "rate": rate}
    set_to = {name: str(value) for name, value in options.items() if value is not None}
    found = sweeping.laid_over(found, set_to, sweep or [], scenario or [])
    chosen = narrow(found, guards=guard, scenarios=scenario, trials=trials, duration_s=duration)
    drawn = _drawn(suite or DEFAULT_SUITE, seed)
    directory = out or default_directory(chosen.name)
    if directory.exists():
        fail(f"{directory}: exists already: a run never overwrites another", EXIT_USAGE)
    must_be_writable(directory)
    least, most = expected_seconds(chosen)
    cells = f"{len(chosen.guards)} guards, {len(chosen.scenarios)} scenarios, {count_trials(chosen)} trials"
    screen.print(
        f"{chosen.name}: {cells}, seed {drawn}, {least:.0f} to {most:.0f} s, into {directory}",
        markup=False,
        highlight=False,
    )
    # Below the first line: what a run needs and a refusal does not.
    from leasebench.bench.hosts.forkserver import forkserver
    from leasebench.bench.progress import LiveDisplay, PlainLines
    from leasebench.bench.run import run_suite

    forkserver()
    try:
        if screen.is_terminal:
            with LiveDisplay(screen, directory) as display:
                summary = run_suite(chosen, drawn, server, directory, display)
        else:
            summary = run_suite(chosen, drawn, server, directory, PlainLines(screen, directory))
    except KeyboardInterrupt:
        _show_what_had_ended(screen, directory, count_trials(chosen), as_json=as_json)
        fail(f"interrupted; what was recorded: leasebench check {directory}", EXIT_INTERRUPTED)
        return
    _show(screen, summary, directory, as_json=as_json)
    raise typer.Exit(exit_code(summary))


def _drawn(suite: str, seed: int | None) -> int:
    """The seed that was asked for, else that of the run which is repeated, else a new one."""
    from leasebench.bench.resolved import seed_of
    from leasebench.bench.suite import run_in

    if seed is not None:
        return seed
    run = run_in(suite)
    return secrets.randbelow(2**32) if run is None else seed_of(run)


def _show(screen: "Console", summary: "Summary", directory: Path, *, as_json: bool) -> None:
    from leasebench.bench.commands.figures import show
    from leasebench.bench.screen import say
    from leasebench.results.display.grid import Text, Tone
    from leasebench.results.record.names import SUMMARY_FILE

    show(screen, summary, directory)
    if as_json:
        sys.stdout.write(json.dumps(summary.as_json(), indent=1) + "\n")
    say(screen, Text(f"figures: {directory / SUMMARY_FILE}; page: leasebench report {directory}", Tone.QUIET))


def _show_what_had_ended(screen: "Console", directory: Path, trials: int, *, as_json: bool) -> None:
    """Show the summary of the trials that ended before the run was interrupted, if any did."""
    from leasebench.results.record.names import SUMMARY_FILE
    from leasebench.results.summary.derivation import read_summary

    if not (directory / SUMMARY_FILE).exists():
        return
    summary = read_summary(directory)
    ended = sum(cell.trials for cell in summary.cells)
    screen.print(f"{ended} of {trials} trials had ended", markup=False, highlight=False)
    _show(screen, summary, directory, as_json=as_json)


def exit_code(summary: "Summary") -> int:
    """The first that applies.

    5 something failed, 1 an unexpected verdict or a control that was not caught, 4 an unexpected `unproven`, else 0.
    """
    cells = summary.cells
    if any(cell.verdict == "failed" for cell in cells) or not summary.complete:
        return EXIT_FAILED
    surprises = {cell.verdict for cell in cells if not cell.as_expected}
    uncaught = any(not control.caught for control in summary.controls)
    if uncaught or surprises - {"unproven"}:
        return EXIT_UNEXPECTED
    return EXIT_INCONCLUSIVE if surprises else 0
