"""The race: all programs begin at one instant, load for a while, settle, and stop."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Protocol

from leasebench.bench.engines.processes.supervisor import (
    ATTEND_EVERY_S,
    STOP_WITHIN_S,
    Figures,
    RunningProcess,
    Supervisor,
)
from leasebench.enactors.kind import PUBLISHED, Ends

STOP_PER_ENDPOINT_S = 0.005
"""A process stops between two applications, and one to 10,000 endpoints takes many seconds on a busy machine."""
STOP_PER_PROCESS_S = 0.05
"""All stop at once, on the cores that there are: 256 enactors on two slow ones took more than STOP_WITHIN_S."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the load lasts: `duration_s`, then on until `min_races` raced applications, `longest_s` at most."""

    duration_s: float
    longest_s: float
    min_races: int
    settle_s: float


class LoadObserver(Protocol):
    """Is called while the load goes on, and at its end."""

    def look(self, elapsed_s: float, figures: Figures) -> None:
        """Called many times a second with the load's elapsed seconds."""
        ...

    def load_is_over(self) -> None:
        """Called once, before the endpoints are given time to settle."""
        ...


def run_load(supervisor: Supervisor, timing: Timing, observer: LoadObserver) -> None:
    """Run load, settling and stop. Raises ProcessFailed as soon as a process fails."""
    report = supervisor.report
    start = report.start_ns = perf_counter_ns() + supervisor.start_margin_ns
    supervisor.send(("start", start), *Ends)
    while not _load_is_over(supervisor, timing):
        supervisor.attend(ATTEND_EVERY_S)
        observer.look((perf_counter_ns() - start) / 1e9, supervisor.figures())
    observer.load_is_over()
    supervisor.send(("load_over",), Ends.SETTLED)
    supervisor.send(("stop",), Ends.WITH_THE_LOAD)
    within_s = STOP_WITHIN_S + STOP_PER_PROCESS_S * len(supervisor.children)
    supervisor.until(lambda: _done(supervisor, Ends.WITH_THE_LOAD), within_s, "a planner did not stop")
    report.load_end_ns = perf_counter_ns()
    settled = time.monotonic() + timing.settle_s
    while not _settled(supervisor.children) and time.monotonic() < settled:
        supervisor.attend(ATTEND_EVERY_S / 4)
    supervisor.send(("stop",), Ends.SETTLED)
    endpoints = max((len(child.spec.cell.endpoints) for child in supervisor.children), default=0)
    within_s += STOP_PER_ENDPOINT_S * endpoints
    supervisor.until(lambda: _done(supervisor, *Ends), within_s, "an enactor did not stop")
    report.end_ns = perf_counter_ns()


def _load_is_over(supervisor: Supervisor, timing: Timing) -> bool:
    elapsed = (perf_counter_ns() - supervisor.report.start_ns) / 1e9
    if elapsed < timing.duration_s:
        return False
    return elapsed >= timing.longest_s or supervisor.figures().raced_applications >= timing.min_races


def _done(supervisor: Supervisor, *ends: Ends) -> bool:
    return all(child.done for child in supervisor.children if child.spec.program.ends in ends)


def _settled(children: Sequence[RunningProcess]) -> bool:
    """Whether every process has no more to do after its cell's last plan."""
    last: dict[str, int] = {}
    for child in children:
        cell = child.spec.cell.name
        last[cell] = max(last.get(cell, 0), child.gauge(PUBLISHED))
    return all(child.settled(last[child.spec.cell.name]) for child in children)
