"""One event that a rule would have refused, and what the history says came before it."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from leasebench.enactors.store.events import KINDS
from leasebench.results.evidence.columns import pieces
from leasebench.results.evidence.events import POSITION_BITS, Events, Ints


@dataclass(frozen=True, slots=True)
class Breach:
    """The event at position `at` breaks `rule`; the event at `by` is why (None: there is none).

    `done` and `why` are the words: what was done, and what stood against it.
    """

    at: int
    by: int | None
    rule: str
    done: str
    why: str

    def sentence(self, events: Events) -> str:
        """Both rows of `history.parquet`, by their `seq`."""
        against = "" if self.by is None else f"row {_row(events, self.by)} "
        return f"{self.rule} is broken: row {_row(events, self.at)} {self.done}, but {against}{self.why}"


def who(events: Events, at: int) -> str:
    """Whose event it is."""
    enactor = int(events.enactor[at])
    return events.enactors[enactor] if enactor >= 0 else f"whoever asked for the {KINDS[int(events.kind[at])]}"


def _row(events: Events, at: int) -> str:
    """The `seq` of an event; those of a lease server of its own count from 0 again."""
    return str(at) if at <= events.last else f"{at - events.last - 1} of the lease server"


Things = npt.NDArray[np.signedinteger]

PLACE = (1 << POSITION_BITS) - 1


@dataclass(frozen=True)
class Preceding:
    """Events by what they concern, sorted. A thing is a small number, never a version itself: those may be any size."""

    keys: Ints

    @classmethod
    def of(cls, things: Things, places: Ints) -> Self:
        """Events at `places`, each of which concerns one of `things`."""
        keys = things.astype(np.int64)
        keys <<= POSITION_BITS
        keys |= places
        keys.sort()
        return cls(keys)

    def number_before(self, things: Things, places: Ints) -> Ints:
        """How many events that concern the thing beside it stand before each place."""
        begin = things.astype(np.int64) << POSITION_BITS
        number: Ints = np.searchsorted(self.keys, begin | places) - np.searchsorted(self.keys, begin)
        return number

    def before(self, things: Things, places: Ints) -> Ints:
        """The place of the last event before each place that concerns the thing beside it; -1: there is none."""
        before = np.full(len(places), -1, dtype=np.int64)
        for part in pieces(len(places) if len(self.keys) else 0):
            wanted, here = things[part].astype(np.int64), places[part]
            found = self.keys[np.maximum(np.searchsorted(self.keys, wanted << POSITION_BITS | here) - 1, 0)]
            there = (found >> POSITION_BITS == wanted) & (found & PLACE < here)
            before[part] = np.where(there, found & PLACE, -1)
        return before
