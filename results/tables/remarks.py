"""What has to be said beside the tables: what failed, what was not expected, which fault missed, what is unproven."""

from collections.abc import Iterator

from leasebench.results.record.summary import CellSummary, Summary
from leasebench.results.summary.controls import sentence
from leasebench.results.tables.advice import unproven

MOST_OPEN = 8
"""So many unproven cells are told with their command; a large suite has hundreds, which `summary.json` lists."""


def remarks(summary: Summary) -> Iterator[str]:
    """One line each, the gravest first."""
    cells = summary.cells
    for cell in cells:
        yield from (f"failed: {cell}: {failure}" for failure in cell.failures)
    for cell in cells:
        if not cell.as_expected and not cell.failures:
            yield f"! {cell} is {cell.verdict}, expected {' or '.join(cell.expected)}"
    yield from map(sentence, summary.controls)
    left = list(unproven(summary, cells))
    for one in left[:MOST_OPEN]:
        races = f"{one.raced} raced applications, {one.missing} more are needed"
        yield f"unproven: {one.guard} under {one.scenario} saw {races}: {one.command}"
    if len(left) > MOST_OPEN:
        yield f"unproven: {len(left) - MOST_OPEN} more cells; the report has the command for each"
    for cell in cells:
        yield from _misses(cell)
    for never in summary.inapplicable:
        yield f"no fault: {never.fault} does not apply to {never.guard} under {never.scenario}: {never.reason}"
    for again in summary.replaced:
        place = f"{again.guard} under {again.scenario}"
        yield f"run again: trial {again.number} ({place}) {again.reason}; kept in {again.kept}"
    for skip in summary.skipped:
        yield f"skipped: {skip.guard} under {skip.scenario}: {skip.reason}"


def _misses(cell: CellSummary) -> Iterator[str]:
    """The faults that did not do what they are for."""
    for fault, count in cell.faults.items():
        if not count.injected:
            yield f"no hit: the fault {fault} was never injected into {cell}"
        elif not count.hit:
            yield f"no hit: the fault {fault} was injected into {cell} {count.injected} times and missed its window"
