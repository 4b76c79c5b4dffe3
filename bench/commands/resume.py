"""`leasebench run --resume`."""

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from leasebench.bench.commands.ci_files import CiFiles
from leasebench.bench.commands.session import say_plainly, session
from leasebench.bench.screen import console, say

if TYPE_CHECKING:
    from leasebench.bench.goal import Goal
    from leasebench.bench.resume import Unfinished


def go_on(run: Path, server: str, hosts: str | None, goal: "Goal | None", files: CiFiles, *, as_json: bool) -> NoReturn:
    """Run what is left of the run in that directory, or of that name in `runs/`, and exit as `run` does.

    With a goal, more of it, also where it is complete.
    """
    from leasebench.bench.budget import goal_in
    from leasebench.bench.expected_time import expected_seconds
    from leasebench.bench.hosts.forkserver import forkserver
    from leasebench.bench.resume import resume_run, unfinished
    from leasebench.bench.servers.named import must_be_a_choice
    from leasebench.names import RUNS

    must_be_a_choice(server)
    forkserver()
    screen = console(stderr=as_json)
    below = RUNS / run
    directory = run if run.exists() or not below.exists() else below
    rest = unfinished(directory, goal)
    least, most = expected_seconds(rest.suite, len(rest.left))
    left = f"{len(rest.left)} of {rest.planned} trials are left{_again(rest)}"
    aim = "" if rest.rounds is None else f", {goal_in(rest.rounds)}"
    say(screen, f"{rest.suite.name}: {left}, seed {rest.seed}, {least:.0f} to {most:.0f} s{aim}, into {directory}")
    session(
        screen,
        directory,
        rest.planned,
        lambda listener: resume_run(
            directory, server, listener, goal=goal, say=say_plainly(screen), hosts_choice=hosts
        ),
        as_json=as_json,
        files=files,
    )


def _again(rest: "Unfinished") -> str:
    """How many of the trials that are left had begun, and where what is left of these is kept."""
    from leasebench.results.record.names import ASIDE
    from leasebench.results.summary.derivation import CUT_OFF

    cut_off = sum(reason == CUT_OFF for reason in rest.begun.values())
    counted = {"cut off": cut_off, "failed": len(rest.begun) - cut_off}
    told = " and ".join(f"{number} {how}" for how, number in counted.items() if number)
    return f" ({told}, kept in {rest.run / ASIDE})" if told else ""
