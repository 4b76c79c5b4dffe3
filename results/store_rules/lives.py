"""A server's lives: from one restart to the next it knows the events that it had not forgotten, and its own."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from leasebench.results.evidence.events import Events, Ints, Mask


@dataclass(frozen=True)
class Life:
    """What one server knew, in its order; the events from `own` on are this life's, those before were judged before.

    `position` is where each stands in the events of the trial.
    """

    events: Events
    position: Ints
    own: int

    def of(self, *kinds: str) -> Ints:
        """The places of the own events of these kinds."""
        found = np.flatnonzero(self.events.of(*kinds))
        return found[np.searchsorted(found, self.own) :]


def lives(events: Events) -> tuple[list[Life], list[Life]]:
    """The lives of the store, and those of a lease server of its own (none where there is no such server)."""
    store_ends = events.last + 1
    store = events.part(np.s_[:store_ends]) if events.lease_events else events
    leases = events.part(np.s_[store_ends:])
    return list(_lives(store, 0)), list(_lives(leases, store_ends)) if len(leases) else []


def _lives(events: Events, first: int) -> Iterator[Life]:
    """One server's; its first event stands at `first` in the trial."""
    if not len(events.restarts):
        yield Life(events, np.arange(first, first + len(events), dtype=np.int64), 0)
        return
    everything = np.arange(len(events), dtype=np.int64)
    markers = events.of("restart")
    for begin, end in zip([0, *events.restarts], [*events.restarts, len(events)], strict=True):
        known: Mask = ~events.gone_by(int(end)) & ~markers & (everything < end)
        chosen = everything[known]
        yield Life(events.part(chosen), chosen + first, int(np.searchsorted(chosen, begin)))
