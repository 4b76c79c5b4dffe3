"""What an agent tells of its processes while they run, many times a second, if anything has changed."""

from dataclasses import dataclass, field
from typing import NamedTuple

from leasebench.bench.engines.processes.supervisor import Figures


class ProcessState(NamedTuple):
    """One process, in the order in which they were started."""

    done: bool
    held_up: bool
    """Paused by a fault, or dead until its successor starts: it can't answer."""
    awaits_check: bool
    """Its pause ends when another enactor has checked an endpoint, on whichever host."""
    gauges: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AgentState:
    """All processes of one agent."""

    processes: tuple[ProcessState, ...] = ()
    figures: Figures = field(default_factory=Figures)
    living: tuple[tuple[int, str], ...] = ()
    """Process numbers and names."""
