"""What a run shows while it goes on: a live display in a terminal, plain lines elsewhere."""

import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from leasebench.bench.engines.processes.supervisor import Figures
from leasebench.bench.expected_time import OVERHEAD_S
from leasebench.bench.failure import failure_of
from leasebench.bench.trialplan import TrialPlan
from leasebench.results.display.numbers import number
from leasebench.results.record.trial import TrialFacts


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
        what = f"{self._figures.commits} commits, {self._figures.stale} stale"
        if facts.status != "ok":
            what = f"failed: {facts.reason}{failure_of(plan.folder_in(self._directory))}"
        place = f"{plan.guard.name} under {plan.scenario.name}"
        self._console.print(
            f"trial {plan.number} of {self._of}: {place}: {what}", highlight=False, markup=False, soft_wrap=True
        )
        _tell_notes(self._console, plan, facts)


class _BelowItsText(Progress):
    """A progress bar below its description: beside it, the names of guard and scenario would be cut at 80 columns."""

    def get_renderables(self) -> Iterable[RenderableType]:
        for task in self.tasks:
            yield Text(task.description)
            yield self.make_tasks_table([task])


class LiveDisplay:
    """Trial k of n and its guard; below it a bar, commits/s, that guard's stale overwrites in all trials, time left."""

    def __init__(self, console: Console, directory: Path) -> None:
        self._directory = directory
        self._progress = _BelowItsText(
            BarColumn(bar_width=24),
            TextColumn("{task.fields[figures]}", markup=False),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task("", total=None, figures="")
        self._guard = ""
        self._stale = 0
        self._stale_before: Counter[str] = Counter()
        self._done = 0
        self._drawn = 0.0
        self._longest_s = 1.0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def begin(self, plan: TrialPlan, of: int) -> None:
        self._guard = plan.guard.name
        self._longest_s = plan.timing.duration_s + OVERHEAD_S
        self._drawn = 0.0
        self._progress.update(
            self._task,
            total=of,
            figures="",
            description=f"trial {plan.number} of {of}: {plan.guard.name} under {plan.scenario.name}",
        )

    def watch(self, elapsed_s: float, figures: Figures) -> None:
        self._stale = figures.stale
        now = time.monotonic()
        if now - self._drawn < 0.2 or elapsed_s <= 0:
            return
        self._drawn = now
        stale = self._stale_before[self._guard] + self._stale
        text = f"{number(figures.commits / elapsed_s)} commits/s, {number(stale)} stale"
        share = min(elapsed_s / self._longest_s, 0.99)
        self._progress.update(self._task, figures=text, completed=self._done + share)

    def end(self, plan: TrialPlan, facts: TrialFacts) -> None:
        self._stale_before[self._guard] += self._stale
        self._stale = 0
        self._done += 1
        self._progress.update(self._task, completed=self._done)
        if facts.status != "ok":
            self._progress.console.print(
                f"trial {plan.number} failed: {plan.guard.name} under {plan.scenario.name}: {facts.reason}"
                f"{failure_of(plan.folder_in(self._directory))}",
                markup=False,
                soft_wrap=True,
            )
        _tell_notes(self._progress.console, plan, facts)


def _tell_notes(console: Console, plan: TrialPlan, facts: TrialFacts) -> None:
    for line in facts.notes:
        console.print(f"! trial {plan.number}: {line}", highlight=False, markup=False, soft_wrap=True)
