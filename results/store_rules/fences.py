"""Fencing numbers: none is accepted that is lower than the highest that an endpoint has seen."""

from collections.abc import Iterator

import numpy as np

from leasebench.enactors.store.events import KINDS
from leasebench.results.evidence.events import Events, Ints
from leasebench.results.store_rules.breach import Breach, who
from leasebench.results.store_rules.lives import Life

REGISTER = KINDS.index("register")


def highest_before(events: Events, endpoint: int, *kinds: str) -> tuple[Ints, Ints, Ints]:
    """The events of these kinds at an endpoint that bear a number: their places; the highest before; where it came.

    -1 before the first.
    """
    at = np.flatnonzero(events.of(*kinds) & (events.endpoint == endpoint) & (events.fence >= 0))
    fence = events.fence[at]
    highest = np.maximum.accumulate(fence) if len(fence) else fence
    last = np.maximum.accumulate(np.where(fence == highest, np.arange(len(at)), 0)) if len(at) else at
    none = np.array([-1], dtype=np.int64)
    return at, np.concatenate((none, highest))[: len(at)], np.concatenate((none, at[last]))[: len(at)]


def fenced(life: Life, rule: str) -> Iterator[Breach]:
    """Commits, and registrations at a read, with a number lower than one that was accepted at the endpoint before."""
    events = life.events
    for endpoint in range(len(events.endpoints)):
        at, highest, came = highest_before(events, endpoint, "commit", "register")
        for number in np.flatnonzero((events.fence[at] < highest) & (at >= life.own)).tolist():
            place, other = int(at[number]), int(came[number])
            does = "registers" if events.kind[place] == REGISTER else f"commits plan {events.version[place]} with"
            done = f"{does} number {events.fence[place]} at {events.endpoints[endpoint]} for {who(events, place)}"
            why = f"had brought number {highest[number]} there, of {who(events, other)}"
            yield Breach(int(life.position[place]), int(life.position[other]), rule, done, why)
