"""Chooses the trial of a cell that represents all of them in a closer look."""

from leasebench.results.display.numbering import violations_of
from leasebench.results.reading.rundirectory import RunDirectory


def representative_trial(run: RunDirectory, guard: str, scenario: str) -> int | None:
    """The number of the trial of the first violation, else of the first that ended well, else of the first."""
    rows = run.trials_of(guard, scenario)
    harmed = [row for row in rows if violations_of(row)]
    ended = [row for row in rows if row.status == "ok"]
    return next((row.number for row in (*harmed, *ended, *rows)), None)
