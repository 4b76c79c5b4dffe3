"""For an event, the last one before it that concerns the same thing: a lease, an endpoint, a plan."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from leasebench.results.evidence.events import POSITION_BITS, Ints

Things = npt.NDArray[np.signedinteger]

PLACE = (1 << POSITION_BITS) - 1


@dataclass(frozen=True)
class Preceding:
    """Events by what they concern, sorted. A thing is a small number, never a version itself: those may be any size."""

    keys: Ints

    @classmethod
    def of(cls, things: Things, places: Ints) -> Self:
        """Events at `places`, each of which concerns one of `things`."""
        keys = things.astype(np.int64) << POSITION_BITS | places
        keys.sort()
        return cls(keys)

    def before(self, things: Things, places: Ints) -> Ints:
        """The place of the last event before each place that concerns the thing beside it; -1: there is none."""
        if not len(self.keys):
            return np.full(len(places), -1, dtype=np.int64)
        wanted = things.astype(np.int64)
        found = self.keys[np.maximum(np.searchsorted(self.keys, wanted << POSITION_BITS | places) - 1, 0)]
        there = (found >> POSITION_BITS == wanted) & (found & PLACE < places)
        return np.where(there, found & PLACE, -1)
