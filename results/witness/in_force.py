"""What was in force at each endpoint between which events, read off commits, repairs and restarts alone."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from leasebench.results.evidence.columns import pieces
from leasebench.results.evidence.events import Events, Ints, Mask

PLACE_BITS = 25
"""A history has at most 20 million events."""


@dataclass(frozen=True)
class InForce:
    """Versions by endpoint, in the order of endpoint and place: each holds at the cuts from `since` to before `until`.

    A cut `c` is after the first `c` events. Every endpoint begins with version 0: nothing is in force.
    """

    endpoint: Ints
    version: Ints
    since: Ints
    until: Ints

    @classmethod
    def of(cls, events: Events) -> Self:
        """Follow every endpoint through the store's events."""
        end = events.last + 1
        writes = np.flatnonzero(events.of("commit", "repair")[:end] & (events.endpoint[:end] >= 0))
        every = np.arange(len(events.endpoints), dtype=np.int64)
        none = np.zeros(len(every), dtype=np.int64)
        endpoint, version, since = _sorted(
            np.concatenate((every, events.endpoint[writes].astype(np.int64))),
            np.concatenate((none, events.version[writes])),
            np.concatenate((none, writes + 1)),
        )
        for restart in np.flatnonzero(events.of("restart")[:end]).tolist():
            # What was in force just before the event to which it went back is so again, at every endpoint.
            cut = np.full(len(every), min(max(int(events.previous[restart]), 0), restart))
            there = _last(endpoint << PLACE_BITS | since, every, cut)
            endpoint, version, since = _sorted(
                np.concatenate((endpoint, every)),
                np.concatenate((version, version[there])),
                np.concatenate((since, np.full(len(every), restart + 1))),
            )
        until = np.append(since[1:], end + 1)[: len(since)]
        last_of_endpoint = np.append(endpoint[1:] != endpoint[:-1], len(endpoint) > 0)[: len(endpoint)]
        return cls(endpoint, version, since, np.where(last_of_endpoint, end + 1, until))

    def held(self, endpoint: Ints, version: Ints, first: Ints, last: Ints) -> tuple[Mask, Ints]:
        """Whether a version was in force at an endpoint at some cut of `first` to `last`.

        Beside it the cut since which something else was in force there at `last`.
        """
        what = _pair(self.endpoint, self.version)
        known = np.unique(what)
        keys = np.searchsorted(known, what) << PLACE_BITS | self.since
        order = np.argsort(keys, kind="stable")
        keys, place = keys[order], self.endpoint << PLACE_BITS | self.since
        held, since = np.zeros(len(endpoint), dtype=bool), np.zeros(len(endpoint), dtype=np.int64)
        for part in pieces(len(endpoint)):
            wanted = _pair(endpoint[part], version[part])
            code = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
            found = np.searchsorted(keys, code << PLACE_BITS | last[part], side="right") - 1
            entry = order[np.maximum(found, 0)]
            there = (found >= 0) & (what[entry] == wanted) & (version[part] >= 0) & (version[part] < 1 << 32)
            # Of those that began by then the last one goes on longest.
            held[part] = there & (self.until[entry] > first[part])
            since[part] = self.since[_last(place, endpoint[part], last[part])]
        return held, since


def _pair(endpoint: Ints, version: Ints) -> Ints:
    pair: Ints = endpoint.astype(np.int64) << 32 | version
    return pair


def _sorted(endpoint: Ints, version: Ints, since: Ints) -> tuple[Ints, Ints, Ints]:
    """By endpoint and place, and in the order given where these are equal."""
    order = np.argsort(endpoint << PLACE_BITS | since, kind="stable")
    return endpoint[order], version[order], since[order]


def _last(place: Ints, endpoint: Ints, cut: Ints) -> Ints:
    """For each endpoint the last entry that began by a cut; `place` has endpoint and place of every entry."""
    found: Ints = np.searchsorted(place, endpoint << PLACE_BITS | cut, side="right") - 1
    return found
