"""What one process of a trial is told before it begins."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from leasebench.bench.faults import Strike
from leasebench.bench.suite import Load
from leasebench.enactors.enactor import MAX_TRIES
from leasebench.enactors.plan import Cell
from leasebench.enactors.store.keys import Keys
from leasebench.leases.guard import Guard


class Role(StrEnum):
    """Which program a process runs."""

    PLANNER = "planner"
    ENACTOR = "enactor"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """All that one process needs to know."""

    role: Role
    name: str
    """Unique in its cell: the client's name in the history."""
    url: str
    lease_url: str
    keys: Keys
    cell: Cell
    guard: Guard
    ttl_ms: int
    """The time to live of the guard's leases; what pauses are measured by also where there is no lease."""
    load: Load
    strikes: tuple[Strike | None, ...]
    """The scenario's faults; None for one that takes no part in this trial."""
    seed: int
    folder: Path
    cpus: tuple[int, ...]
    outages: bool = False
    """Whether a server may be away for a while: what it would have answered is then unknown."""
    enactor: int = 0
    tries: int = MAX_TRIES
    """How often an application tries one endpoint."""
    life: int = 0
    """How many processes had this one's place before it, and were killed."""

    @property
    def process(self) -> str:
        """Unique in its trial: `c0.enactor-1`."""
        return f"{self.cell.name}.{self.name}"

    def journal(self, program: str = "") -> Path:
        """Where this life of the process, or a second program of it, keeps its journal."""
        life = f"+{self.life}" if self.life else ""
        return self.folder / f"{self.process}{life}{program}.journal"
