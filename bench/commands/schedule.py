"""`leasebench run --schedule`."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from leasebench.bench.terminal import EXIT_FAILED, EXIT_INTERRUPTED, fail

if TYPE_CHECKING:
    from rich.console import Console

    from leasebench.bench.engines.processes.supervisor import Figures
    from leasebench.bench.trialplan import TrialPlan
    from leasebench.results.record.trial import TrialFacts


class TraceLines:
    """One line a trace (`bench.run.Listener`): what the history shows, or what came otherwise."""

    def __init__(self, screen: "Console", directory: Path) -> None:
        self._screen, self._directory = screen, directory
        self.failed = 0

    def begin(self, plan: "TrialPlan", of: int) -> None:
        """Say nothing: a trace takes a moment."""

    def watch(self, elapsed_s: float, figures: "Figures") -> None:
        """Say nothing."""

    def end(self, plan: "TrialPlan", facts: "TrialFacts") -> None:
        """Say what became of a trace."""
        from leasebench.bench.failure import failure_of
        from leasebench.bench.screen import say

        told = facts.schedule
        assert told is not None, "only forced trials are told of here"
        if facts.status == "ok":
            what = f"{told.taken} steps as recorded; the history shows {told.property}: {told.shows}"
        else:
            self.failed += 1
            what = f"failed: {facts.reason}{failure_of(plan.folder_in(self._directory))}"
        say(self._screen, f"{told.trace}: {what}")


def force(place: Path, server: str, out: Path | None, seed: int | None, *, as_json: bool) -> NoReturn:
    """Force the trace at `place`, or each of those in that directory, on real processes and a real store, and exit.

    Exit codes: 0 every step came as recorded and the history shows the violation; 2 no trace; 5 it came otherwise.
    """
    from leasebench.bench.engines.schedule.trials import ScheduledTrials, read_schedules, suite_of
    from leasebench.bench.hosts.forkserver import forkserver
    from leasebench.bench.run import run_suite
    from leasebench.bench.rundir import new_directory
    from leasebench.bench.screen import console, say
    from leasebench.bench.servers.named import must_be_a_choice

    must_be_a_choice(server)
    forkserver()
    screen = console(stderr=as_json)
    schedules = read_schedules(place)
    suite = suite_of(schedules, place)
    directory = new_directory(out, suite.name)
    lines = TraceLines(screen, directory)
    try:
        summary = run_suite(suite, seed or 0, server, directory, lines, ScheduledTrials(schedules))
    except KeyboardInterrupt:
        fail(f"interrupted; what was recorded: leasebench check {directory}", EXIT_INTERRUPTED)
    if as_json:
        sys.stdout.write(json.dumps(summary.as_json(), indent=1) + "\n")
    shown = len(schedules) - lines.failed
    say(screen, f"{shown} of {len(schedules)} traces forced and shown, into {directory}")
    raise typer.Exit(EXIT_FAILED if lines.failed else 0)
