"""A stored procedure: what a program kind does in the data store behind the endpoint, in one atomic step.

A kind brings its procedures in its own folder: each is an operation with a Lua script for Redis and, where the explorer
is to run it, a twin in Python. The script stands behind the store's prelude, which has `append` (one event of the
history) and `expires_us`.
"""

from importlib.resources import files
from typing import TYPE_CHECKING, Any, ClassVar

from leasebench.leases.operations import Operation
from leasebench.leases.outcome import Outcome

if TYPE_CHECKING:
    from leasebench.enactors.store.memory.memory_cell import MemoryCell


class StoredProcedure(Operation):
    """An operation that a script does in the data store; a subclass is an `operation`.

    The script's KEYS are what it `works_on`, below the cell's prefix, and at last the history; its ARGV the client's
    name, its number of the call, and `arguments`. It returns a number (Done, with that as `previous`) or the text
    `reason:number` (Refused).
    """

    __slots__ = ()

    lua: ClassVar[str]
    """The text of the script; see `script_beside`."""

    def works_on(self) -> tuple[str, ...]:
        """Name the keys that it works on, without the cell's prefix."""
        raise NotImplementedError

    def arguments(self) -> tuple[str | int, ...]:
        """Return what the script is given."""
        return ()

    def in_memory(self, cell: "MemoryCell", client: str, attempt: int) -> Outcome:
        """Do the same in memory, its event included."""
        raise NotImplementedError(f"{type(self).__name__} is done by real servers only")

    def perform(self, client: Any) -> Outcome:
        outcome: Outcome = client.data.call(self, client.attempt)
        return outcome


def script_beside(module: str, name: str) -> str:
    """Read the script `name` that stands beside the module of that name (`__name__`)."""
    return files(module.rpartition(".")[0]).joinpath(name).read_text(encoding="utf-8")
