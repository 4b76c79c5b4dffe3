"""The engine `processes`: real operating-system processes, real time, real signals. The supervisor's side.

The supervisor starts one process a program, lets all begin at one instant, ends each pause that a fault began, gives
one that a fault killed its successor, and sees to it that none is left, stopped or running, however the trial ends.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import wait
from time import perf_counter_ns
from typing import Any, Protocol, Self

import psutil

from leasebench.bench.engines.processes.child import Child
from leasebench.bench.engines.processes.spec import ProcessSpec
from leasebench.bench.failure import with_evidence
from leasebench.bench.hosts.forkserver import running_forkserver, undisturbed
from leasebench.enactors.kind import CHECKS, COMMITS, PUBLISHED, RACED_APPLICATIONS, STALE, Ends

READY_WITHIN_S = 20.0
START_MARGIN_NS = 15_000_000
STOPPED_WITHIN_S = 1.0
STOP_GRACE_S = 5.0
CONTINUE_AGAIN_S = 0.05
"""A SIGCONT that overtook its SIGSTOP is lost: it is sent again until the process says that it goes on."""
WATCH_EVERY_S = 0.02
LOOK_FOR_SUCCESSOR_S = 0.002
MAX_LIVES = 256
"""How many processes may have one place, one after the other; their attempt numbers have room for that many."""


class ProcessFailed(RuntimeError):
    """A process of the trial died, failed or did not stop."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the load lasts: `duration_s`, then on until `min_races` raced applications, `longest_s` at most."""

    duration_s: float
    longest_s: float
    min_races: int
    settle_s: float


@dataclass(slots=True)
class Figures:
    """What the processes say of themselves while they run; never a verdict."""

    commits: int = 0
    stale: int = 0
    raced_applications: int = 0


@dataclass(slots=True)
class Report:
    """What the supervisor saw: instants of the host's monotonic clock (ns), and where each process ran."""

    start_ns: int = 0
    load_end_ns: int = 0
    end_ns: int = 0
    processes: list[dict[str, Any]] = field(default_factory=list)


class Watch(Protocol):
    """Looks on while the load goes on, and says goodbye at its end."""

    def look(self, elapsed_s: float, figures: Figures) -> None:
        """Called many times a second with the load's elapsed seconds."""
        ...

    def load_is_over(self) -> None:
        """Called once, before the endpoints are given time to settle."""
        ...


class Supervisor:
    """The processes of one trial. Use as a context: at its end none is left, and `report` says what was seen."""

    def __init__(self, specs: Sequence[ProcessSpec], report: Report) -> None:
        self._specs = specs
        self._children: list[Child] = []
        self._buried = Figures()
        self._context: Any = None
        self._told: dict[Ends, list[tuple[Any, ...]]] = {end: [] for end in Ends}
        self.report = report

    def __enter__(self) -> Self:
        try:
            self._context = running_forkserver()
            for spec in self._specs:
                with undisturbed():
                    self._children.append(Child(self._context, spec))
            ready = "the processes were not ready"
            self._until(lambda: all(child.ready for child in self._children), READY_WITHIN_S, ready)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def run(self, timing: Timing, watch: Watch) -> None:
        """Run load, settling and stop. Raises ProcessFailed as soon as a process fails."""
        start = self.report.start_ns = perf_counter_ns() + START_MARGIN_NS
        self._tell(("start", start), *Ends)
        while not self._load_is_over(timing):
            self._attend(WATCH_EVERY_S)
            watch.look((perf_counter_ns() - start) / 1e9, self.figures())
        watch.load_is_over()
        self._tell(("load_over",), Ends.SETTLED)
        self._tell(("stop",), Ends.WITH_THE_LOAD)
        loading = self._that_end(Ends.WITH_THE_LOAD)
        self._until(lambda: all(child.done for child in loading), STOP_GRACE_S, "a planner did not stop")
        self.report.load_end_ns = perf_counter_ns()
        settled = time.monotonic() + timing.settle_s
        while not self._settled() and time.monotonic() < settled:
            self._attend(WATCH_EVERY_S / 4)
        self._tell(("stop",), Ends.SETTLED)
        self._until(self._all_done, STOP_GRACE_S, "an enactor did not stop")
        self.report.end_ns = perf_counter_ns()

    def figures(self) -> Figures:
        """Sum what the processes show of themselves."""
        total = replace(self._buried)
        for child in self._children:
            _add(total, child)
        return total

    def suspend(self, process: str) -> bool:
        """Stop a process (SIGSTOP) and wait until it stands; False if it is gone."""
        for child in self._children:
            if child.spec.process == process and not child.done and not child.dies:
                child.held = True
                child.handle.suspend()
                return self._stands_still(child)
        return False

    def resume(self, process: str) -> None:
        """Let a process go on, unless a pause of its own holds it."""
        for child in self._children:
            if child.spec.process == process and child.held:
                child.held = False
                if child.continue_at is None and not child.done and not child.dies:
                    with suppress(psutil.NoSuchProcess):
                        child.handle.resume()

    def _that_end(self, *ends: Ends) -> list[Child]:
        return [child for child in self._children if child.spec.program.ends in ends]

    def _tell(self, order: tuple[Any, ...], *ends: Ends) -> None:
        """Give an order to all processes of kinds that end so; one that is born later hears it as it begins."""
        for end in ends:
            self._told[end].append(order)
        for child in self._that_end(*ends):
            if child.ready and not child.done and not child.dies:
                self._send(child, order)

    @staticmethod
    def _send(child: Child, order: tuple[Any, ...]) -> None:
        with suppress(OSError):  # it has ended: why, is heard of elsewhere
            child.control.send(order)

    def _all_done(self) -> bool:
        return all(child.done for child in self._children)

    def _load_is_over(self, timing: Timing) -> bool:
        elapsed = (perf_counter_ns() - self.report.start_ns) / 1e9
        if elapsed < timing.duration_s:
            return False
        return elapsed >= timing.longest_s or self.figures().raced_applications >= timing.min_races

    def _settled(self) -> bool:
        """Whether every process has no more to do after its cell's last plan."""
        last: dict[str, int] = {}
        for child in self._children:
            cell = child.spec.cell.name
            last[cell] = max(last.get(cell, 0), child.gauge(PUBLISHED))
        return all(child.settled(last[child.spec.cell.name]) for child in self._children)

    def _until(self, reached: Callable[[], bool], within_s: float, otherwise: str) -> None:
        deadline = time.monotonic() + within_s
        while not reached():
            if any(child.continue_at is not None or child.born_again_at is not None for child in self._children):
                deadline = time.monotonic() + within_s
            if time.monotonic() > deadline:
                raise ProcessFailed(f"{otherwise} within {within_s:.0f} s")
            self._attend(WATCH_EVERY_S)

    def _attend(self, within_s: float) -> None:
        """Wait for news of any process, at most `within_s`, and end the pauses that are due."""
        now = time.monotonic()
        pauses = [child.continue_at for child in self._children if not child.held]
        births = [child.born_again_at for child in self._children]
        due = [instant - now for instant in (*pauses, *births) if instant is not None]
        if any(child.wakes_on is not None for child in self._children):
            within_s = min(within_s, LOOK_FOR_SUCCESSOR_S)
        living = [child for child in self._children if not child.done and child.born_again_at is None]
        sources: dict[Any, Child] = {child.control: child for child in living}
        sources |= {child.process.sentinel: child for child in living}
        news = wait(list(sources), max(0.0, min([within_s, *due])))
        for source in sorted(news, key=lambda source: isinstance(source, int)):
            child = sources[source]
            if source is child.control:
                self._hear(child)
            elif child.dies:
                self._bury(child)
            elif not child.done and not child.control.poll(0):
                raise ProcessFailed(f"{child.spec.name} {ending(child.process.exitcode)}")
        self._continue_those_due()
        self._bear_those_due()

    def _hear(self, child: Child) -> None:
        try:
            news = child.control.recv()
        except (EOFError, OSError):
            if child.dies:
                self._bury(child)
                return
            raise _died(child) from None
        if news[0] == "ready":
            child.watch()
            process = {"name": child.spec.process, "life": child.spec.life, "pid": news[1], "affinity": news[2]}
            self.report.processes.append(process)
            for order in self._told[child.spec.program.ends]:
                self._send(child, order)
        elif news[0] == "dies":
            child.dies = True
            child.restart_ms = news[1]
        elif news[0] == "paused":
            # A pause is counted from the moment that the kernel shows the process as stopped.
            if self._stands_still(child):
                child.continue_at = time.monotonic() + news[1] / 1000
                child.wakes_on = news[2]
                child.checks_before = self._checks_beside(child)
        elif news[0] == "resumed":
            child.continue_at = None
        elif news[0] == "done":
            child.done = True
        else:
            raise with_evidence(ProcessFailed(f"{child.spec.name}: {news[1]}"), child.spec.process, news[2])

    @staticmethod
    def _stands_still(child: Child) -> bool:
        """Wait until the kernel shows the process as stopped; False if it ended instead. Raises ProcessFailed."""
        deadline = time.monotonic() + STOPPED_WITHIN_S
        with suppress(psutil.NoSuchProcess):
            while (status := child.handle.status()) not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
                if status == psutil.STATUS_STOPPED:
                    return True
                if time.monotonic() > deadline:
                    raise ProcessFailed(f"{child.spec.name} was to stop, and did not")
                time.sleep(0.0001)
        return False

    def _bury(self, child: Child) -> None:
        """A process that a fault killed is gone, for good or until its successor is due."""
        if child.born_again_at is not None or child.done:
            return
        _add(self._buried, child)
        child.end()
        child.continue_at = None
        if child.restart_ms is None:
            child.done = True
        elif child.spec.life + 1 >= MAX_LIVES:
            raise ProcessFailed(f"{child.spec.name} was killed {MAX_LIVES} times: let the fault come less often")
        else:
            child.born_again_at = time.monotonic() + child.restart_ms / 1000

    def _bear_those_due(self) -> None:
        now = time.monotonic()
        for place, child in enumerate(self._children):
            if child.born_again_at is not None and now >= child.born_again_at:
                with undisturbed():
                    self._children[place] = Child(self._context, replace(child.spec, life=child.spec.life + 1))

    def _checks_beside(self, child: Child) -> list[int]:
        """What the other processes of its cell show of their checks."""
        cell = child.spec.cell
        return [other.gauge(CHECKS) for other in self._children if other is not child and other.spec.cell == cell]

    def _successor_has_checked(self, child: Child) -> bool:
        pairs = zip(child.checks_before, self._checks_beside(child), strict=True)
        return any(now != before and now & 0xFFFF == child.wakes_on for before, now in pairs)

    def _continue_those_due(self) -> None:
        now = time.monotonic()
        for child in self._children:
            if child.wakes_on is not None and child.continue_at is not None and self._successor_has_checked(child):
                child.wakes_on, child.continue_at = None, now
            if child.continue_at is not None and now >= child.continue_at and not child.held:
                with suppress(psutil.NoSuchProcess):  # its end is heard of elsewhere
                    child.handle.resume()
                child.wakes_on, child.continue_at = None, now + CONTINUE_AGAIN_S

    def _end(self) -> None:
        for child in self._children:
            if not child.ended and child.process.is_alive():
                child.process.kill()
        for child in self._children:
            child.end()


def _add(total: Figures, child: Child) -> None:
    """Add what a child's journal shows; nothing once it was closed."""
    if child.ended:
        return
    total.commits += child.gauge(COMMITS)
    total.stale += child.gauge(STALE)
    total.raced_applications += child.gauge(RACED_APPLICATIONS)


def _died(child: Child) -> ProcessFailed:
    child.process.join(STOP_GRACE_S)
    return ProcessFailed(f"{child.spec.name} {ending(child.process.exitcode)}")


def ending(code: int | None) -> str:
    """How a process ended, as a part of a sentence."""
    if code is not None and code < 0:
        return f"was killed by signal {-code}"
    return f"ended by itself with exit code {code}"
