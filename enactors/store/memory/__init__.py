"""The store in memory: the twin of the one in Redis, for the explorer and tests. It has no server."""

from weakref import WeakValueDictionary

from leasebench.enactors.plan import Cell
from leasebench.enactors.store.memory.commit_rules import refusal_of
from leasebench.enactors.store.memory.memory_cell import MemoryCell
from leasebench.enactors.store.memory.memory_store import MemoryStore
from leasebench.enactors.store.store import CellAddress
from leasebench.leases.commit_rule import CommitRule


class MemoryDriver:
    """Clients of one process that connect to the same address share a cell, for as long as one of them is there."""

    name = "memory"
    about = "in the memory of one process: one step a call, time stands still"
    schemes = ("memory",)

    def __init__(self) -> None:
        self._cells: WeakValueDictionary[tuple[str, CellAddress], MemoryCell] = WeakValueDictionary()

    def connect(
        self,
        url: str,
        address: CellAddress,
        cell: Cell,
        client: str,
        timeout_s: float,  # noqa: ARG002  (a call answers at once)
        retries: int,  # noqa: ARG002
    ) -> MemoryStore:
        shared = self._cells.setdefault((url, address), MemoryCell(cell))
        return MemoryStore(shared, client)

    def must_enforce(self, rule: CommitRule) -> None:
        if not rule.by_enactor:
            refusal_of(rule.name)


PLUGIN = MemoryDriver()
