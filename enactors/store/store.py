"""The faces of a store, which its users know, and of the driver that brings one.

A store is three faces: plan versions (`VersionStore`), leases (`LeaseStore`) and the log of what happened (`EventLog`).
Both drivers of ours, `redis` and `memory`, pass one conformance suite: `tests/enactors/test_store_conformance.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from leasebench.enactors.operations import VersionStore
from leasebench.enactors.plan import Cell
from leasebench.enactors.store.events import Event
from leasebench.leases.client import LeaseStore
from leasebench.leases.commit_rule import CommitRule

HISTORY_BLOCK = 500
"""Events per request while others work: 10,000 at once would block a Redis for 7 ms."""
DEFAULT_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class CellAddress:
    """Where one cell is in any store: cell `cell` in trial `trial` of run `run`."""

    run: str
    trial: str
    cell: str

    @property
    def prefix(self) -> str:
        """What every key of the cell begins with; nothing outside it is ever touched."""
        return f"lb:{{{self.run}.{self.trial}.{self.cell}}}:"

    @property
    def data(self) -> "CellAddress":
        """Where the data store is that the cell's endpoints lead to: leases and a history of its own."""
        return replace(self, cell=f"{self.cell}-data")

    def lease(self, resource: str) -> str:
        """The key of a lease; third-party locks are given the same one."""
        return f"{self.prefix}lease:{resource}"


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What a server says of itself."""

    name: str
    version: str
    mode: str
    places: tuple[str, ...] = ()
    """Where the servers are, in words, of a URL that does not say it: behind sentinels, in a cluster."""


class EventLog(Protocol):
    """The history of one cell, written by the same atomic steps that it tells of."""

    def history(self) -> Iterator[Event]:
        """All events of the cell that were not drained, in the order in which they happened."""
        ...

    def history_lines(self, block: int = HISTORY_BLOCK) -> Iterator[bytes]:
        """The same as lines (see `events`), read `block` events a request."""
        ...

    def drain(self, most: int, block: int = HISTORY_BLOCK) -> Iterator[list[bytes]]:
        """Take up to `most` of the oldest lines out, in small blocks; what was yielded is gone from the store."""
        ...

    def events_waiting(self) -> int:
        """How many events were not drained."""
        ...

    def events_ever(self) -> int:
        """How many events were ever appended, drained ones included; -1 if the server can't tell."""
        ...


class Store(VersionStore, LeaseStore, EventLog, Protocol):
    """One client's session with one cell, all of it on one server."""

    def prepare(self) -> None:
        """Make the server ready for this driver, so that no measured operation has to."""
        ...

    def ping(self) -> None:
        """See whether the server answers. Raises ServerDown or ReplyUnknown if it does not."""
        ...

    def as_client(self, client: str) -> "Store":
        """The same session, under the name of another client in the history."""
        ...

    def remove_all(self) -> None:
        """Remove the cell, endpoints before plans, so that no reader ever sees a dangling record of ours."""
        ...

    def close(self) -> None:
        """Close the connection; the next call opens another one."""
        ...


@runtime_checkable
class StoreDriver(Protocol):
    """What brings a store; its folder has the store's scripts, its client and what it makes of the server's errors.

    A server that does not answer is raised as in `leases.errors`, whatever the client library raises.
    """

    name: str
    about: str
    schemes: tuple[str, ...]
    """The URL schemes by which it is found: `redis` for `redis://host`."""

    def connect(self, url: str, address: CellAddress, cell: Cell, client: str, timeout_s: float, retries: int) -> Store:
        """Begin the session of `client`. A request whose reply was lost is repeated up to `retries` times."""
        ...

    def must_enforce(self, rule: CommitRule) -> None:
        """Raise DefinitionError if the store does not enforce a commit rule."""
        ...


@runtime_checkable
class ServerDriver(StoreDriver, Protocol):
    """A driver whose servers a run may use: every process reaches the same one by its URL.

    Both raise what `leases.errors` has, and ValueError for a URL that can't be read.
    """

    permissions_page: str
    """Where it says what the user of a server has to be allowed."""

    def examine(self, url: str) -> ServerFacts:
        """Ask a server who it is. Raises ServerError too if it is one that the driver can't use."""
        ...

    def denied(self, url: str) -> list[str]:
        """Try what a run needs, on keys of our own, and name what the user of `url` may not do there."""
        ...
