"""The `leasebench` command. Heavy rooms are imported by the commands that need them: a run begins within 2 s."""

import json
import secrets
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Which guard should a control plane use, what does it cost, and does it hold?",
)

EXIT_UNEXPECTED = 1
EXIT_USAGE = 2
EXIT_INCONCLUSIVE = 4
EXIT_FAILED = 5
EXIT_INTERRUPTED = 130
PLAIN_WIDTH = 132

Run = Annotated[Path, typer.Argument(help="a run directory", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="print summary.json to standard output, and nothing else there")]


class Listing(StrEnum):
    """What `list` can list."""

    GUARDS = "guards"
    SCENARIOS = "scenarios"
    FAULTS = "faults"
    SUITES = "suites"
    MANAGERS = "managers"
    RUNS = "runs"


def main() -> None:
    """Run the command; every expected error is one line on standard error."""
    from bench.servers import ServerUnusable
    from leases.definitions import DefinitionError
    from results.history import BadRunDirectory

    try:
        app()
    except (DefinitionError, BadRunDirectory) as error:
        fail(str(error), EXIT_USAGE)
    except ServerUnusable as error:
        fail(str(error), EXIT_FAILED)
    except OSError as error:
        fail(f"{error.filename or 'the system'}: {error.strerror or error}", EXIT_FAILED)


def fail(message: str, code: int) -> None:
    """Say one line and exit."""
    sys.stderr.write(f"leasebench: {message}\n")
    sys.exit(code)


@app.command()
def run(
    suite: Annotated[str, typer.Argument(help="a suite's or scenario's name, or a TOML file")] = "quick",
    guard: Annotated[list[str] | None, typer.Option(help="only this guard (may be repeated)")] = None,
    scenario: Annotated[list[str] | None, typer.Option(help="only this scenario (may be repeated)")] = None,
    trials: Annotated[int | None, typer.Option(min=1, max=10_000, help="trials of each cell")] = None,
    duration: Annotated[float | None, typer.Option(min=0.1, max=86_400, help="seconds of load a trial")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="what order, load and faults are drawn from")] = None,
    server: Annotated[str, typer.Option(help="embedded, system, or a URL")] = "embedded",
    out: Annotated[Path | None, typer.Option(help="the run directory [default: runs/<suite>-<time>]")] = None,
    as_json: AsJson = False,
) -> None:
    """Let enactors race under each guard and scenario of SUITE, and say who won."""
    from bench.engines.forkserver import forkserver
    from bench.progress import LiveDisplay, PlainLines
    from bench.run import count_trials, expected_seconds, run_suite
    from bench.rundir import default_directory
    from bench.suite import load_suite, narrow

    forkserver()
    console = _console(stderr=as_json)
    chosen = narrow(load_suite(suite), guards=guard, scenarios=scenario, trials=trials, duration_s=duration)
    drawn = secrets.randbelow(2**32) if seed is None else seed
    directory = out or default_directory(chosen.name)
    if directory.exists():
        fail(f"{directory}: exists already: a run never overwrites another", EXIT_USAGE)
    least, most = expected_seconds(chosen)
    cells = f"{len(chosen.guards)} guards, {len(chosen.scenarios)} scenarios, {count_trials(chosen)} trials"
    console.print(
        f"{chosen.name}: {cells}, seed {drawn}, {least:.0f} to {most:.0f} s, into {directory}",
        markup=False,
        highlight=False,
    )
    try:
        if console.is_terminal:
            with LiveDisplay(console) as display:
                summary = run_suite(chosen, drawn, server, directory, display)
        else:
            summary = run_suite(chosen, drawn, server, directory, PlainLines(console))
    except KeyboardInterrupt:
        fail(f"interrupted; what was recorded: leasebench check {directory}", EXIT_INTERRUPTED)
        return
    _show(console, summary)
    if as_json:
        sys.stdout.write(json.dumps(summary, indent=1) + "\n")
    console.print(f"[dim]figures: {escape(str(directory / 'summary.json'))}   pictures: leasebench plot {directory}[/]")
    raise typer.Exit(exit_code(summary))


@app.command()
def check(run: Run, as_json: AsJson = False) -> None:
    """Derive every figure of RUN anew from its history, and compare with its summary.json."""
    from results.check import differences, unfinished
    from results.summary import read_summary, summarise

    console = _console(stderr=as_json)
    derived = summarise(run)
    for line in unfinished(run):
        console.print(line, markup=False, highlight=False)
    if as_json:
        sys.stdout.write(json.dumps(derived, indent=1) + "\n")
    else:
        _show(console, derived)
    if not (run / "summary.json").exists():
        console.print(f"{run}: no summary.json, the run did not end: these figures are of the trials that did")
        return
    wrong = differences(read_summary(run), derived)
    if wrong:
        fail(
            f"{run / 'summary.json'}: {len(wrong)} figures are not what the history says, first {wrong[0]}",
            EXIT_USAGE,
        )
    console.print(f"{run}: every figure of summary.json follows from the history", highlight=False)


@app.command()
def plot(run: Run, out: Annotated[Path | None, typer.Option(help="where to [default: RUN/plots]")] = None) -> None:
    """Draw latency histograms and percentile curves of RUN, as PNG and SVG."""
    from results.history import BadRunDirectory
    from results.plot import plot as draw
    from results.summary import read_suite

    read_suite(run)
    try:
        written = draw(run, out)
    except ValueError as error:
        raise BadRunDirectory(str(error)) from error
    for path in written:
        print(path)


@app.command("list")
def list_(what: Annotated[Listing, typer.Argument(help="what to list")]) -> None:
    """List what there is."""
    from bench.listing import rows

    console = _console()
    for name, about in rows(what.value):
        console.print(f"[bold]{escape(name)}[/]  {escape(about)}", highlight=False, soft_wrap=True)


@app.command()
def doctor(server: Annotated[str, typer.Option(help="embedded, system, or a URL")] = "embedded") -> None:
    """Look at what this machine can do: server, cores, clock, faults."""
    from bench.doctor import findings

    console = _console()
    sound = True
    for name, good, text in findings(server):
        sound = sound and good is not False
        mark = {True: "[green]ok[/]", False: "[red]no[/]", None: "[dim]--[/]"}[good]
        console.print(f"{mark}  {escape(name)}: {escape(text)}", highlight=False, soft_wrap=True)
    raise typer.Exit(0 if sound else EXIT_FAILED)


def exit_code(summary: dict[str, Any]) -> int:
    """The first that applies.

    5 something failed, 1 an unexpected verdict or a control that was not caught, 4 an unexpected `unproven`, else 0.
    """
    cells = summary["cells"]
    if any(cell["verdict"] == "failed" for cell in cells) or not summary["complete"]:
        return EXIT_FAILED
    surprises = {cell["verdict"] for cell in cells if not cell["as_expected"]}
    uncaught = any(not control["caught"] for control in summary["controls"])
    if uncaught or surprises - {"unproven"}:
        return EXIT_UNEXPECTED
    return EXIT_INCONCLUSIVE if surprises else 0


def _show(console: Console, summary: dict[str, Any]) -> None:
    from results.advice import advise
    from results.harm_table import harm_tables
    from results.remarks import remarks
    from results.table import stories, tables

    for table in (*tables(summary), *harm_tables(summary)):
        console.print()
        console.print(table)
    console.print()
    for line in stories(summary):
        console.print(line, markup=False, highlight=False)
    for line in remarks(summary):
        console.print(line, markup=False, highlight=False)
    if summary["cells"]:
        console.print(advise(summary["cells"]), markup=False, highlight=False)


def _console(*, stderr: bool = False) -> Console:
    console = Console(stderr=stderr)
    return console if console.is_terminal else Console(stderr=stderr, width=PLAIN_WIDTH)
