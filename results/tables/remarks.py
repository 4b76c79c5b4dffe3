"""What has to be said beside the tables: what failed, what was not expected, which fault missed, what is unproven."""

from collections.abc import Iterator, Sequence

from leasebench.results.checks.disturbed import DISTURBED
from leasebench.results.display.phrases import count
from leasebench.results.record.names import SUMMARY_FILE
from leasebench.results.record.summary import CellSummary, Summary
from leasebench.results.summary.controls import sentence
from leasebench.results.tables.advice import command_that_proves, unproven

MOST_DISTURBED = 4
"""So many cells with disturbed trials are told: on a machine at load it is all of them, for one reason."""
MOST_OPEN = 8
"""So many unproven cells are told; a large suite has hundreds, which the report and `summary.json` list."""


def remarks(summary: Summary, run: str) -> Iterator[str]:
    """One line each, the gravest first; `run` is the run directory as commands name it."""
    cells = summary.cells
    for cell in cells:
        yield from (f"failed: {cell}: {failure}" for failure in cell.failures)
    yield from _disturbed([cell for cell in cells if cell.disturbances])
    for cell in cells:
        if not cell.as_expected and not cell.failures:
            yield f"! {cell} is {cell.verdict}, expected {' or '.join(cell.expected)}"
    yield from map(sentence, summary.controls)
    yield from _open(cells, run)
    for cell in cells:
        yield from _misses(cell)
    for never in summary.inapplicable:
        yield f"no fault: {never.fault} does not apply to {never.guard} under {never.scenario}: {never.reason}"
    for again in summary.replaced:
        place = f"{again.guard} under {again.scenario}"
        yield f"run again: trial {again.number} ({place}) {again.reason}; kept in {again.kept}"
    for skip in summary.skipped:
        yield f"skipped: {skip.guard} under {skip.scenario}: {skip.reason}"


def _open(cells: Sequence[CellSummary], run: str) -> Iterator[str]:
    """What is unproven, and the command for it."""
    left = list(unproven(cells))
    for one in left[:MOST_OPEN]:
        yield f"unproven: {one.guard} under {one.scenario} saw {one.races}"
    if len(left) > MOST_OPEN:
        yield f"unproven: {len(left) - MOST_OPEN} more cells"
    if left:
        yield f"to prove them: {command_that_proves(run)}"


def _disturbed(cells: Sequence[CellSummary]) -> Iterator[str]:
    """Whose trials were disturbed, by what first, and what became of their latencies."""
    for cell in cells[:MOST_DISTURBED]:
        more = f" ({len(cell.disturbances) - 1} more)" if len(cell.disturbances) > 1 else ""
        then = "none other has latencies" if cell.latencies_disturbed else "left out of its latencies"
        trials = f"{cell.total(DISTURBED)} of {count(cell.trials, 'trial')}"
        yield f"disturbed: {cell}: {trials}, {then}: {cell.disturbances[0]}{more}"
    if len(cells) > MOST_DISTURBED:
        left = cells[MOST_DISTURBED:]
        number = sum(cell.total(DISTURBED) for cell in left)
        yield f"disturbed: {count(number, 'trial')} of {len(left)} more cells; why stands in {SUMMARY_FILE}"


def _misses(cell: CellSummary) -> Iterator[str]:
    """The faults that did not do what they are for."""
    for fault, seen in cell.faults.items():
        if not seen.injected:
            yield f"no hit: the fault {fault} was never injected into {cell}"
        elif not seen.hit:
            yield f"no hit: the fault {fault} was injected into {cell} {seen.injected} times and missed its window"
