"""The processes of one trial on this host.

Its supervisor ends each pause that a fault began, gives a process that a fault killed its successor, and sees to it
that none is left, stopped or running, however the trial ends.
"""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import wait
from signal import Signals
from typing import Any, Self

import psutil

from leasebench.bench.engines.processes.child import Child
from leasebench.bench.engines.processes.spec import ProcessSpec
from leasebench.bench.engines.processes.supervisor import (
    LOOK_FOR_SUCCESSOR_S,
    STOP_WITHIN_S,
    Figures,
    ProcessFailed,
    SupervisorReport,
    attend_until,
    was_checked,
)
from leasebench.bench.failure import with_evidence
from leasebench.bench.hosts.forkserver import running_forkserver, undisturbed
from leasebench.bench.last_words import MOST_ENDINGS
from leasebench.enactors.kind import CHECKS, COMMITS, RACED_APPLICATIONS, STALE, Ends
from leasebench.leases.foreign.process import signal_groups
from leasebench.results.record.process import Process
from leasebench.results.record.trial import ProcessLife

logger = logging.getLogger(__name__)

READY_WITHIN_S = 20.0
STOPPED_WITHIN_S = 1.0
CONTINUE_AGAIN_S = 0.05
"""A SIGCONT that overtook its SIGSTOP is lost: it is sent again until the process says that it goes on."""
MAX_LIVES = 256
"""How many processes may have one place, one after the other; their attempt numbers have room for that many."""


class LocalSupervisor:
    """The processes of one trial on this host. A context: inside all are ready, and at its end none is left.

    `gates` is how many lines each process gets for a schedule that decides when its operations are done.
    """

    start_margin_ns = 15_000_000

    def __init__(
        self,
        specs: Sequence[ProcessSpec],
        report: SupervisorReport,
        *,
        gates: int = 0,
    ) -> None:
        self._specs, self._gates = specs, gates
        self._children: list[Child] = []
        self._ended_figures = Figures()
        self._context: Any = None
        self._orders: dict[Ends, list[tuple[Any, ...]]] = {end: [] for end in Ends}
        self.report = report

    def __enter__(self) -> Self:
        try:
            self._context = running_forkserver()
            for spec in self._specs:
                self._children.append(self._start(spec))
            ready = "the processes were not ready"
            self.until(lambda: all(child.ready for child in self._children), READY_WITHIN_S, ready)
        except BaseException:
            self._end_all()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end_all()

    @property
    def children(self) -> Sequence[Child]:
        """See `Supervisor`, here and below."""
        return self._children

    def send(self, order: tuple[Any, ...], *ends: Ends) -> None:
        for end in ends:
            self._orders[end].append(order)
        for child in self._children:
            if child.spec.program.ends in ends and child.ready and not child.done and not child.dies:
                child.send(order)

    def until(self, reached: Callable[[], bool], within_s: float, otherwise: str) -> None:
        attend_until(self, reached, within_s, otherwise, lambda: any(child.held_up for child in self._children))

    def attend(self, within_s: float, lines: Sequence[Any] = ()) -> None:
        now = time.monotonic()
        pauses = [child.continue_at for child in self._children if not child.held]
        births = [child.born_again_at for child in self._children]
        due = [instant - now for instant in (*pauses, *births) if instant is not None]
        if any(child.wakes_on is not None for child in self._children):
            # A pause until a successor has acted ends by a gauge, which wakes nobody: look often.
            within_s = min(within_s, LOOK_FOR_SUCCESSOR_S)
        living = [child for child in self._children if not child.done and child.born_again_at is None]
        sources: dict[Any, Child] = {child.control: child for child in living}
        sources |= {child.process.sentinel: child for child in living}
        ready = wait([*sources, *lines], max(0.0, min([within_s, *due])))
        # What a process said comes before its end (a sentinel is an int): it may explain it.
        for source in sorted(sources.keys() & set(ready), key=lambda source: isinstance(source, int)):
            child = sources[source]
            if source is child.control:
                self._receive(child)
            elif child.dies:
                self._note_death(child)
            # It ended unasked. If its pipe still holds a message, the next round reads why first.
            elif not child.done and not child.control.poll(0):
                raise failure_of(child)
        self._continue_those_due()
        self._replace_those_due()

    def replace(self, child: Child) -> Child:
        """Start the successor of a process that is dead. Raises ProcessFailed if it had too many predecessors."""
        self._check_lives(child)
        self._close(child)
        successor = self._start(replace(child.spec, life=child.spec.life + 1))
        logger.info("%s takes the place of %s", successor.name, child.name)
        self._children[self._children.index(child)] = successor
        return successor

    def suspend(self, process: Process) -> bool:
        for child in self._children:
            if child.spec.process == process and not child.done and not child.dies:
                child.held = True
                child.suspend()
                logger.info("%s: sent SIGSTOP", child.name)
                return self._stands_still(child)
        return False

    def resume(self, process: Process) -> None:
        for child in self._children:
            if child.spec.process == process and child.held:
                child.held = False
                if child.continue_at is None and not child.done and not child.dies:
                    with suppress(psutil.NoSuchProcess):
                        child.resume()
                        logger.info("%s: sent SIGCONT", child.name)

    def signal_lock(self, process: Process, number: Signals) -> bool:
        for child in self._children:
            if child.spec.process == process and child.groups and not child.done and not child.dies:
                signal_groups(child.groups, number)
                logger.info("the lock of %s: sent %s", child.name, number.name)
                return True
        return False

    def figures(self) -> Figures:
        total = replace(self._ended_figures)
        for child in self._children:
            _add(total, child)
        return total

    def living(self) -> dict[int, str]:
        """The processes, and the foreign locks that are a part of them, named, by their numbers."""
        found = {child.handle.pid: child.name for child in self._children if not child.ended}
        groups = {
            group: f"lock of {child.name}" for child in self._children if not child.ended for group in child.groups
        }
        return found | groups

    def _start(self, spec: ProcessSpec) -> Child:
        with undisturbed():
            return Child(self._context, spec, self._gates)

    def _receive(self, child: Child) -> None:
        try:
            news = child.control.recv()
        except (EOFError, OSError):
            if child.dies:
                self._note_death(child)
                return
            raise failure_of(child) from None
        if news[0] == "ready":
            child.watch(news[3])
            logger.info("%s is ready: pid %d, cores %s", child.name, news[1], news[2])
            process = ProcessLife(name=child.spec.process.place, life=child.spec.life, pid=news[1], affinity=news[2])
            self.report.processes.append(process)
            for order in self._orders[child.spec.program.ends]:
                child.send(order)
        elif news[0] == "dies":
            child.dies = True
            child.restart_ms = news[1]
            logger.info("%s: a fault kills it, restart after %s ms", child.name, news[1])
        elif news[0] == "paused":
            logger.info("%s: a fault stops it (SIGSTOP) for %s ms", child.name, news[1])
            # A pause is counted from the moment that the kernel shows the process as stopped.
            if self._stands_still(child):
                child.continue_at = time.monotonic() + news[1] / 1000
                child.wakes_on = news[2]
                child.checks_before = self._checks_beside(child)
        elif news[0] == "resumed":
            child.continue_at = None
            logger.info("%s goes on", child.name)
        elif news[0] == "done":
            child.done = True
            logger.debug("%s is done", child.name)
        else:
            raise with_evidence(ProcessFailed(f"{child.spec.name}: {news[1]}"), child.spec.process.place, news[2])

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

    def _note_death(self, child: Child) -> None:
        """A process that a fault killed is gone, for good or until its successor is due."""
        if child.born_again_at is not None or child.done:
            return
        self._close(child)
        child.continue_at = None
        if child.restart_ms is None:
            child.done = True
        else:
            self._check_lives(child)
            child.born_again_at = time.monotonic() + child.restart_ms / 1000

    def _replace_those_due(self) -> None:
        now = time.monotonic()
        for child in list(self._children):
            if child.born_again_at is not None and now >= child.born_again_at:
                self.replace(child)

    @staticmethod
    def _check_lives(child: Child) -> None:
        if child.spec.life + 1 >= MAX_LIVES:
            raise ProcessFailed(f"{child.spec.name} was killed {MAX_LIVES} times: let the fault come less often")

    def _close(self, child: Child) -> None:
        _add(self._ended_figures, child)
        self._end(child)

    def _checks_beside(self, child: Child) -> list[int]:
        """What the other processes of its cell show of their checks."""
        cell = child.spec.cell
        return [other.gauge(CHECKS) for other in self._children if other is not child and other.spec.cell == cell]

    def _successor_has_checked(self, child: Child) -> bool:
        return was_checked(child.wakes_on, child.checks_before, self._checks_beside(child))

    def _continue_those_due(self) -> None:
        now = time.monotonic()
        for child in self._children:
            if child.wakes_on is not None and child.continue_at is not None and self._successor_has_checked(child):
                child.wakes_on, child.continue_at = None, now
            if child.continue_at is not None and now >= child.continue_at and not child.held:
                with suppress(psutil.NoSuchProcess):  # its end is reported elsewhere
                    child.resume()
                    logger.info("%s: sent SIGCONT at the end of its pause", child.name)
                child.wakes_on, child.continue_at = None, now + CONTINUE_AGAIN_S

    def _end_all(self) -> None:
        # All are killed before any is waited for: one by one would let the rest go on meanwhile.
        for child in self._children:
            if not child.ended and child.process.is_alive():
                child.kill()
        for child in self._children:
            self._end(child)

    def _end(self, child: Child) -> None:
        ended = child.ended
        child.end()
        if child.ending is not None and not ended and len(self.report.endings) < MOST_ENDINGS:
            self.report.endings.append(child.ending)


def _add(total: Figures, child: Child) -> None:
    """Add what a child's journal shows; nothing once it was closed."""
    if child.ended:
        return
    total.commits += child.gauge(COMMITS)
    total.stale += child.gauge(STALE)
    total.raced_applications += child.gauge(RACED_APPLICATIONS)


def failure_of(child: Child) -> ProcessFailed:
    """How a process ended that was not to end."""
    child.process.join(STOP_WITHIN_S)
    logger.error("%s %s", child.name, _ending(child.process.exitcode))
    return ProcessFailed(f"{child.spec.name} {_ending(child.process.exitcode)}")


def _ending(code: int | None) -> str:
    """How a process ended, as a part of a sentence."""
    if code is not None and code < 0:
        return f"was killed by signal {-code}"
    return f"ended by itself with exit code {code}"
