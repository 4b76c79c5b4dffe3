"""What two runs with one seed have in common: all that the seed decides, and none of what time decides.

The seed decides, and two runs are held against each other by it:

- the trials, their order, and the seed of each;
- when each plan is due, to the nanosecond from the begin of the load (the intervals of an open loop);
- of the faults from outside: how often each comes at least, for how long it is asked to last, and whom it hits.

A run lasts until it has seen enough, so that one may go on for longer: the parts that both have are compared. What a
process draws for each of its operations (work, pauses between two tries, faults at a step of its own) is drawn from the
seed, too; but how many operations there were before is a matter of time. So is all that the clock, the kernel and the
server decide: who comes first, how long anything takes, when a fault from outside really begins.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leasebench.results.evidence.journal_table import read_journal
from leasebench.results.reading.rundirectory import RunDirectory
from leasebench.results.record.faults import read_faults
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.record.journal import RowKind
from leasebench.results.record.manifest import read_manifest
from leasebench.results.record.names import JOURNAL_FILE
from leasebench.results.record.trial import TrialFacts, read_facts

TRIALS, DUE, FAULTS = "trials: their order, and the seed of each", "when each plan is due", "faults from outside"
Drawn = dict[str, list[object]]
"""What was drawn, in its order, by what it was drawn for."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """How many draws of one kind both runs have, in how many they differ, and the first of these in words."""

    what: str
    compared: int
    different: int
    first: str = ""


def repeated(run: RunDirectory, other: RunDirectory) -> list[Repeated]:
    """Hold two runs of one suite and one seed against each other. Raises BadRunDirectory, also if they are not that."""
    _must_be_of_one_seed(run, other)
    both = sorted(run.folders.keys() & other.folders.keys())
    if not both:
        raise BadRunDirectory(f"{run.path} and {other.path} have no trial in common")
    trials = [tuple((one.folders[number], read_facts(one.folders[number])) for one in (run, other)) for number in both]
    ended = [pair for pair in trials if all(facts.status == "ok" and facts.history for _, facts in pair)]
    return [
        _compared(TRIALS, [(_identity(a), _identity(b), "run") for (_, a), (_, b) in trials]),
        _compared(DUE, [(_due(*a), _due(*b), a[0].name) for a, b in ended]),
        _compared(FAULTS, [(_from_outside(a), _from_outside(b), a.name) for (a, _), (b, _) in ended]),
    ]


def _must_be_of_one_seed(run: RunDirectory, other: RunDirectory) -> None:
    seed, its = (read_manifest(one.path).seed for one in (run, other))
    if seed != its:
        raise BadRunDirectory(
            f"{other.path}: its seed is {its}, that of {run.path} is {seed}: run it with --seed {seed}"
        )
    suites = [one.suite.model_copy(update={"asked_for": None}) for one in (run, other)]
    if suites[0] != suites[1]:
        raise BadRunDirectory(
            f"{other.path}: its suite is not that of {run.path}: leasebench run {run.path} repeats that"
        )


def _identity(facts: TrialFacts) -> Drawn:
    return {f"trial {facts.number}": [(facts.guard, facts.scenario, facts.seed)]}


def _due(folder: Path, facts: TrialFacts) -> Drawn:
    """By planner, when its plans were due since the begin of the load, ns."""
    journal = read_journal(folder / JOURNAL_FILE)
    wanted = journal[(journal["kind"] == RowKind.PUBLISH) & (journal["due_ns"] > 0)]
    grouped = wanted.groupby(["cell", "process"], observed=True)["due_ns"]
    return {f"{cell}.{process}": list(np.sort(due) - facts.start_ns) for (cell, process), due in grouped}


def _from_outside(folder: Path) -> Drawn:
    """By fault, for how long each injection was to last (ms), and whom it hit; in their order."""
    found: Drawn = defaultdict(list)
    rows = [row for row in read_faults(folder) if row.from_outside]
    for row in sorted(rows, key=lambda row: row.start_ns or 0):
        found[f"fault {row.number} ({row.fault})"].append((row.asked_ms, tuple(map(str, row.targets)), row.server))
    return found


def _compared(what: str, pairs: Iterable[tuple[Drawn, Drawn, str]]) -> Repeated:
    compared, differing = 0, []
    for ours, theirs, where in pairs:
        for name in sorted(ours.keys() & theirs.keys()):
            compared += min(len(ours[name]), len(theirs[name]))
            differing += [f"{where}: {name}: {told}" for told in _differing(ours[name], theirs[name])]
    return Repeated(what, compared, len(differing), differing[0] if differing else "")


def _differing(ours: Sequence[object], theirs: Sequence[object]) -> Iterator[str]:
    for number, (mine, other) in enumerate(zip(ours, theirs, strict=False), start=1):
        if mine != other:
            yield f"number {number} is {mine} here and {other} there"
