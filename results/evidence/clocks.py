"""Instants of several clocks: the one place that knows how far two clocks are apart, and how surely.

Journals are read onto one axis, the harness's clock (`Clocks.on_axis`). What is then asked of two instants is asked of
`before` and `difference`, with the uncertainty between their clocks: it is zero between instants of one clock, and so
on one host everywhere.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from leasebench.results.evidence.events import Ints, Mask
from leasebench.results.evidence.parquet import parquet_file, readable
from leasebench.results.record.clock import ONE_HOST, Clock
from leasebench.results.record.clocks import read_clocks
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.record.journal import INSTANTS
from leasebench.results.record.names import JOURNAL_FILE

NEVER = np.iinfo(np.int64).max
"""The instant of what did not happen: after all others, by any clock."""
UNKNOWN_NS = 1 << 61
"""More than two clocks can be apart: twice this still is a number of nanoseconds."""


@dataclass(frozen=True, slots=True)
class Offset:
    """What to add to an instant of one clock to have it on another, and by how much that may be wrong, both in ns."""

    value_ns: int = 0
    uncertainty_ns: int = 0

    @property
    def is_known(self) -> bool:
        """Whether it says anything."""
        return self.uncertainty_ns < UNKNOWN_NS


SAME = Offset()
UNKNOWN = Offset(0, UNKNOWN_NS)


@dataclass(frozen=True)
class Clocks:
    """The clocks of a trial's journals: the offset of each to the axis. One that is not among them is unknown."""

    offsets: Mapping[Clock, Offset] = field(default_factory=lambda: {ONE_HOST: SAME})

    def offset(self, clock: Clock) -> Offset:
        """What to add to instants of a clock to have them on the axis."""
        return self.offsets.get(clock, UNKNOWN)

    def between(self, one: Clock, other: Clock) -> Offset:
        """What to add to instants of one clock to have them on another."""
        if one == other:
            return SAME
        here, there = self.offset(one), self.offset(other)
        unsure_ns = min(here.uncertainty_ns + there.uncertainty_ns, UNKNOWN_NS)
        return Offset(here.value_ns - there.value_ns, unsure_ns)

    def on_axis(self, journal: pd.DataFrame) -> pd.DataFrame:
        """Shift a journal's instants onto the axis; the journal itself where all of it is by the axis's clock."""
        if "clock" not in journal:
            return journal
        shift = np.array([self.offset(clock).value_ns for clock in clocks_of(journal)], dtype=np.int64)
        if not np.any(shift):
            return journal
        by_row = shift[journal["clock"].cat.codes.to_numpy()]
        shifted = journal.copy()
        for name in INSTANTS:
            if name in journal:
                at = journal[name].to_numpy()
                shifted[name] = np.where(at == 0, 0, at + by_row)  # 0: it never was
        return shifted


class Compared:
    """The clocks of one journal that is on the axis: which one each row is by, and how unsure two of them are."""

    def __init__(self, clocks: Clocks, journal: pd.DataFrame) -> None:
        self._clocks, self._journal = clocks, journal
        self._names = clocks_of(journal)

    @cached_property
    def code(self) -> Ints:
        """Per row the number of its clock."""
        if "clock" not in self._journal:
            return np.zeros(len(self._journal), dtype=np.int64)
        return self._journal["clock"].cat.codes.to_numpy().astype(np.int64)

    @cached_property
    def unsure_ns(self) -> Ints:
        """By how much a difference of instants of two clocks, by their numbers, may be wrong."""
        return np.array(
            [[self._clocks.between(one, other).uncertainty_ns for other in self._names] for one in self._names],
            dtype=np.int64,
        )

    @cached_property
    def unsure_on_axis_ns(self) -> Ints:
        """By how much an instant of each clock may be wrong on the axis."""
        return np.array([self._clocks.offset(clock).uncertainty_ns for clock in self._names], dtype=np.int64)

    @property
    def is_one(self) -> bool:
        """Whether all rows are by one clock."""
        return len(self._names) == 1

    @property
    def widest_ns(self) -> int:
        """The uncertainty between those two clocks that know least of each other."""
        return int(self.unsure_ns.max(initial=0))


def clocks_of_trial(folder: Path, journal: pd.DataFrame | None = None) -> Clocks:
    """What a trial recorded of its clocks. All is well known where its journals are by one. Raises BadRunDirectory.

    Without the `journal`, its file is asked for the clocks that it names.
    """
    rows = read_clocks(folder)
    if rows is not None:
        return Clocks({Clock.parse(row.clock): Offset(row.offset_ns, row.uncertainty_ns) for row in rows})
    named = _named_in(folder / JOURNAL_FILE) if journal is None else set(clocks_of(journal))
    return Clocks(dict.fromkeys(named if len(named) == 1 else (ONE_HOST,), SAME))


def _named_in(path: Path) -> set[Clock]:
    """The clocks that the column `clock` names; none where it can't be read: who reads the file tells what is wrong.

    The column itself is read. Its statistics have the same, but a footer with a bit turned over makes pyarrow end the
    whole process where it looks at them (`RowGroupMetaData.column`, an exception of C++ that it does not translate).
    """
    named: set[str] = set()
    with suppress(BadRunDirectory), readable(path), parquet_file(path) as held:
        if "clock" in held.schema_arrow.names:
            for batch in held.iter_batches(columns=["clock"]):
                named |= {text for text in batch["clock"].unique().to_pylist() if isinstance(text, str)}
    with readable(path):
        return set(map(Clock.parse, named))


def clocks_of(journal: pd.DataFrame) -> tuple[Clock, ...]:
    """The clocks of a journal, in the order of its categories; one for a journal that names none."""
    if "clock" not in journal:
        return (ONE_HOST,)
    return tuple(Clock.parse(text) for text in journal["clock"].cat.categories) or (ONE_HOST,)


def before(first: Ints, second: Ints, unsure_ns: Ints | int) -> tuple[Mask, Mask]:
    """Masks of where `first` surely was before `second`, and where it may have been; equal if the clocks are exact."""
    apart = second - first
    return apart > unsure_ns, apart > -np.asarray(unsure_ns)


def difference(later: Ints, earlier: Ints, unsure_ns: Ints | int) -> tuple[Ints, Mask]:
    """Nanoseconds from `earlier` to `later`, and where that says anything: where it is more than what is unsure."""
    apart = later - earlier
    unsure = np.asarray(unsure_ns)
    return apart, (unsure == 0) | (np.abs(apart) > unsure)


def unordered(instant_ns: Ints, clock: Ints, unsure_ns: npt.NDArray[np.int64]) -> Mask:
    """The instants whose order with one of another clock is unknown; each is by the clock of that number."""
    mixed = np.zeros(len(instant_ns), dtype=bool)
    for other in np.unique(clock).tolist():
        theirs, ours = np.sort(instant_ns[clock == other]), np.flatnonzero(clock != other)
        place = np.searchsorted(theirs, instant_ns[ours])
        for near in (theirs[np.minimum(place, len(theirs) - 1)], theirs[np.maximum(place - 1, 0)]):
            mixed[ours] |= np.abs(instant_ns[ours] - near) <= unsure_ns[clock[ours], other]
    return mixed
