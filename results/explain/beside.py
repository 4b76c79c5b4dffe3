"""What stands beside a violation: what ended by itself, with its last words, what disturbed a trial, and its clocks."""

from collections.abc import Iterator

from leasebench.results.reading.clocks import host_clocks
from leasebench.results.reading.rundirectory import RunDirectory
from leasebench.results.record.endings import read_endings, unasked
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.record.names import ENDINGS_FILE

MOST_ENDINGS, MOST_LINES = 10, 5


def ending_lines(run: RunDirectory, guard: str | None, scenario: str | None, trial: int | None) -> Iterator[str]:
    """For each process that ended and was not asked to, how it ended and the last that it wrote."""
    told = 0
    for row in run.summary.trials:
        asked_for = (guard in (None, row.guard), scenario in (None, row.scenario), trial in (None, row.number))
        folder = run.folders.get(row.number)
        if row.status == "ok" or folder is None or not all(asked_for):
            continue
        try:
            endings = list(unasked(read_endings(folder)))
        except BadRunDirectory as error:
            run.note_problem(str(error))
            continue
        for one in endings:
            if told == MOST_ENDINGS:
                yield f"and more: see {ENDINGS_FILE} in the folders of the trials that failed"
                return
            told += 1
            yield f"trial {row.number} ({row.guard} under {row.scenario}): {one}"
            yield from (f"    {line}" for line in one.last_lines[-MOST_LINES:])


def disturbance_lines(run: RunDirectory, trial: int) -> Iterator[str]:
    """What disturbed a trial: what happened there happened, and its times are those of such a trial."""
    for row in run.summary.trials:
        if row.number == trial:
            yield from (f"trial {trial} was disturbed: {told}" for told in row.disturbances)


def clock_lines(run: RunDirectory, trial: int) -> Iterator[str]:
    """How surely instants of different hosts are compared, where a trial had several."""
    clocks = host_clocks(run, trial)
    if clocks is not None:
        yield f"trial {trial} ran on {clocks}"
