"""The figures of a run as terminal tables, a guard a row: what each scenario came to, and what else was seen there."""

from collections.abc import Iterable, Iterator, Sequence

from leasebench.results.display.grid import Column, Grid, Text, Tone
from leasebench.results.record.metric import Shown, metrics
from leasebench.results.record.summary import CellSummary, Summary
from leasebench.results.summary.story import lines
from leasebench.results.tables.columns import ATTEMPTS, DISTURBED_TRIALS, CellColumn, of_metrics, run_columns
from leasebench.verdict import GOOD, SAFE, Verdict

GUARD, VERDICT = Column("guard", left=True), Column("verdict", left=True)


def tables(summary: Summary) -> Iterable[Grid]:
    """One table for each scenario of the summary."""
    columns = run_columns(summary.cells)
    return (_table(name, cells, columns) for name, cells in _by_scenario(summary).items())


def tables_beside(summary: Summary) -> Iterator[Grid]:
    """One more for each scenario under which there is something to tell: harm to endpoints, leases that were lost.

    A column in which nothing was seen is left out. What is seen in every run (`Metric.own_scenario`) is worth a table
    only beside something else, or under the scenario that is about it.
    """
    beside = [one for one in metrics() if Shown.BESIDE in one.shown]
    columns = dict(zip(beside, of_metrics(Shown.BESIDE), strict=True))
    for scenario, cells in _by_scenario(summary).items():
        worth = [one for one in beside if one.elsewhere or one.is_at_home(scenario)]
        seen = [one for one in worth if any(cell.seen(one) for cell in cells)]
        if any(one.is_at_home(scenario) for one in seen):
            shown = [columns[one] for one in seen]
            rows = ((Text(cell.guard), *_texts(cell, shown)) for cell in cells)
            yield Grid(f"{scenario}: endpoints and leases", (GUARD, *(one.column for one in shown)), tuple(rows))


def stories(summary: Summary) -> Iterable[str]:
    """The first incident under each guard that wedged a cell, told with its times; every other stands in the summary.

    Stale and empty records alone are so common that their stories would push the tables off the screen.
    """
    for cell in summary.cells:
        if cell.total("wedged"):
            yield f"{cell}, its first incident:"
            yield from (f"  {line}" for line in lines(cell.story))
            yield ""


def verdict_text(verdict: Verdict, *, surprise: bool = False) -> Text:
    """A verdict in its tone, with `!` where it was not expected."""
    tone = Tone.GOOD if verdict in GOOD else Tone.OPEN if verdict in SAFE else Tone.BAD
    return Text(f"{verdict.value}{' !' if surprise else ''}", tone)


def _by_scenario(summary: Summary) -> dict[str, list[CellSummary]]:
    found: dict[str, list[CellSummary]] = {}
    for cell in summary.cells:
        found.setdefault(cell.scenario, []).append(cell)
    return found


def _table(scenario: str, cells: Sequence[CellSummary], every: Sequence[CellColumn]) -> Grid:
    columns = [*every, *(one for one in (ATTEMPTS, DISTURBED_TRIALS) if any(map(one.value, cells)))]
    rows = tuple(
        (Text(cell.guard), verdict_text(cell.verdict, surprise=not cell.as_expected), *_texts(cell, columns))
        for cell in cells
    )
    return Grid(scenario, (GUARD, VERDICT, *(one.column for one in columns)), rows)


def _texts(cell: CellSummary, columns: Iterable[CellColumn]) -> Iterator[Text]:
    return (Text(one.text(cell)) for one in columns)
