"""The columns of a table of cells, on a terminal and in the report: a column for each metric, then latencies."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from leasebench.results.checks.disturbed import DISTURBED
from leasebench.results.display.grid import Column
from leasebench.results.display.numbers import mean_text, number, rate_text
from leasebench.results.record.metric import Form, Metric, Shown, metrics
from leasebench.results.record.summary import CellSummary
from leasebench.results.statistics.quantiles import farthest, least_shown
from leasebench.results.tables.pricing import LIMIT, attempts_per_s, guard_cost_us

Value = float | int | None
DISTURBED_MARK = "~"
"""Behind a latency of disturbed trials."""


@dataclass(frozen=True, slots=True)
class CellColumn:
    """A column, and how a cell shows it: as a text, and as the value that a CSV gets. `about` says what it means."""

    heading: str
    about: str
    value: Callable[[CellSummary], Value]
    text: Callable[[CellSummary], str]
    spare: int = 0

    @property
    def column(self) -> Column:
        """The column without its cells."""
        return Column(self.heading, self.spare)


def of_metrics(where: Shown) -> list[CellColumn]:
    """The columns of the metrics that are shown there, in their order."""
    return [_of(one) for one in metrics() if where in one.shown]


def run_columns(cells: Sequence[CellSummary] = ()) -> list[CellColumn]:
    """The columns of the terminal's table of a scenario: a rate that can be bounded stands beside its two counts.

    How far the columns of latencies go into the tail is chosen by all `cells` that the tables show.
    """
    found = []
    for one in metrics():
        if Shown.RUN in one.shown:
            found += [*([_evidence(one)] if one.ratio and one.ratio.bound_by else []), _of(one)]
    return [*found, *_latencies(cells)]


def _of(metric: Metric) -> CellColumn:
    ratio = metric.ratio
    if ratio is not None and ratio.bound_by:
        whole = ratio.whole.replace("_", " ")
        heading = f"{metric.title}\n[95 %]"
        return CellColumn(
            heading,
            metric.about,
            lambda cell: cell.value(metric),
            lambda cell: rate_text(cell.rate(metric.name), whole),
            metric.spare,
        )
    if metric.form is Form.MEAN:
        return CellColumn(
            f"{metric.title} [95 %]",
            metric.about,
            lambda cell: cell.value(metric),
            lambda cell: mean_text(cell.rate(metric.name), cell.trials),
            metric.spare,
        )
    places = 0 if metric.form is Form.COUNT else metric.digits
    return _plain(metric.title, metric.about, lambda cell: cell.value(metric), places, metric.spare)


def _evidence(metric: Metric) -> CellColumn:
    """The two counts that a rate is made of."""
    assert metric.ratio is not None
    part, whole = metric.ratio.part, metric.ratio.whole
    titles = {one.name: one.title for one in metrics(Form.COUNT)}
    return CellColumn(
        f"{titles[part]}/{titles[whole]}",
        metric.about,
        lambda cell: cell.count(part),
        lambda cell: f"{cell.total(part)}/{cell.total(whole)}",
        metric.spare + 1,
    )


def _plain(heading: str, about: str, value: Callable[[CellSummary], Value], places: int, spare: int) -> CellColumn:
    return CellColumn(heading, about, value, lambda cell: number(value(cell), places), spare)


def _timed(heading: str, about: str, value: Callable[[CellSummary], Value], places: int, spare: int) -> CellColumn:
    """A column of what clocks measured."""
    return CellColumn(heading, about, value, lambda cell: clocked(cell, value(cell), places), spare)


def clocked(cell: CellSummary, value: Value, places: int = 0) -> str:
    """What clocks measured in a cell: marked where all that there is comes from disturbed trials."""
    return number(value, places) + (DISTURBED_MARK if value is not None and cell.latencies_disturbed else "")


def report_columns(cells: Sequence[CellSummary]) -> list[CellColumn]:
    """The columns of the report's tables: what was seen in any of the cells; what is about writes, if any wrote."""
    wrote = any(cell.total("commits") for cell in cells)
    found = [
        _of(one)
        for one in metrics()
        if one.shown & (Shown.REPORT | Shown.BESIDE)
        and (
            (wrote and Shown.BESIDE not in one.shown)
            or any(cell.seen(one) and (one.elsewhere or one.is_at_home(cell.scenario)) for cell in cells)
        )
    ]
    return [
        *found,
        *(
            one
            for one in (*_latencies(cells), ATTEMPTS, DISTURBED_TRIALS)
            if any(one.value(cell) is not None for cell in cells)
        ),
    ]


def _latencies(cells: Sequence[CellSummary]) -> list[CellColumn]:
    """What a guard costs, and the tails of a commit and of a whole application: as far out as most `cells` tell."""
    return [
        _timed("guard\np50 us", "medians of acquire, check, commit and release, added up", guard_cost_us, 0, 2),
        _tail(cells, "commit", "us", "one commit, service time", 0, 3),
        _tail(cells, "plan", "ms", "a whole application, work and waiting included", 1, 4),
    ]


def _tail(cells: Sequence[CellSummary], phase: str, unit: str, about: str, places: int, spare: int) -> CellColumn:
    name = farthest([cell.latency(phase).n for cell in cells])
    scale = {"us": 1, "ms": 1000}[unit]
    needed = least_shown(float(name[1:]))

    def value(cell: CellSummary) -> Value:
        found = cell.latency(phase).shown(name)
        return None if found is None else found / scale

    return _timed(f"{phase}\n{name} {unit}", f"{about}; told from {needed:,} operations on", value, places, spare)


ATTEMPTS = _plain(
    "attempts\nper s",
    f"writes per second sent to the store, refused ones too; only where the load is closed ({LIMIT})",
    attempts_per_s,
    0,
    6,
)
"""Shown where it is a cost: where the load is closed."""
DISTURBED_TRIALS = CellColumn(
    "trials\ndisturbed",
    f"in which harness, machine or load were not as they should be; their counts count, and their latencies are left "
    f"out, or, where there are no others, marked {DISTURBED_MARK}",
    lambda cell: cell.count(DISTURBED) or None,
    lambda cell: f"{cell.total(DISTURBED)} of {cell.trials}" if cell.total(DISTURBED) else number(None),
    0,
)
"""Shown where there was one."""
