"""What a run shows while it goes on says of each guard what that guard did."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from leasebench.bench.engines.processes.supervisor import Figures
from leasebench.bench.progress import LiveDisplay, PlainLines
from leasebench.bench.run import plan_trials
from leasebench.bench.suite import load_suite
from leasebench.results.record.trial import TrialFacts

OK = TrialFacts(
    number=1, guard="a", scenario="b", status="ok", history=True, cells=(), endpoints=(), enactors=(), min_races=1,
    settle_s=1.0, expected=(),
)  # fmt: skip
GUARDS = """
about = "tiny"
guards = ["last_writer_wins", "monotonic"]
scenarios = ["steady", "told"]
trials = 2
"""


@pytest.fixture
def plans(tmp_path):
    """Trials of two guards, under two scenarios each, guard by guard: (unsafe ones, safe ones)."""
    (tmp_path / "tiny.toml").write_text(GUARDS)
    made = plan_trials(load_suite(str(tmp_path / "tiny.toml")), 1)
    return [[plan for plan in made if plan.guard.name == name] for name in ("last_writer_wins", "monotonic")]


class Screen:
    """A terminal of so many columns that is drawn on when it is looked at."""

    def __init__(self, columns=160):
        self.console = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=columns)
        self.display = LiveDisplay(self.console, Path())

    def begin(self, plan):
        self.display.begin(plan, 8)

    def watch(self, *counts):
        for elapsed_s, commits, stale in counts:
            self.display.watch(elapsed_s, Figures(commits, stale))

    def said(self):
        with self.console.capture() as capture:
            self.console.print(self.display._progress.get_renderable())
        lines = capture.get().splitlines()
        assert all(len(line) <= self.console.width for line in lines)
        return " ".join(lines)


def test_a_guard_that_wrote_nothing_stale_is_not_told_of_the_others(plans):
    unsafe, safe = plans
    screen = Screen()
    screen.begin(unsafe[0])
    screen.watch((0.5, 500, 66))
    assert "1,000 commits/s, 66 stale" in screen.said()
    screen.display.end(unsafe[0], OK)
    screen.begin(safe[0])
    assert "stale" not in screen.said(), "nothing is known of this guard yet"
    screen.watch((0.5, 300, 0))
    assert "monotonic under" in screen.said()
    assert "600 commits/s, 0 stale" in screen.said()


def test_a_guards_trials_are_added_up_to_their_last_word(plans):
    unsafe, safe = plans
    screen = Screen()
    screen.begin(unsafe[0])
    screen.watch((0.5, 500, 66), (0.501, 501, 67))
    screen.display.end(unsafe[0], OK)
    screen.begin(safe[0])
    screen.watch((0.5, 300, 0))
    screen.display.end(safe[0], OK)
    screen.begin(unsafe[1])
    screen.watch((0.5, 500, 3))
    assert "70 stale" in screen.said()


@pytest.mark.parametrize("columns", [80, 100, 120, 200])
def test_neither_the_guard_nor_its_figures_are_cut(plans, columns):
    screen = Screen(columns)
    screen.begin(plans[0][0])
    screen.watch((0.5, 50_000, 1234))
    said = screen.said()
    assert "last_writer_wins under" in said
    assert "100,000 commits/s, 1,234 stale" in said


def test_a_log_has_a_line_a_trial_with_its_own_figures(plans):
    unsafe, safe = plans
    console = Console(file=io.StringIO(), width=160)
    lines = PlainLines(console, Path())
    for plan, figures in ((unsafe[0], Figures(500, 66)), (safe[0], Figures(300, 0))):
        lines.begin(plan, 8)
        lines.watch(0.5, figures)
        lines.end(plan, OK)
    said = [line.rpartition(": ")[2] for line in console.file.getvalue().splitlines()]
    assert said == ["500 commits, 66 stale", "300 commits, 0 stale"]
