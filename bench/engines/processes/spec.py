"""What one process of a trial is told before it begins."""

import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from leasebench.bench.faults.fault import Fault
from leasebench.bench.scenario import Load
from leasebench.enactors.arrivals import Arrivals
from leasebench.enactors.kind import Assignment, ProgramKind, behind_endpoint
from leasebench.enactors.plan import Cell
from leasebench.enactors.store.store import CellAddress
from leasebench.leases.guard import Guard
from leasebench.leases.manager import LeaseManager, LibraryManager
from leasebench.registry import plugins
from leasebench.results.record.process import Process


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """All that one process needs to know."""

    kind: str
    """The name of its program kind."""
    place: Assignment
    url: str
    lease_url: str
    """Where leases of our own protocol are."""
    address: CellAddress
    ttl_ms: int
    """The time to live of the guard's leases; what pauses are measured by also where there is no lease."""
    load: Load
    faults: tuple[Fault | None, ...]
    """The scenario's faults; None for one that takes no part in this trial."""
    seed: int
    folder: Path
    cpus: tuple[int, ...]
    outages: bool = False
    """Whether a server may be away for a while: what it would have answered is then unknown."""
    cell_number: int = 0
    """The number of its cell among those of the trial."""
    lease_nodes: tuple[str, ...] = ()
    """The URLs of all its lease servers, of a lease manager that uses several."""
    host: str = ""
    """The host that it runs on, of a run on several."""
    life: int = 0
    """How many processes had this one's place before it, and were killed."""

    @property
    def program(self) -> ProgramKind:
        """Its program kind."""
        kind: ProgramKind = plugins("enactors")[self.kind]
        return kind

    @property
    def lease_address(self) -> CellAddress:
        """Where its leases are: in its cell, or in the data store behind the cell's endpoint."""
        return self.address.data if behind_endpoint(self.program) else self.address

    @property
    def library(self) -> LibraryManager | None:
        """The third-party lock that it uses; None if its lease manager is one of ours."""
        own: Callable[[Assignment], LeaseManager] | None = getattr(self.program, "lease_manager", None)
        if own is None:
            return self.guard.library
        manager = own(self.place)
        return manager if isinstance(manager, LibraryManager) else None

    @property
    def schedule(self) -> Arrivals | None:
        """When its work is due, if that comes in open loop."""
        own: Callable[[Assignment], Arrivals] | None = getattr(self.program, "schedule", None)
        return None if own is None else own(self.place)

    @property
    def cell(self) -> Cell:
        return self.place.cell

    @property
    def guard(self) -> Guard:
        return self.place.guard

    @property
    def number(self) -> int:
        """Its number among the processes of its kind in its cell."""
        return self.place.number

    @property
    def name(self) -> str:
        """Unique in its cell: the client's name in the history."""
        return self.identity().name

    @property
    def process(self) -> Process:
        """The process of this place, whichever life it is in."""
        return replace(self.identity(), life=0)

    def identity(self, thread: str = "") -> Process:
        """The identity of this life of the process, or of a part of it."""
        number = None if self.program.single else self.number
        return Process(self.kind, number, self.cell.name, self.life, thread)

    @property
    def crash_file(self) -> Path:
        """Where this life of the process writes, as a signal such as SIGSEGV kills it, what it was doing."""
        return self.folder / f"{self.identity()}.crash"

    def journal(self, thread: str = "") -> Path:
        """The path of the journal of this life of the process, or of a part of it."""
        return self.folder / self.identity(thread).journal


def packed(spec: ProcessSpec) -> "bytes | ProcessSpec":
    """A spec as its process is sent it: pickled, or as it is where pickle can't send it.

    `multiprocess` sends by dill, which is written in Python: of 10,000 endpoints it takes a second for each process,
    and pickle a millisecond. What only dill can send is a class that stands in a notebook or in the script itself.
    """
    try:
        sent = pickle.dumps(spec, pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, AttributeError, TypeError):
        return spec
    return spec if b"__main__" in sent else sent


def unpacked(sent: bytes | ProcessSpec) -> ProcessSpec:
    """The spec that was packed."""
    spec: ProcessSpec = pickle.loads(sent) if isinstance(sent, bytes) else sent  # noqa: S301  (from our own parent)
    return spec
