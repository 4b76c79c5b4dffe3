"""What ended by itself in the trials of a run: the last words of servers, programs and proxies, as lines."""

from collections.abc import Iterator

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
