"""The processes of one trial: what starts and ends them, gives them orders, and receives what they report.

`Supervisor` is the face that the race (`load.run_load`) drives; `LocalSupervisor` is this host, and `bench.agents`
brings several.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from signal import Signals
from typing import Any, Protocol

from leasebench.bench.engines.processes.spec import ProcessSpec
from leasebench.enactors.kind import ENDPOINT_BITS, Ends
from leasebench.results.record.endings import ProcessEnding
from leasebench.results.record.health import TrialHealth
from leasebench.results.record.process import Process
from leasebench.results.record.trial import ProcessLife

STOP_WITHIN_S = 5.0
ATTEND_EVERY_S = 0.02
LOOK_FOR_SUCCESSOR_S = 0.002


class ProcessFailed(RuntimeError):
    """A process of the trial died, failed or did not stop."""


@dataclass(slots=True)
class Figures:
    """What the processes say of themselves while they run; never a verdict."""

    commits: int = 0
    stale: int = 0
    raced_applications: int = 0


@dataclass(slots=True)
class SupervisorReport:
    """What the supervisor saw: instants of the host's monotonic clock (ns), and where each process ran."""

    starting_s: float | None = None
    """From the start of the first process until all were ready."""
    start_ns: int = 0
    load_end_ns: int = 0
    end_ns: int = 0
    processes: list[ProcessLife] = field(default_factory=list)
    endings: list[ProcessEnding] = field(default_factory=list)
    """How processes ended that ended otherwise than they should, or by a fault."""
    health: TrialHealth | None = None
    """How harness, processes and machine did meanwhile; None where nobody watched, as in a forced trial."""
    health_of_hosts: dict[str, TrialHealth] = field(default_factory=dict)
    """The same of hosts that are other machines, by their names."""


class RunningProcess(Protocol):
    """One process of a trial, as the load sees it."""

    @property
    def spec(self) -> ProcessSpec:
        """What it was told before it began."""
        ...

    @property
    def done(self) -> bool:
        """Whether it has ended as it should."""
        ...

    def gauge(self, name: str) -> int:
        """What the process shows of itself; 0 if it is gone, or its kind has no such gauge."""
        ...

    def settled(self, published: int) -> bool:
        """Whether it has no more to do, with plan `published` the last one of its cell."""
        ...


class Supervisor(Protocol):
    """The processes of one trial, wherever they run."""

    report: SupervisorReport
    start_margin_ns: int
    """How far ahead the agreed start has to be for all to hear of it before."""

    @property
    def children(self) -> Sequence[RunningProcess]:
        """The processes; a successor stands in the place of the one that was killed."""
        ...

    def send(self, order: tuple[Any, ...], *ends: Ends) -> None:
        """Send an order to all processes of kinds that end so; one that starts later gets it when it is ready."""
        ...

    def attend(self, within_s: float, lines: Sequence[Any] = ()) -> None:
        """Handle news of any process; return as soon as there was some or a line has any. Raises ProcessFailed."""
        ...

    def until(self, reached: Callable[[], bool], within_s: float, otherwise: str) -> None:
        """Attend until something is reached. Raises ProcessFailed, which begins with `otherwise`, if it takes longer.

        Pauses and restarts that a fault asked for do not count.
        """
        ...

    def suspend(self, process: Process) -> bool:
        """Stop a process (SIGSTOP) and wait until it stands; False if it is gone."""
        ...

    def resume(self, process: Process) -> None:
        """Let a process go on, unless a pause of its own holds it."""
        ...

    def signal_lock(self, process: Process, number: Signals) -> bool:
        """Send a signal to the foreign lock of a process alone; False if it has none, or is gone."""
        ...

    def figures(self) -> Figures:
        """Sum what the processes show of themselves."""
        ...


def attend_until(
    supervisor: Supervisor,
    reached: Callable[[], bool],
    within_s: float,
    otherwise: str,
    held_up: Callable[[], bool],
) -> None:
    """Attend until something is reached. Raises ProcessFailed, which begins with `otherwise`, if it takes longer.

    As long as a fault's pause or restart holds a process up, the time does not count: it can't answer meanwhile.
    """
    deadline = time.monotonic() + within_s
    while not reached():
        if held_up():
            deadline = time.monotonic() + within_s
        if time.monotonic() > deadline:
            raise ProcessFailed(f"{otherwise} within {within_s:.0f} s")
        supervisor.attend(ATTEND_EVERY_S)


def was_checked(endpoint: int | None, before: Sequence[int], now: Sequence[int]) -> bool:
    """Whether one of some enactors has checked an endpoint last, and since: by their gauges of checks, then and now."""
    pairs = zip(before, now, strict=True)
    return any(new != old and new & ((1 << ENDPOINT_BITS) - 1) == endpoint for old, new in pairs)
