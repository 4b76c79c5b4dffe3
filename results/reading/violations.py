"""The violations of a run, each with a running number: stale overwrites, and times that an endpoint became empty.

A number counts over the run in the order of its trials and, within one, of its cells and of the history. How many each
trial has stands in `summary.json`, so that a number leads to its trial without reading any other history.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from leasebench.results.checks.dangling import spells_without_plan
from leasebench.results.checks.harm import ViolationKind
from leasebench.results.checks.overwrites import stale_positions
from leasebench.results.display.grid import Column, Grid, Text
from leasebench.results.display.numbering import numbers, violations_of
from leasebench.results.display.phrases import instant
from leasebench.results.evidence.events import Events, Ints
from leasebench.results.reading.rundirectory import RunDirectory
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.record.summary import TrialRow


@dataclass(frozen=True, slots=True)
class Violation:
    """One violation.

    `position` is its index in the cell's Events, `t_s` the seconds since the trial's first event (None where the
    server's clock stepped back in between). Stale: plan `version` was written over the newer `over`. Dangling: the
    endpoint came to point at the deleted plan `version`; `over` is 0.
    """

    number: int
    trial: int
    guard: str
    scenario: str
    cell: str
    kind: ViolationKind
    position: int
    t_s: float | None
    endpoint: str
    enactor: str | None
    version: int
    over: int


def violation(run: RunDirectory, number: int) -> Violation | None:
    """The violation of that number; None if it does not exist, or its trial can no longer be read."""
    for trial, own in numbers(run.summary).items():
        if number in own:
            row = next(row for row in run.summary.trials if row.number == trial)
            return next(islice(_of_trial(run, row, own.start), number - own.start, None), None)
    return None


def matching(
    run: RunDirectory, guard: str | None = None, scenario: str | None = None, trial: int | None = None
) -> Iterator[Violation]:
    """The violations of a run in order, of these trials only; trials without any are not read."""
    numbered = numbers(run.summary)
    for row in run.summary.trials:
        wanted = guard in (None, row.guard) and scenario in (None, row.scenario) and trial in (None, row.number)
        if wanted and violations_of(row):
            yield from _of_trial(run, row, numbered[row.number].start)


def _of_trial(run: RunDirectory, row: TrialRow, number: int) -> Iterator[Violation]:
    moments = run.moments(row.number)
    if moments is None:
        return
    for cell in moments.cells:
        try:
            events = moments.events(cell)
        except BadRunDirectory as error:
            run.note_problem(str(error))
            return
        for kind, position, endpoint in found_in(events):
            yield _violation(events, kind, position, endpoint, number, row, cell)
            number += 1


def found_in(events: Events) -> Iterator[tuple[ViolationKind, int, int]]:
    """Kind, position and the endpoint's number of each violation of one cell, in the order of the history."""
    stale = [(position, number) for number, own in enumerate(stale_positions(events)) for position in own.tolist()]
    empty = [(int(at), number) for number, own in enumerate(spells_without_plan(events)) for at in own]
    kinds = [(at, 0, number) for at, number in stale] + [(at, 1, number) for at, number in empty]
    for at, kind, number in sorted(kinds):
        yield (ViolationKind.DANGLING if kind else ViolationKind.STALE), at, number


def _violation(
    events: Events, kind: ViolationKind, at: int, endpoint: int, number: int, row: TrialRow, cell: str
) -> Violation:
    elapsed_us = float(events.elapsed_us(np.array([0]), np.array([at]))[0])
    event = events.row(at)
    return Violation(
        number=number,
        trial=row.number,
        guard=row.guard,
        scenario=row.scenario,
        cell=cell,
        kind=kind,
        position=at,
        t_s=None if np.isnan(elapsed_us) else elapsed_us / 1e6,
        endpoint=events.endpoints[endpoint],
        enactor=event.enactor or None,
        version=in_force(events, endpoint, at) if kind is ViolationKind.DANGLING else event.version or 0,
        over=(event.previous or 0) if kind is ViolationKind.STALE else 0,
    )


def in_force(events: Events, endpoint: int, at: int) -> int:
    """The version that an endpoint has right after the event at a position."""
    writes = events.writes_by_endpoint[endpoint]
    here: int = int(np.searchsorted(writes.since, at, side="right"))
    return int(writes.version[here - 1]) if here else 0


def writes_between(events: Events, endpoint: int, begin: int, end: int) -> tuple[Ints, Ints]:
    """Positions and versions of what came into force at an endpoint between two positions, and the one before."""
    writes = events.writes_by_endpoint[endpoint]
    low = max(int(np.searchsorted(writes.since, begin)) - 1, 0)
    high = int(np.searchsorted(writes.since, end, side="right"))
    return writes.since[low:high], writes.version[low:high]


COLUMNS = (
    Column("number"),
    Column("guard", left=True),
    Column("scenario", left=True),
    Column("kind", left=True),
    Column("at", spare=1),
    Column("endpoint", spare=3, left=True),
    Column("what", spare=2, left=True),
    Column("trial", spare=4),
)


def violations_table(violations: Iterable[Violation]) -> Grid:
    """A row each, in the order given."""
    return Grid("", COLUMNS, tuple(map(_row, violations)))


def _row(one: Violation) -> tuple[Text, ...]:
    at = instant(one.t_s)
    what = f"plan {one.version} over {one.over}" if one.over else f"plan {one.version} is gone"
    figures = (f"{one.number}", one.guard, one.scenario, one.kind.value, at, one.endpoint, what, f"{one.trial}")
    return tuple(map(Text, figures))
