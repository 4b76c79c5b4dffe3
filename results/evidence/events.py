"""The history of one cell in memory: arrays, one element an event, in store order. Needs no file."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import pairwise
from typing import Self

import numpy as np
import numpy.typing as npt

from leasebench.enactors.store.events import KINDS, Event
from leasebench.leases.lease import CELL_LEASE
from leasebench.results.evidence.columns import Columns, Room, held_bytes, pieces

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int16]
Mask = npt.NDArray[np.bool_]

POSITION_BITS = 40


@dataclass(frozen=True)
class Writes:
    """What was in force at one endpoint, in store order: since which event (its position) which version.

    A commit or a repair put it there, or a restart that took the endpoint back: `Events.kind` at that position.
    """

    since: Ints
    version: Ints

    @property
    def before(self) -> Ints:
        """The version in force just before each; 0 for none."""
        return np.concatenate(([0], self.version[:-1]))[: len(self.version)]

    def put_in_force(self, places: Ints) -> Ints:
        """Which writes put in force what stands there after each of `places` (all are indices of writes).

        A write of the version that is in force already changes nothing: the first of such a row of writes counts.
        """
        first = np.flatnonzero(np.diff(self.version, prepend=-1))
        return first[np.searchsorted(first, places, side="right") - 1]


FORKED = "forked"
"""Why a `restart` stands in a history where two servers had been primaries at once."""


@dataclass(frozen=True)
class Events:
    """One cell's history as arrays, one element an event in store order; about 75 bytes an event if all are in memory.

    The arrays are the fields of an `Event`, which `row` gives back one by one; -1 is a number that does not apply.
    `kind` counts through `enactors.store.events.KINDS`.
    `kind`, `endpoint`, `enactor`, `lease`, `reason` and `token` hold codes into the tuples of names beside them,
    -1 for none. The last `lease_events` are those of a lease server of its own; before them a position is a `seq`.
    """

    t_us: Ints
    kind: Codes
    endpoint: Codes
    version: Ints
    previous: Ints
    enactor: Codes
    attempt: Ints
    lease: Codes
    token: npt.NDArray[np.int32]
    fence: Ints
    expires_us: Ints
    reason: Codes
    active_endpoints: Ints
    endpoints: tuple[str, ...]
    enactors: tuple[str, ...]
    reasons: tuple[str, ...]
    lease_events: int = 0

    def __len__(self) -> int:
        return len(self.t_us)

    def of(self, *kinds: str) -> Mask:
        """The mask of events of one of `kinds`."""
        mask = np.zeros(len(self), dtype=bool)
        for kind in kinds:
            mask |= self.kind == KINDS.index(kind)
        return mask

    def because(self, reason: str) -> Mask:
        """The mask of events with this reason."""
        code = self.reasons.index(reason) if reason in self.reasons else None
        mask: Mask = np.zeros(len(self), dtype=bool) if code is None else self.reason == code
        return mask

    def row(self, at: int) -> Event:
        """The event at a position. Its `token` is only a number here: equal in those of one owner's grant."""
        numbers = {name: int(getattr(self, name)[at]) for name in Event._fields}
        names = {
            "kind": KINDS,
            "endpoint": self.endpoints,
            "enactor": self.enactors,
            "lease": (*self.endpoints, CELL_LEASE),
            "reason": self.reasons,
        }
        texts = {name: known[numbers[name]] if numbers[name] >= 0 else "" for name, known in names.items()}
        token = str(numbers["token"]) if numbers["token"] >= 0 else ""
        given = {name: None if number < 0 else number for name, number in numbers.items()}
        return Event(**(given | texts | {"token": token}))  # type: ignore[arg-type]

    def part(self, which: "Ints | slice") -> "Events":
        """Some of the events as a history of their own, none of them of a lease server."""
        return replace(self, lease_events=0, **{name: getattr(self, name)[which] for name in COLUMNS})

    @property
    def last(self) -> int:
        """The position of the store's last event: the end of the trial, as far as it can tell. -1 if it has none."""
        return len(self) - self.lease_events - 1

    @cached_property
    def epoch(self) -> npt.NDArray[np.int32]:
        """How often the clock had stepped back before each event; another node is another epoch.

        No duration spans two epochs.
        """
        steps = np.flatnonzero(self.t_us[1:] < self.t_us[:-1]) + 1
        if self.lease_events:
            steps = np.union1d(steps, [self.last + 1])
        epoch = np.zeros(len(self), dtype=np.int32)
        for number, (low, high) in enumerate(pairwise([*steps, len(self)]), start=1):
            epoch[low:high] = number
        return epoch

    @cached_property
    def commits_by_endpoint(self) -> list[Ints]:
        """The positions of the commits of each endpoint, in store order."""
        return self._commits_by_endpoint()

    def _commits_by_endpoint(self) -> list[Ints]:
        return self._by_endpoint(np.flatnonzero(self.of("commit")))

    @cached_property
    def writes_by_endpoint(self) -> list[Writes]:
        """What was in force at each endpoint, and since when."""
        return self._writes_by_endpoint()

    def _writes_by_endpoint(self) -> list[Writes]:
        repaired = np.any(self.of("repair"))
        parts = self._by_endpoint(np.flatnonzero(self.of("commit", "repair"))) if repaired else self.commits_by_endpoint
        writes = [Writes(at, self.version[at]) for at in parts]
        for restart in self.restarts:
            writes = [_fall_back(own, restart, self.previous[restart]) for own in writes]
        return writes

    @cached_property
    def restarts(self) -> Ints:
        """The positions at which the store came back from a restart."""
        restarts = np.flatnonzero(self.of("restart"))
        return restarts[restarts <= self.last]

    @cached_property
    def gone(self) -> Mask:
        """The mask of events that the store had forgotten in the end."""
        return self.gone_by(len(self))

    def gone_by(self, position: int) -> Mask:
        """The mask of events that the store had forgotten just before `position`."""
        gone = np.zeros(len(self), dtype=bool)
        while number := int(np.searchsorted(self.restarts, position)):
            restart = self.restarts[number - 1]
            position = min(max(int(self.previous[restart]), 0), int(restart))
            gone[position:restart] = True
        return gone

    @cached_property
    def forks(self) -> Ints:
        """The positions at which a server follows that ran beside the one before it, a lease server's own included.

        What the one before did alone stands before its fork, and happened at the same time as what stands behind.
        """
        return np.flatnonzero(self.of("restart") & self.because(FORKED))

    @cached_property
    def published(self) -> Ints:
        """The positions of the publications."""
        return np.flatnonzero(self.of("publish"))

    def elapsed_us(self, begin: Ints, end: Ints) -> npt.NDArray[np.float64]:
        """Microseconds between pairs of events; NaN where the clock stepped back in between."""
        elapsed = (self.t_us[end] - self.t_us[begin]).astype(np.float64)
        if len(self.epoch) and self.epoch[-1]:
            elapsed[self.epoch[begin] != self.epoch[end]] = np.nan
        return elapsed

    def seconds_until(self, position: int | None) -> npt.NDArray[np.float64]:
        """Seconds from the first event of its server to the event at `position`, as a sample of one.

        Empty for None, and where the server's clock stepped back in between.
        """
        if position is None:
            return np.array([])
        first = 0 if position <= self.last else self.last + 1
        elapsed_s = self.elapsed_us(np.array([first]), np.array([position])) / 1e6
        return elapsed_s[~np.isnan(elapsed_s)]

    def _by_endpoint(self, positions: Ints) -> list[Ints]:
        """Part ascending positions by endpoint. Endpoint and position are sorted as one number: no gather follows."""
        keys = self.endpoint[positions].astype(np.int64) << POSITION_BITS
        keys |= positions
        keys.sort()
        bounds = np.searchsorted(keys, np.arange(len(self.endpoints) + 1) << POSITION_BITS)
        keys &= (1 << POSITION_BITS) - 1
        return [keys[low:high] for low, high in pairwise(bounds)]


COLUMNS = tuple(
    field.name for field in fields(Events) if field.name not in ("endpoints", "enactors", "reasons", "lease_events")
)
"""The arrays of a history."""


class StoredEvents(Events):
    """A history whose arrays are read from its file when they are asked for (see `evidence.columns`)."""

    _held: Columns
    _read: Callable[[str], Ints]
    _room: Room

    @classmethod
    def stored(
        cls,
        read: Callable[[str], Ints],
        room: Room,
        endpoints: tuple[str, ...],
        enactors: tuple[str, ...],
        reasons: tuple[str, ...],
        lease_events: int,
    ) -> Self:
        """The history whose arrays `read` gives by their names."""
        events = cls.__new__(cls)
        vars(events).update(endpoints=endpoints, enactors=enactors, reasons=reasons, lease_events=lease_events)
        vars(events).update(_read=read, _room=room, _held=Columns(room))
        return events

    def __getattr__(self, name: str) -> Ints:
        """Read an array that is not in memory."""
        if name in COLUMNS:
            return self._held.keep(name, lambda: self._read(name), held_bytes)
        raise AttributeError(name)

    def part(self, which: "Ints | slice") -> Events:
        def read(name: str) -> Ints:
            part: Ints = getattr(self, name)[which]
            return part

        return StoredEvents.stored(read, self._room, self.endpoints, self.enactors, self.reasons, 0)

    @property
    def commits_by_endpoint(self) -> list[Ints]:
        return self._held.keep("commits_by_endpoint", self._commits_by_endpoint, lambda parts: sum(map(len, parts)) * 8)

    @property
    def writes_by_endpoint(self) -> list[Writes]:
        return self._held.keep(
            "writes_by_endpoint",
            self._writes_by_endpoint,
            lambda parts: sum(len(part.since) for part in parts) * 16,
        )


def _fall_back(writes: Writes, restart: int, back_to: int) -> Writes:
    """Add what a restart did to an endpoint: what was in force just before the event `back_to` is so again."""
    here, then = np.searchsorted(writes.since, [restart, back_to]).tolist()
    version = writes.version[then - 1] if then else 0
    if version == (writes.version[here - 1] if here else 0):
        return writes
    return Writes(np.insert(writes.since, here, restart), np.insert(writes.version, here, version))


class ByVersion:
    """Look up `values` by `versions`; of several with one version the last counts. `otherwise` for all the others."""

    def __init__(self, versions: Ints, values: Ints, otherwise: int) -> None:
        order = np.argsort(versions, kind="stable")
        ascending = versions[order]
        last = np.append(ascending[1:] != ascending[:-1], len(ascending) > 0)[: len(ascending)]
        self._versions, self._values = ascending[last], values[order][last]
        self._otherwise = otherwise

    def __len__(self) -> int:
        return len(self._versions)

    @property
    def highest(self) -> int:
        """The largest version that has a value; -1 if none has."""
        return int(self._versions[-1]) if len(self) else -1

    def __getitem__(self, versions: Ints) -> Ints:
        """The value of each of `versions`."""
        found = np.full(len(versions), self._otherwise, dtype=np.int64)
        for part in pieces(len(versions) if len(self) else 0):
            wanted = versions[part]
            place = np.minimum(np.searchsorted(self._versions, wanted), len(self) - 1)
            found[part] = np.where(self._versions[place] == wanted, self._values[place], self._otherwise)
        return found
