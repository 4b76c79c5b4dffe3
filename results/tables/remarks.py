"""What has to be said beside the tables: what failed, what was not expected, which fault missed, what is unproven."""

import re
from collections.abc import Iterator, Sequence

from leasebench.results.checks.disturbed import DISTURBED
from leasebench.results.display.phrases import count
from leasebench.results.evidence.causes import by_cause
from leasebench.results.record.names import SUMMARY_FILE
from leasebench.results.record.summary import CellSummary, Summary
from leasebench.results.summary.controls import sentence
from leasebench.results.tables.advice import command_that_proves, unproven
from leasebench.results.tables.columns import DISTURBED_MARK

MOST_OPEN = 8
"""So many unproven cells are told; a large suite has hundreds, which the report and `summary.json` list."""


def remarks(summary: Summary, run: str) -> Iterator[str]:
    """One line each, the gravest first; `run` is the run directory as commands name it."""
    cells = summary.cells
    for cell in cells:
        yield from (f"failed: {cell}: {failure}" for failure in cell.failures)
    yield from _disturbed(cells)
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
    """One line for all disturbed trials: on a machine at load it is each of them, for the same few reasons."""
    told = [sentence for cell in cells for sentence in cell.disturbances]
    if not told:
        return
    trials = sum(cell.total(DISTURBED) for cell in cells)
    of = count(sum(cell.trials for cell in cells), "trial")
    marked = sum(cell.latencies_disturbed for cell in cells)
    only = f"all that {count(marked, 'cell')} have of latencies ({DISTURBED_MARK})"
    then = only if marked else "left out of the latencies"
    causes = by_cause(told)
    seen = ", ".join(f"{cause.label} ({len(sentences)})" for cause, sentences in causes.items())
    such = max(next(iter(causes.values())), key=_first_figure)
    yield f"disturbed: {trials} of {of}, {then}: {seen}; such as {such}; all in {SUMMARY_FILE}"


def _first_figure(sentence: str) -> float:
    """The first number after the trial's own: how much it was, in most of the sentences of one cause."""
    found = re.search(r": .*?(\d[\d,]*(?:\.\d+)?)", sentence)
    return float(found[1].replace(",", "")) if found else 0.0


def _misses(cell: CellSummary) -> Iterator[str]:
    """The faults that did not do what they are for."""
    for fault, seen in cell.faults.items():
        if not seen.injected:
            yield f"no hit: the fault {fault} was never injected into {cell}"
        elif not seen.hit:
            yield f"no hit: the fault {fault} was injected into {cell} {seen.injected} times and missed its window"
