"""One place where journal and history do not agree, and what a check of the witness returns."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from leasebench.results.evidence.events import Ints

NONE = -1


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Journal row `row` and event `event` (positions in the trial; NONE where there is none) do not agree."""

    name: str
    why: str
    row: int
    event: int


@dataclass(slots=True)
class Comparison:
    """What one check held against the history: how many things, which of them do not agree, what it had to leave out.

    Of each name the first mismatch is kept and the others are counted: a store that is broken is so everywhere.
    """

    covered: int = 0
    first: dict[str, Mismatch] = field(default_factory=dict)
    count: Counter[str] = field(default_factory=Counter)
    uncovered: Counter[str] = field(default_factory=Counter)

    def differ(self, name: str, why: str, rows: "Ints | int", events: "Ints | int") -> None:
        """Note mismatches of one name: pairs of a row and an event, the earliest first."""
        pairs = np.broadcast_arrays(np.atleast_1d(rows), np.atleast_1d(events))
        if len(pairs[0]):
            self.count[name] += len(pairs[0])
            self.first.setdefault(name, Mismatch(name, why, int(pairs[0][0]), int(pairs[1][0])))

    def leave(self, reason: str, number: int) -> None:
        """Note that so many things could not be held against the history."""
        if number:
            self.uncovered[reason] += int(number)

    def take(self, other: "Comparison") -> None:
        """Add what another check held."""
        self.covered += other.covered
        self.count += other.count
        self.uncovered += other.uncovered
        for name, mismatch in other.first.items():
            self.first.setdefault(name, mismatch)

    def mismatches(self) -> Iterator[tuple[Mismatch, int]]:
        """The first of each name, and how many there are."""
        return ((mismatch, self.count[name]) for name, mismatch in self.first.items())
