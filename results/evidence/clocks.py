"""Instants of several clocks: the one place that knows how far two clocks are apart, and how surely.

Journals are read onto one axis, the harness's clock (`Clocks.on_axis`); how far a clock is from it at an instant, and
how surely, is known to `Clocks.at` alone. What is then asked of two instants is asked of `before` and `difference`,
with the uncertainty between their clocks: it is zero between instants of one clock, and so on one host everywhere.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from leasebench.results.evidence.columns import JournalRows
from leasebench.results.evidence.drift import DriftingOffset
from leasebench.results.evidence.events import Ints, Mask
from leasebench.results.evidence.parquet import parquet_file, readable
from leasebench.results.record.clock import ONE_HOST, Clock
from leasebench.results.record.clocks import ClockRow, read_clocks
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

    def at(self, instant_ns: Ints) -> tuple[Ints, Ints]:
        """See `DriftingOffset`, here and below: at all instants it is the same."""
        return np.full_like(instant_ns, self.value_ns), np.full_like(instant_ns, self.uncertainty_ns)

    def widest_ns(self, _begin_ns: int | None = None, _end_ns: int | None = None) -> int:
        return min(self.uncertainty_ns, UNKNOWN_NS)


SAME = Offset()
UNKNOWN = Offset(0, UNKNOWN_NS)


@dataclass(frozen=True)
class Clocks:
    """The clocks of a trial's journals: the offset of each to the axis. One that is not among them is unknown."""

    offsets: Mapping[Clock, Offset | DriftingOffset] = field(default_factory=lambda: {ONE_HOST: SAME})

    def offset(self, clock: Clock) -> Offset | DriftingOffset:
        """What to add to instants of a clock to have them on the axis."""
        return self.offsets.get(clock, UNKNOWN)

    def at(self, clock: Clock, instant_ns: Ints) -> tuple[Ints, Ints]:
        """What to add to these instants of a clock, and by how much each of that may be wrong, both in ns."""
        return self.offset(clock).at(instant_ns)

    def on_axis(self, journal: pd.DataFrame) -> pd.DataFrame:
        """Shift a journal's instants onto the axis; the journal itself where all of it is by the axis's clock."""
        if "clock" not in journal:
            return journal
        names = clocks_of(journal)
        if not self.move(names):
            return journal
        codes, shifted = journal["clock"].cat.codes.to_numpy(), journal.copy()
        for name in INSTANTS:
            if name in journal:
                shifted[name] = self.shifted(journal[name].to_numpy(), codes, names)
        return shifted

    def move(self, clocks: Sequence[Clock]) -> bool:
        """Whether instants of any of these clocks are others on the axis."""
        return any(map(self._is_apart, clocks))

    def shifted(self, instants_ns: Ints, codes: npt.NDArray[np.integer], clocks: Sequence[Clock]) -> Ints:
        """Instants on the axis, each by that one of the `clocks` which its code says; 0 stays: it never was."""
        there = instants_ns.copy()
        for code, clock in enumerate(clocks):
            if self._is_apart(clock):
                row = np.flatnonzero(codes == code)
                here = instants_ns[row]
                there[row] = np.where(here == 0, 0, here + self.at(clock, here)[0])
        return there

    def _is_apart(self, clock: Clock) -> bool:
        offset = self.offset(clock)
        return isinstance(offset, DriftingOffset) or offset.value_ns != 0


class Compared:
    """The clocks of one journal that is on the axis: which one each row is by, and how unsure two of them are."""

    def __init__(self, clocks: Clocks, journal: JournalRows) -> None:
        self._clocks, self._journal = clocks, journal
        self._names = clocks_of(journal)

    @property
    def code(self) -> npt.NDArray[np.signedinteger]:
        """Per row the number of its clock."""
        if "clock" not in self._journal:
            return np.zeros(len(self._journal), dtype=np.int8)
        code: npt.NDArray[np.signedinteger] = self._journal["clock"].cat.codes.to_numpy()
        return code

    @cached_property
    def unsure_ns(self) -> Ints:
        """By how much a difference of instants of two clocks, by their numbers, may be wrong."""
        both = np.minimum(self.unsure_on_axis_ns[:, None] + self.unsure_on_axis_ns, UNKNOWN_NS)
        same = np.array([[one == other for other in self._names] for one in self._names])
        return np.where(same, 0, both)

    @cached_property
    def unsure_on_axis_ns(self) -> Ints:
        """By how much an instant of each clock may be wrong on the axis: the widest of all that the journal has."""
        return np.array([self._widest_ns(number, clock) for number, clock in enumerate(self._names)], dtype=np.int64)

    def _widest_ns(self, number: int, clock: Clock) -> int:
        offset = self._clocks.offset(clock)
        if isinstance(offset, Offset):
            return offset.widest_ns()
        own = self.code == number
        at = np.concatenate([self._journal[name].to_numpy()[own] for name in INSTANTS if name in self._journal])
        at = at[at != 0]
        return offset.widest_ns(int(at.min()), int(at.max())) if len(at) else offset.widest_ns()

    @property
    def is_one(self) -> bool:
        """Whether all rows are by one clock."""
        return len(self._names) == 1

    @property
    def widest_ns(self) -> int:
        """The uncertainty between those two clocks that know least of each other."""
        return int(self.unsure_ns.max(initial=0))


def clocks_of_trial(folder: Path, journal: JournalRows | None = None) -> Clocks:
    """What a trial recorded of its clocks. All is well known where its journals are by one. Raises BadRunDirectory.

    Without the `journal`, its file is asked for the clocks that it names.
    """
    rows = read_clocks(folder)
    if rows is not None:
        # Of a clock that several hosts share, the one that read it best.
        by_width = sorted(((offset_of(row), row.clock) for row in rows), key=lambda one: -one[0].widest_ns())
        return Clocks({Clock.parse(clock): offset for offset, clock in by_width})
    named = _named_in(folder / JOURNAL_FILE) if journal is None else set(clocks_of(journal))
    return Clocks(dict.fromkeys(named if len(named) == 1 else (ONE_HOST,), SAME))


def offset_of(row: ClockRow) -> Offset | DriftingOffset:
    """What a row of `clocks.json` says of its clock."""
    return DriftingOffset(row.readings) if row.readings else Offset(row.offset_ns, row.uncertainty_ns)


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


def clocks_of(journal: JournalRows) -> tuple[Clock, ...]:
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
