"""`leasebench run`."""

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from leasebench.bench.commands.arguments import AsJson, PasswordFile, ServerChoice
from leasebench.bench.commands.ci_files import CiFiles, JunitFile, MarkdownFile
from leasebench.bench.servers.credentials import with_password
from leasebench.bench.terminal import EXIT_USAGE, fail

if TYPE_CHECKING:
    from leasebench.bench.goal import Goal
    from leasebench.bench.suite import Suite

DEFAULT_SUITE = "quick"
TURNS = "Two runs in turns, into OUT/a and OUT/b"
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
    command: Annotated[
        list[str] | None,
        typer.Option(help="a guard for a lock in another language, too: 'node my_lock.mjs' (may be repeated)"),
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
    hosts: Annotated[
        str | None, typer.Option(help="run on several hosts: tcp://scheduler:8786 (Dask), or local:3 to try it out")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="the run directory (default: runs/<suite>-<time>)")] = None,
    schedule: Annotated[
        Path | None, typer.Option(help="instead of SUITE: force this trace of explore, or each of a directory")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="instead of SUITE: go on with a run that was cut off or failed")
    ] = None,
    budget: Annotated[
        str | None, typer.Option(help="go on for 2h, 30m, 90s in all, where it tells most", rich_help_panel="Evidence")
    ] = None,
    until_proven: Annotated[
        bool, typer.Option("--until-proven", help="go on until every cell has its races", rich_help_panel="Evidence")
    ] = False,
    against: Annotated[
        str | None, typer.Option(metavar="SUITE", help="a second suite, in turns with the first", rich_help_panel=TURNS)
    ] = None,
    against_python: Annotated[
        Path | None, typer.Option(help="the second side's python, of another version's venv", rich_help_panel=TURNS)
    ] = None,
    paced: Annotated[str | None, typer.Option(hidden=True)] = None,
    as_json: AsJson = False,
    junit: JunitFile = None,
    markdown: MarkdownFile = None,
) -> None:
    """Let enactors race under each guard and scenario of SUITE, and say who won."""
    server = with_password(server, password_file)
    from leasebench.bench.goal import goal_of

    _look_at_hosts(hosts, schedule, against, against_python, paced)
    over = (manager, command, ttl, enactors, endpoints, rate, sweep)
    if schedule is not None:
        other = (resume, budget, against, against_python)
        if until_proven or _given(suite, guard, scenario, trials, duration, *over, *other):
            left_out = (
                "SUITE, --guard, --scenario, --trials, --duration and all else but --server, --seed, --out, --json"
            )
            fail(f"--schedule runs traces alone: leave out {left_out}", EXIT_USAGE)
        from leasebench.bench.commands.schedule import force

        force(schedule, server, out, seed, as_json=as_json)
    if resume is not None:
        if _given(suite, guard, scenario, trials, duration, seed, out, against, against_python, *over):
            fail(
                "--resume keeps to the plan of RUN: with it only --budget, --until-proven, --server, --hosts, --json",
                EXIT_USAGE,
            )
        from leasebench.bench.commands.resume import go_on

        goal = goal_of(budget, until_proven=until_proven)
        go_on(resume, server, hosts, goal, CiFiles(junit, markdown), as_json=as_json)
    if against is not None or against_python is not None:
        from leasebench.bench.commands.turns import against as in_turns

        if as_json or until_proven or _given(budget, junit, markdown):
            left_out = "--budget, --until-proven, --json, --junit and --markdown"
            fail(f"--against takes turns by plan: leave out {left_out}", EXIT_USAGE)
        narrowing = {"--guard": guard, "--scenario": scenario, "--trials": trials, "--duration": duration}
        laid_over = zip(
            ("--manager", "--command", "--ttl", "--enactors", "--endpoints", "--rate", "--sweep"), over, strict=True
        )
        drawn = drawn_seed(suite or DEFAULT_SUITE, seed)
        in_turns((suite, against or suite), against_python, {**narrowing, **dict(laid_over)}, server, out, drawn)
    from leasebench.bench import own_lock
    from leasebench.bench import sweep as sweeping
    from leasebench.bench.rundir import new_directory
    from leasebench.bench.servers.named import must_be_a_choice
    from leasebench.bench.suite import load_suite, narrow

    must_be_a_choice(server)
    found = load_suite(suite or (sweeping.SUITE if sweep else own_lock.SUITE if manager or command else DEFAULT_SUITE))
    if manager or command:
        found, guard = own_lock.with_managers(found, manager or [], guard or [], command or [])
    options = {"ttl": ttl, "enactors": enactors, "endpoints": endpoints, "rate": rate}
    set_to = {name: str(value) for name, value in options.items() if value is not None}
    found = sweeping.laid_over(found, set_to, sweep or [], scenario or [])
    chosen = narrow(found, guards=guard, scenarios=scenario, trials=trials, duration_s=duration)
    drawn = drawn_seed(suite or DEFAULT_SUITE, seed)
    directory = new_directory(out, chosen.name)
    if paced is not None:
        from leasebench.bench.commands.turns import paced as take_turn

        take_turn(chosen, drawn, server, directory, paced)
    _begin(
        chosen,
        drawn,
        server,
        hosts,
        directory,
        goal_of(budget, until_proven=until_proven),
        CiFiles(junit, markdown),
        as_json=as_json,
    )


def _begin(
    chosen: "Suite",
    drawn: int,
    server: str,
    hosts: str | None,
    directory: Path,
    goal: "Goal | None",
    files: CiFiles,
    *,
    as_json: bool,
) -> NoReturn:
    """Say what will be run and how long that takes, run it, and exit."""
    from leasebench.bench.expected_time import count_trials, expected_seconds
    from leasebench.bench.goal import must_reach
    from leasebench.bench.screen import console, say
    from leasebench.results.display.phrases import count

    screen = console(stderr=as_json)
    must_reach(chosen, goal)
    least, most = expected_seconds(chosen)
    sizes = {"guard": len(chosen.guards), "scenario": len(chosen.scenarios), "trial": count_trials(chosen)}
    cells = ", ".join(count(number, noun) for noun, number in sizes.items())
    aim = "" if goal is None else f", {goal}"
    say(screen, f"{chosen.name}: {cells}, seed {drawn}, {least:.0f} to {most:.0f} s{aim}, into {directory}")
    # Below the first line: what a run needs and a refusal does not.
    from leasebench.bench.budget import agenda_for
    from leasebench.bench.commands.session import say_plainly, session
    from leasebench.bench.hosts.forkserver import forkserver
    from leasebench.bench.run import run_suite

    forkserver()
    session(
        screen,
        directory,
        count_trials(chosen),
        lambda listener: run_suite(
            chosen,
            drawn,
            server,
            directory,
            listener,
            agenda_in=agenda_for(goal, chosen, drawn, say_plainly(screen)),
            hosts_choice=hosts,
        ),
        as_json=as_json,
        files=files,
    )


def _look_at_hosts(hosts: str | None, *others: object) -> None:
    if hosts is None:
        return
    from leasebench.bench.agents.dask_hosts import must_be_hosts

    must_be_hosts(hosts)
    if _given(*others):
        fail("--hosts is for a run of its own: leave out --schedule and --against", EXIT_USAGE)


def _given(*options: object) -> bool:
    """Whether any of these was given."""
    return any(option is not None for option in options)


def drawn_seed(suite: str, seed: int | None) -> int:
    """The seed that was asked for, else that of the run which is repeated, else a new one."""
    from leasebench.bench.repeating import seed_of
    from leasebench.bench.suite import run_in

    if seed is not None:
        return seed
    run = run_in(suite)
    return secrets.randbelow(2**32) if run is None else seed_of(run)
