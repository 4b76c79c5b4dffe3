"""What has to be said beside the tables: what failed, what was not expected, which fault missed, what is unproven."""

from collections.abc import Iterator, Sequence

from leasebench.results.record.summary import CellSummary, Summary
from leasebench.results.summary.controls import sentence
from leasebench.results.tables.advice import command_that_proves, unproven

MOST_OPEN = 8
"""So many unproven cells are told; a large suite has hundreds, which the report and `summary.json` list."""


def remarks(summary: Summary, run: str) -> Iterator[str]:
    """One line each, the gravest first; `run` is the run directory as commands name it."""
    cells = summary.cells
    for cell in cells:
        yield from (f"failed: {cell}: {failure}" for failure in cell.failures)
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


def _misses(cell: CellSummary) -> Iterator[str]:
    """The faults that did not do what they are for."""
    for fault, count in cell.faults.items():
        if not count.injected:
            yield f"no hit: the fault {fault} was never injected into {cell}"
        elif not count.hit:
            yield f"no hit: the fault {fault} was injected into {cell} {count.injected} times and missed its window"
