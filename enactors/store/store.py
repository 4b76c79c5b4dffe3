"""The face of a whole store, as one client of it sees it: plan versions, leases, and the log of what happened."""

from collections.abc import Iterator
from typing import Protocol

from leasebench.enactors.operations import VersionStore
from leasebench.enactors.store.events import Event
from leasebench.leases.operations import LeaseStore


class EventLog(Protocol):
    """The history of one cell, written by the same atomic steps that it tells of."""

    def expire(self, resource: str) -> bool:
        """Let a lease run out before its time; False if nobody holds it. For schedules, not for guards."""
        ...

    def history(self) -> Iterator[Event]:
        """All events of the cell, in the order in which they happened."""
        ...


class Store(VersionStore, LeaseStore, EventLog, Protocol):
    """One client's session with one cell, all of it on one server."""
