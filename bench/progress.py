"""What a run shows while it goes on: a live display in a terminal, plain lines elsewhere.

Stale commits are counted as their writers see them. One that arrives when its sender has given it up, or whose writer
is killed, is in the history only, so that there may be more of them in the end, and never fewer.
"""

from dataclasses import dataclass, field
from pathlib import Path
from textwrap import wrap
from typing import Self

from rich.console import Console, RenderableType
from rich.console import Group as RichGroup
from rich.live import Live
from rich.progress import BarColumn, Progress, TimeRemainingColumn
from rich.text import Text as RichText

from leasebench.bench.engines.processes.supervisor import Figures
from leasebench.bench.expected_time import OVERHEAD_S
from leasebench.bench.failure import failure_of
from leasebench.bench.screen import say
from leasebench.bench.suite import cells
from leasebench.bench.trialplan import TrialPlan
from leasebench.results.display.grid import Column, Grid, Text, Tone
from leasebench.results.display.layout import lay_out, styled_line
from leasebench.results.display.numbers import number
from leasebench.results.record.trial import TrialFacts

COLUMNS = (
    Column("guard", left=True),
    Column("trials"),
    Column("commits/s", spare=2),
    Column("raced", spare=3),
    Column("seen\nstale"),
    Column("so far", spare=1, left=True),
)
"""`raced`: applications with a race."""


def outcome_in_words(plan: TrialPlan, facts: TrialFacts, figures: Figures, where: str = "") -> str:
    """Guard and scenario of a trial that has ended, and what came of it; `where` its failure is described."""
    what = f"{figures.commits} commits, {figures.stale} seen stale"
    if facts.status != "ok":
        what = f"failed: {facts.reason}{where}"
    return f"{plan.guard.name} under {plan.scenario.name}: {what}"


class PlainLines:
    """One line a trial, for logs."""

    def __init__(self, console: Console, directory: Path) -> None:
        self._console, self._directory = console, directory
        self._of = 0
        self._figures = Figures()

    def begin(self, plan: TrialPlan, of: int) -> None:  # noqa: ARG002  (a Listener)
        self._of = of
        self._figures = Figures()

    def watch(self, elapsed_s: float, figures: Figures) -> None:  # noqa: ARG002  (a Listener)
        self._figures = figures

    def end(self, plan: TrialPlan, facts: TrialFacts) -> None:
        where = "" if facts.status == "ok" else failure_of(plan.folder_in(self._directory))
        told = outcome_in_words(plan, facts, self._figures, where)
        say(self._console, f"trial {plan.number} of {self._of}: {told}")
        _tell_notes(self._console, plan, facts)


@dataclass(slots=True)
class GuardTally:
    """What the trials of one guard came to so far; `now` is of the trial that is under way."""

    of: int
    done: int = 0
    failed: int = 0
    commits: int = 0
    stale: int = 0
    raced: int = 0
    load_s: float = 0.0
    now: Figures = field(default_factory=Figures)
    now_s: float = 0.0

    def end(self, *, failed: bool) -> None:
        """The trial that was under way has ended."""
        self.done, self.failed = self.done + 1, self.failed + failed
        self.commits, self.stale = self.commits + self.now.commits, self.stale + self.now.stale
        self.raced, self.load_s = self.raced + self.now.raced_applications, self.load_s + self.now_s
        self.now, self.now_s = Figures(), 0.0

    @property
    def all_stale(self) -> int:
        """With those of the trial under way."""
        return self.stale + self.now.stale

    @property
    def so_far(self) -> Text:
        """A word on it, which is no verdict: that comes of the history, at the end."""
        if self.failed:
            return Text("failed", Tone.BAD)
        if self.all_stale:
            return Text("stale", Tone.BAD)
        raced = self.raced + self.now.raced_applications
        return Text("none seen" if raced else "no races yet", Tone.OPEN)

    def row(self, name: str, *, running: bool) -> tuple[Text, ...]:
        """Its row in the table."""
        load_s, commits = self.load_s + self.now_s, self.commits + self.now.commits
        return (
            Text(name, Tone.STRONG if running else Tone.PLAIN),
            Text(f"{self.done}/{max(self.of, self.done)}"),
            Text(number(commits / load_s) if load_s > 0 else "-"),
            Text(number(self.raced + self.now.raced_applications)),
            Text(number(self.all_stale)),
            self.so_far if load_s > 0 or self.failed else Text("-", Tone.QUIET),
        )


class LiveDisplay:
    """Trial k of n, a bar with the time that is left, and a row a guard: as many as the screen has room for."""

    def __init__(self, console: Console, directory: Path) -> None:
        self._console, self._directory = console, directory
        self._bar = Progress(BarColumn(bar_width=24), TimeRemainingColumn(), console=console)
        self._task = self._bar.add_task("", total=None)
        self._tallies: dict[str, GuardTally] = {}
        self._guard = self._heading = ""
        self._done = 0
        self._longest_s = 1.0
        self._live = Live(console=console, get_renderable=self.renderable, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def begin(self, plan: TrialPlan, of: int) -> None:
        if not self._tallies:
            for guard, _ in cells(plan.suite):
                self._tallies.setdefault(guard.name, GuardTally(0)).of += plan.suite.trials
        self._guard = plan.guard.name
        self._tallies.setdefault(self._guard, GuardTally(0))
        self._longest_s = plan.timing.duration_s + OVERHEAD_S
        self._heading = f"trial {plan.number} of {of}: {plan.guard.name} under {plan.scenario.name}"
        self._bar.update(self._task, total=of)

    def watch(self, elapsed_s: float, figures: Figures) -> None:
        tally = self._tallies[self._guard]
        tally.now, tally.now_s = figures, max(elapsed_s, 0.0)
        share = min(elapsed_s / self._longest_s, 0.99)
        self._bar.update(self._task, completed=self._done + share)

    def end(self, plan: TrialPlan, facts: TrialFacts) -> None:
        self._tallies[self._guard].end(failed=facts.status != "ok")
        self._done += 1
        self._bar.update(self._task, completed=self._done)
        if facts.status != "ok":
            cell = f"{plan.guard.name} under {plan.scenario.name}"
            where = failure_of(plan.folder_in(self._directory))
            say(self._console, f"trial {plan.number} failed: {cell}: {facts.reason}{where}")
        _tell_notes(self._console, plan, facts)

    def renderable(self) -> RenderableType:
        """What is on the screen: never more lines than it has."""
        width, height = self._console.size
        # Long names take a second line: nothing is cut.
        heading = RichText("\n".join(wrap(self._heading, width) or [""]))
        above = len(heading.split()) + 1
        room = height - above - 1  # the cursor has a line of its own
        shown: list[RenderableType] = [heading, self._bar]
        while room > 0 and self._tallies:
            lines = self._table(width, room)
            if len(lines) <= height - above - 1:
                return RichGroup(*shown, *lines)
            room -= len(lines) - (height - above - 1)
        return RichGroup(*shown) if height > above else RichGroup(*heading.split()[: max(height - 1, 1)])

    def _table(self, width: int, room: int) -> list[RichText]:
        """The table with about as many rows as there is room for: the running guard, the worst, then the first."""
        names = [*self._tallies]
        most = max(room - 1, 1)
        if len(names) > most:

            def weight(name: str) -> tuple[bool, bool, bool]:
                tally = self._tallies[name]
                return name != self._guard, not tally.failed, not tally.all_stale

            kept = {*sorted(names, key=weight)[: max(most - 1, 1)]}
            names = [name for name in names if name in kept]
        rows = tuple(self._tallies[name].row(name, running=name == self._guard) for name in names)
        (laid,) = lay_out([Grid("", COLUMNS, rows)], width)
        lines = [styled_line(line) for line in laid.lines]
        left = len(self._tallies) - len(names)
        return [*lines, RichText(f"and {left} more guards")] if left else lines


def _tell_notes(console: Console, plan: TrialPlan, facts: TrialFacts) -> None:
    for line in facts.notes:
        say(console, f"! trial {plan.number}: {line}")
