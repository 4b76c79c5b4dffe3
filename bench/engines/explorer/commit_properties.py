"""Which properties one commit breaks."""

from typing import Any

from leasebench.bench.engines.explorer.properties import Property
from leasebench.enactors.operations import Commit
from leasebench.enactors.store.memory.memory_cell import MemoryCell
from leasebench.leases.outcome import Done, Reason, Refused


def broken_by_commit(asked: Commit, received: Any, cell: MemoryCell) -> set[Property]:
    """The properties that a commit breaks, by its result and by what it left in the cell."""
    if isinstance(received, Refused) and received.reason == Reason.NO_ROLLBACK_PLAN:
        return {Property.WEDGED}
    broken: set[Property] = set()
    if isinstance(received, Done):
        if received.previous > asked.version:
            broken.add(Property.STALE_OVERWRITE)
        record = cell.at(asked.endpoint).rollback
        if record and not cell.exists(record):
            broken.add(Property.ROLLBACK)
    return broken
