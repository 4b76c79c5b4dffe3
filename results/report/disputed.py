"""What the second witness says of a run, as its page has it."""

from collections.abc import Iterator
from typing import NamedTuple

from leasebench.results.reading.rundirectory import RunDirectory
from leasebench.results.record.witness import witness_lines


class DisputedRow(NamedTuple):
    """One thing that a client saw and the history does not bear out: both rows, and how many more of the same name."""

    trial: int
    guard: str
    scenario: str
    name: str
    why: str
    client: str
    history: str
    more: int


def disputed(run: RunDirectory) -> Iterator[DisputedRow]:
    """The first discrepancy of each name in each trial."""
    for row in run.summary.trials:
        for one in row.witness.discrepancies if row.witness is not None else ():
            rows = one.client_row, one.store_row
            yield DisputedRow(row.number, row.guard, row.scenario, one.name, one.why, *rows, one.more)


def witness_sentence(run: RunDirectory) -> str:
    """How much was held against the histories and what could not be; "" for a run of an earlier version."""
    return "; ".join(witness_lines(row.witness for row in run.summary.trials))
