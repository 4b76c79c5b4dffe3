"""One cell in either store, as several clients see it; and a small engine that runs programs over it."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from leasebench.enactors.operations import AwaitDue, Finish, Withdraw, Work
from leasebench.enactors.plan import Cell
from leasebench.enactors.store.drivers import connect
from leasebench.enactors.store.events import Event
from leasebench.enactors.store.memory.memory_cell import MemoryCell
from leasebench.enactors.store.memory.memory_store import MemoryStore
from leasebench.enactors.store.performing import perform
from leasebench.enactors.store.store import CellAddress, Store
from leasebench.leases.lease import Lease
from leasebench.leases.operations import Belief, Operation, Program, Sleep, StartRenewal, StopRenewal
from leasebench.leases.outcome import Done

LONG_MS = 600_000
"""A time to live that no test outlives."""
EXPIRES_WITHIN_S = 5.0


class World(Protocol):
    """One cell and its clients."""

    def client(self, name: str) -> Store: ...

    def outlive(self, lease: Lease) -> None:
        """Return when the lease's time is over."""
        ...


class MemoryWorld:
    def __init__(self, cell: Cell) -> None:
        self.shared = MemoryCell(cell)
        self._clients: dict[str, MemoryStore] = {}

    def clock_ms(self) -> int:
        return self.shared.now_us // 1000

    def client(self, name: str) -> MemoryStore:
        return self._clients.setdefault(name, MemoryStore(self.shared, name))

    def outlive(self, lease: Lease) -> None:
        self.shared.advance(lease.ttl_ms + 1)


class ServedWorld:
    """A connection a client, as in separate processes, to the server of whichever driver speaks the URL's scheme."""

    def __init__(self, url: str, address: CellAddress, cell: Cell) -> None:
        self._url, self._address, self._cell = url, address, cell
        self._clients: dict[str, Store] = {}

    def client(self, name: str) -> Store:
        if name not in self._clients:
            store = connect(self._url, self._address, self._cell, name)
            store.prepare()
            self._clients[name] = store
        return self._clients[name]

    def outlive(self, lease: Lease) -> None:
        """Look until the server says so: its clock decides, not ours."""
        deadline = time.monotonic() + EXPIRES_WITHIN_S
        looker = self.client("looker")
        while isinstance(looker.validate(lease), Done):
            assert time.monotonic() < deadline, "the server kept the lease beyond its time to live"

    def close(self) -> None:
        for store in self._clients.values():
            store.close()


@contextmanager
def served_world(url: str, cell: Cell) -> Iterator[ServedWorld]:
    """A world whose keys and connections are gone afterwards."""
    world = ServedWorld(url, CellAddress(f"w{uuid.uuid4().hex[:12]}", "1", cell.name), cell)
    try:
        yield world
    finally:
        world.client("sweeper").remove_all()
        world.close()


def timeless(event: Event) -> Event:
    """An event without what differs between two clocks."""
    return event._replace(t_us=0, expires_us=None)


def history(store: Store) -> list[Event]:
    return [timeless(event) for event in store.history()]


class Actor:
    """Runs programs over a store, one operation a step; an attempt's number is the step's.

    `clock_ms` is the actor's own clock, for managers that read it.
    """

    def __init__(self, store: Store, name: str, clock_ms: Callable[[], int] = lambda: 0) -> None:
        self._store, self._name, self._clock_ms = store, name, clock_ms
        self._steps = 0
        self.asked: list[Operation] = []
        self._program: Program[Any] | None = None
        self._pending: Operation | None = None

    def run(self, program: Program[Any]) -> Any:
        """Run a program to its end and return its value."""
        value = self.run_until(program)
        assert self._pending is None
        return value

    def run_until(
        self, program: Program[Any], stop: type[Operation] | tuple[type[Operation], ...] | None = None
    ) -> Any:
        """Run a program until it asks for a `stop`, which is left undone."""
        self._program = program
        return self._advance(None, stop)

    def go_on(self) -> Any:
        """Run the stopped program to its end."""
        assert self._pending is not None
        return self._advance(self.perform(self._pending), None)

    def _advance(self, result: Any, stop: type[Operation] | tuple[type[Operation], ...] | None) -> Any:
        assert self._program is not None
        try:
            while True:
                self._pending = self._program.send(result)
                self.asked.append(self._pending)
                if stop is not None and isinstance(self._pending, stop):
                    return None
                result = self.perform(self._pending)
        except StopIteration as end:
            self._pending = None
            return end.value

    def perform(self, operation: Operation) -> Any:
        self._steps += 1
        if isinstance(operation, (AwaitDue, Belief)):
            return True
        if isinstance(operation, (Work, Withdraw, Finish, StartRenewal, StopRenewal, Sleep)):
            return None
        return perform(self._store, operation, self._steps, f"{self._name}-{self._steps}", self._clock_ms())
