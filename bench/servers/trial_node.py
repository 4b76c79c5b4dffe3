"""What a trial asks of a server of its own, whichever kind it is: one process or several."""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from leasebench.bench.servers.passive_replica import ReplicaListener
from leasebench.enactors.store.store import CellAddress
from leasebench.results.record.endings import ProcessEnding
from leasebench.results.record.process import Process


@runtime_checkable
class TrialNode(Protocol):
    """A context, from the main thread: its processes die with the thread that starts them."""

    url: str
    endings: list[ProcessEnding]
    """How its processes ended that a fault, or nobody, had asked to."""

    @property
    def pids(self) -> list[int]:
        """The server processes that live now."""
        ...

    @property
    def refused(self) -> dict[str, int]:
        """How many connections of which user were turned away from the ways to its replicas."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def url_of(self, process: Process) -> str:
        """The URL by which a process of the trial finds it."""
        ...

    def listen(self, listener: ReplicaListener) -> None:
        """Tell `listener` of all that is executed from now on. Raises ServerUnusable if it can't."""
        ...

    def catch_up(self) -> None:
        """Wait until all that was executed was heard. Raises ServerUnusable."""
        ...

    def history_lines(self, address: CellAddress) -> list[bytes]:
        """Every event of the cell, lost ones and `restart` markers included, in order. Raises ServerUnusable."""
        ...

    def note_deaths(self) -> None:
        """Note how those of its processes ended that nobody had asked to."""
        ...


NodeMaker = Callable[[str, Sequence[CellAddress]], TrialNode]
"""Makes a server, by its name and the cells whose keys it will have."""
