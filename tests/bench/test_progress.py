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

    def __init__(self, columns=160, rows=25):
        self.console = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=columns, height=rows)
        self.display = LiveDisplay(self.console, Path())

    def begin(self, plan):
        self.display.begin(plan, 8)

    def watch(self, *counts):
        for elapsed_s, commits, stale in counts:
            self.display.watch(elapsed_s, Figures(commits, stale, commits // 10))

    def lines(self):
        with self.console.capture() as capture:
            self.console.print(self.display.renderable())
        lines = capture.get().splitlines()
        assert all(len(line) <= self.console.width for line in lines)
        assert len(lines) < self.console.height
        return lines

    def row(self, guard):
        """The words of a guard's row."""
        return next(line.split()[1:] for line in self.lines() if line.startswith(f"{guard} "))


def test_each_guard_has_a_row_with_what_its_own_trials_came_to(plans):
    unsafe, safe = plans
    screen = Screen()
    screen.begin(unsafe[0])
    assert screen.row("monotonic") == ["0/4", "-", "0", "0", "-"]
    screen.watch((0.5, 500, 66))
    assert screen.row("last_writer_wins") == ["0/4", "1,000", "50", "66", "stale"]
    screen.display.end(unsafe[0], OK)
    screen.begin(safe[0])
    screen.watch((0.5, 300, 0))
    assert screen.lines()[0] == f"trial {safe[0].number} of 8: monotonic under {safe[0].scenario.name}"
    assert screen.row("monotonic") == ["0/4", "600", "30", "0", "none", "seen"]
    assert screen.row("last_writer_wins") == ["1/4", "1,000", "50", "66", "stale"]


def test_a_guards_trials_are_added_up_to_their_last_word(plans):
    unsafe, safe = plans
    screen = Screen()
    screen.begin(unsafe[0])
    screen.watch((0.5, 500, 66), (1.0, 1001, 67))
    screen.display.end(unsafe[0], OK)
    screen.begin(safe[0])
    screen.watch((0.5, 300, 0))
    screen.display.end(safe[0], OK)
    screen.begin(unsafe[1])
    screen.watch((0.5, 499, 3))
    assert screen.row("last_writer_wins") == ["1/4", "1,000", "149", "70", "stale"]


def test_a_trial_that_failed_is_told_above_and_in_its_row(plans):
    screen = Screen()
    screen.begin(plans[1][0])
    screen.watch((0.5, 300, 0))
    screen.display.end(plans[1][0], OK.model_copy(update={"status": "failed", "reason": "no server"}))
    assert screen.row("monotonic")[-1] == "failed"
    assert "no server" in screen.console.file.getvalue()


@pytest.mark.parametrize("columns", [40, 80, 100, 200])
@pytest.mark.parametrize("rows", [3, 6, 12, 25])
def test_never_more_lines_than_the_screen_has_and_the_running_guard_among_them(columns, rows, tmp_path):
    plans = plan_trials(load_suite("full"), 1)
    screen = Screen(columns, rows)
    worst = next(plan for plan in plans if plan.guard.name == "txt_lock")
    last = next(plan for plan in plans if plan.guard.name != "txt_lock" and plan.scenario != worst.scenario)
    for plan, stale in ((worst, 7), (last, 0)):
        screen.begin(plan)
        screen.watch((0.5, 50_000, stale))
        screen.display.end(plan, OK)
    screen.begin(last)
    lines = screen.lines()
    assert len(lines) < rows
    if rows >= 12:
        assert screen.row(last.guard.name)[0].startswith("1/")
        assert "7" in screen.row("txt_lock")
        assert rows > 20 or lines[-1].endswith("more guards")


def test_a_log_has_a_line_a_trial_with_its_own_figures(plans):
    unsafe, safe = plans
    console = Console(file=io.StringIO(), width=160)
    lines = PlainLines(console, Path())
    for plan, figures in ((unsafe[0], Figures(500, 66)), (safe[0], Figures(300, 0))):
        lines.begin(plan, 8)
        lines.watch(0.5, figures)
        lines.end(plan, OK)
    said = [line.rpartition(": ")[2] for line in console.file.getvalue().splitlines()]
    assert said == ["500 commits, 66 seen stale", "300 commits, 0 seen stale"]
