"""`leasebench explore`."""

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leasebench.bench.commands.arguments import NAMED
from leasebench.bench.engines.explorer.properties import Property
from leasebench.bench.terminal import (
    EXIT_FAILED,
    EXIT_INCONCLUSIVE,
    EXIT_INTERRUPTED,
    EXIT_UNEXPECTED,
    EXIT_USAGE,
    fail,
    must_be_writable,
    writing,
)

if TYPE_CHECKING:
    from rich.console import Console

    from leasebench.bench.engines.explorer.exploration import Exploration
    from leasebench.bench.engines.explorer.trace import Trace
    from leasebench.leases.guard import Guard

GIGABYTE = 1 << 30
SCOPE = "The scope"


def explore(
    guards: Annotated[
        list[str] | None, typer.Argument(help="presets, all, or a suite's TOML file: its own guards and those it names")
    ] = None,
    enactors: Annotated[int, typer.Option(min=1, max=4, rich_help_panel=SCOPE)] = 2,
    plans: Annotated[int, typer.Option(min=1, max=12, help="published", rich_help_panel=SCOPE)] = 5,
    endpoints: Annotated[int, typer.Option(min=1, max=4, rich_help_panel=SCOPE)] = 1,
    clean_age: Annotated[
        int, typer.Option(min=1, max=12, help="generations that a clean-up leaves", rich_help_panel=SCOPE)
    ] = 2,
    purge_age: Annotated[int, typer.Option(min=1, max=12, help="generations in quarantine", rich_help_panel=SCOPE)] = 1,
    tries: Annotated[
        int, typer.Option(min=1, max=8, help="of an application at an endpoint", rich_help_panel=SCOPE)
    ] = 8,
    grants: Annotated[
        int | None, typer.Option(min=1, max=100, help="at most [default: any number]", rich_help_panel=SCOPE)
    ] = None,
    expiry: Annotated[bool, typer.Option(help="a lease may expire at any time", rich_help_panel=SCOPE)] = True,
    crash: Annotated[bool, typer.Option(help="processes may die and start again", rich_help_panel=SCOPE)] = False,
    crashes: Annotated[int, typer.Option(min=1, max=4, help="at most, with --crash", rich_help_panel=SCOPE)] = 1,
    in_flight: Annotated[
        bool, typer.Option(help="the reply to a commit may be lost, and the commit arrive later", rich_help_panel=SCOPE)
    ] = False,
    messages: Annotated[
        int, typer.Option(min=1, max=4, help="so many commits at most, with --in-flight", rich_help_panel=SCOPE)
    ] = 1,
    rollback: Annotated[bool, typer.Option(help="the cell keeps a rollback record", rich_help_panel=SCOPE)] = True,
    give_up: Annotated[
        bool | None,
        typer.Option(
            help="stop waiting for a lease [default: where there are several endpoints]", rich_help_panel=SCOPE
        ),
    ] = None,
    symmetry: Annotated[bool, typer.Option(help="merge equal enactors", rich_help_panel=SCOPE)] = True,
    plain: Annotated[
        bool,
        typer.Option(
            "--plain",
            help="merge only programs that received the same results, never by their frames, and no equal enactors: "
            "slower, same answers, and no reliance on interpreter internals",
        ),
    ] = False,
    only: Annotated[
        Property | None, typer.Option("--property", help="only this one, and stop where it is broken")
    ] = None,
    walk: Annotated[
        int | None, typer.Option(min=1, max=10_000_000, help="this many random walks instead; no proof")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="what the walks are drawn from")] = 0,
    memory: Annotated[float, typer.Option(min=0.1, max=1_000, help="gigabytes, all processes together")] = 4.0,
    max_states: Annotated[int, typer.Option(min=1, max=4_000_000_000, help="of one guard")] = 4_000_000_000,
    jobs: Annotated[int | None, typer.Option(min=1, max=64, help="guards at once [default: the cores]")] = None,
    trace: Annotated[Path | None, typer.Option(help="write each shortest trace into this directory")] = None,
    into: Annotated[
        str | None, typer.Option(help=f"explore the guards of this run, and leave there what was found: {NAMED}")
    ] = None,
    replay: Annotated[Path | None, typer.Option(help="go through this trace again, and show it")] = None,
    host_leases: Annotated[
        bool, typer.Option("--host-leases", help="workers of host leases behind an endpoint, in place of guards")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="print JSON to standard output, and nothing else there")
    ] = False,
) -> None:
    """Try every order of steps of the programs under each GUARD, within a scope: prove it, or show how it breaks.

    Exit codes: 0; 1 a guard breaks in a way that it does not expect of itself; 2 bad usage; 4 something was not
    searched to its end.
    """
    from leasebench.bench.screen import console, say

    screen = console(stderr=as_json)
    if replay is not None:
        _replay(screen, replay)
        return
    if host_leases:
        _host_leases(screen, guards, as_json=as_json)
        return
    if not guards and into is None:
        fail("which guard? name presets, a suite's TOML file, or all (leasebench list guards)", EXIT_USAGE)
        return
    from leasebench.bench.engines.explorer.exploration import explore as explore_one
    from leasebench.bench.engines.explorer.exploration import walk as walk_one
    from leasebench.bench.engines.explorer.parallel import cores
    from leasebench.bench.engines.explorer.report import explored, scope_in_words, write_explored
    from leasebench.bench.engines.explorer.scope import ExplorationScope
    from leasebench.bench.engines.explorer.search import Limits
    from leasebench.results.reading.locate import find_run

    scope = ExplorationScope(
        enactors=enactors, plans=plans, endpoints=endpoints, clean_age=clean_age, purge_age=purge_age, tries=tries,
        grants=grants, expiry=expiry, crashes=crashes if crash else 0, messages=messages if in_flight else 0,
        rollback=rollback, give_up=give_up, symmetry=symmetry and not plain,
    )  # fmt: skip
    run = None if into is None else find_run(into)
    if trace is not None:
        must_be_writable(trace / "trace.json")
    explorable = _explorable(screen, _selected(guards or [], run))
    say(screen, f"scope: {scope_in_words(scope)}")
    at_once = max(1, min(len(explorable), jobs or cores()))
    limits = Limits(int(memory * GIGABYTE / at_once), max_states)
    work: list[Callable[[], Exploration]] = [
        partial(explore_one, each, scope, limits, only, plain=plain)
        if walk is None
        else partial(walk_one, each, scope, walk, seed, only, plain=plain)
        for each in explorable
    ]
    explorations = _explored(work, at_once)
    _show(screen, explorations, only)
    if trace is not None:
        _write(screen, trace, explorations)
    if run is not None:
        with writing(run):
            say(screen, f"explored: {write_explored(run, explorable, explorations)}")
    if as_json:
        found = [
            explored(guard, each, only).model_dump(mode="json", exclude={"table"})
            for guard, each in zip(explorable, explorations, strict=True)
        ]
        sys.stdout.write(json.dumps({"guards": found}, indent=1) + "\n")
    raise typer.Exit(_exit_code(screen, explorable, explorations))


def _host_leases(screen: "Console", guards: list[str] | None, *, as_json: bool) -> None:
    from leasebench.bench.commands.explore_hosts import explore_host_leases

    if guards:
        fail("host leases are explored without a guard: leave out the guards, or --host-leases", EXIT_USAGE)
        return
    raise typer.Exit(explore_host_leases(screen, as_json=as_json))


def _selected(names: list[str], into: Path | None) -> "list[Guard]":
    """The guards by their names; of a run directory, those that it has, or the named ones among them."""
    from leasebench.bench.engines.explorer.selection import choose, guards_of
    from leasebench.definitions import named

    if into is None:
        return choose(names)
    own = {guard.name: guard for guard in guards_of(into)}
    return [named("guard", name, own, f"{into}: ") for name in names or own]


def _explorable(screen: "Console", guards: "list[Guard]") -> "list[Guard]":
    from leasebench.bench.engines.explorer.exploration import not_explorable
    from leasebench.bench.screen import say

    for each in guards:
        if reason := not_explorable(each):
            say(screen, f"{each.name}: {reason}")
    return [each for each in guards if not_explorable(each) is None]


def _explored(work: "list[Callable[[], Exploration]]", at_once: int) -> "list[Exploration]":
    from leasebench.bench.engines.explorer.parallel import ChildFailed, side_by_side

    found: dict[int, Exploration] = {}
    try:
        found |= side_by_side(work, at_once)
    except KeyboardInterrupt:
        fail("interrupted", EXIT_INTERRUPTED)
    except ChildFailed as error:
        if getattr(error, "__notes__", ()):  # it has the traceback of a bug
            raise
        fail(str(error), EXIT_FAILED)
    return [found[number] for number in range(len(work))]


def _show(screen: "Console", explorations: "list[Exploration]", only: Property | None) -> None:
    """Print the table, why a search gave up, and of a single guard its shortest trace."""
    from leasebench.bench.engines.explorer.report import table, worst
    from leasebench.bench.screen import say, show_tables

    if explorations:
        show_tables(screen, [table(explorations, only)], "--json")
    for each in explorations:
        if each.gave_up:
            say(screen, f"{each.guard}: not exhaustive: {each.gave_up}")
    if len(explorations) == 1:
        broken = worst(explorations[0])
        if broken is not None:
            _draw(screen, broken)


def _draw(screen: "Console", trace: "Trace") -> None:
    from leasebench.bench.engines.explorer.rendering import sequence_diagram, trace_table
    from leasebench.bench.screen import show_tables

    screen.print()
    show_tables(screen, [trace_table(trace)], "--trace DIRECTORY")
    screen.print()
    screen.print(sequence_diagram(trace), markup=False, highlight=False, no_wrap=True, overflow="ignore", crop=False)


def _write(screen: "Console", directory: Path, explorations: "list[Exploration]") -> None:
    broken = [
        (directory / f"{each.guard}-{asked}.json", answer.trace)
        for each in explorations
        for asked, answer in each.answers.items()
        if answer.trace is not None
    ]
    with writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
        for path, trace in broken:
            path.write_text(trace.written(), encoding="utf-8")
            screen.print(str(path), markup=False, highlight=False, soft_wrap=True)


def _replay(screen: "Console", path: Path) -> None:
    from leasebench.bench.engines.explorer.counterexample import replay
    from leasebench.bench.engines.explorer.trace import read_trace
    from leasebench.bench.screen import say

    trace = read_trace(path)
    steps = replay(trace, str(path))
    _draw(screen, trace)
    screen.print()
    said = f"{path}: {len(steps)} steps replayed, each as recorded; the last one breaks {trace.property}"
    say(screen, said)


def _exit_code(screen: "Console", guards: "list[Guard]", explorations: "list[Exploration]") -> int:
    """The first that applies: 1 an unexpected harm, 4 not searched to the end, else 0."""
    from leasebench.bench.engines.explorer.report import unexpected, verdict
    from leasebench.bench.screen import say
    from leasebench.verdict import Verdict

    pairs = list(zip(guards, explorations, strict=True))
    unexpected_ones = [each for guard, each in pairs if unexpected(guard, each)]
    for each in unexpected_ones:
        say(screen, f"{each.guard}: {verdict(each)}, which it does not expect of itself")
    if unexpected_ones:
        return EXIT_UNEXPECTED
    proven = explorations and Verdict.UNPROVEN not in map(verdict, explorations)
    return 0 if proven else EXIT_INCONCLUSIVE
