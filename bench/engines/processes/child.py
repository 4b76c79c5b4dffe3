"""One process of a trial, as its supervisor sees it."""

import logging
import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import psutil

from leasebench.bench.engines.processes.last_operation import last_operation
from leasebench.bench.engines.processes.spec import ProcessSpec, packed
from leasebench.bench.engines.processes.worker import main
from leasebench.bench.hosts.reaper import reaper
from leasebench.bench.last_words import ending, last_lines
from leasebench.leases.foreign.process import signal_groups
from leasebench.results.evidence.journal import LiveView
from leasebench.results.record.endings import ProcessEnding

logger = logging.getLogger(__name__)

ENDED_WITHIN_S = 5.0


class Child:
    """One process of a trial."""

    def __init__(self, context: Any, spec: ProcessSpec, gates: int = 0) -> None:
        self.spec = spec
        self.name = str(spec.identity())
        """The name of this life of the process, as its journal and the log give it."""
        self.control, theirs = context.Pipe()
        pairs = [context.Pipe() for _ in range(gates)]
        self.gates = [ours for ours, _ in pairs]
        """The lines to its gates, where a schedule decides when its operations are done."""
        lines = [line for _, line in pairs]
        self.process = context.Process(target=main, args=(packed(spec), theirs, lines), name=self.name, daemon=True)
        self.process.start()
        logger.info("%s started: pid %d", self.name, self.process.pid)
        for line in (theirs, *lines):
            line.close()
        reaper().watch_process(self.process.pid)
        self.handle = psutil.Process(self.process.pid)
        self.groups: tuple[int, ...] = ()
        """The process groups of foreign locks that are a part of it: stopped, resumed and killed with it."""
        self.view: LiveView | None = None
        self.ready = self.done = self.killed = self.ended = False
        self.continue_at: float | None = None
        self.wakes_on: int | None = None
        """The endpoint whose next check by another enactor ends its pause."""
        self.checks_before: list[int] = []
        self.held = False
        """Stopped from outside, until it is resumed."""
        self.dies = False
        """It said that a fault kills it."""
        self.restart_ms: float | None = None
        self.born_again_at: float | None = None
        self.ending: ProcessEnding | None = None
        """How it ended, of one that ended otherwise than it should."""

    def send(self, order: tuple[Any, ...]) -> None:
        """Send it an order. One that has ended does not get it; why it ended is reported elsewhere."""
        with suppress(OSError):
            self.control.send(order)

    def watch(self, groups: Sequence[int]) -> None:
        """It is ready: its journal shows from now on what it does. `groups` are the process groups that it started."""
        self.ready = True
        self.groups = tuple(groups)
        for group in self.groups:
            reaper().watch_process(-group)
        self.view = LiveView(self.spec.journal())

    def suspend(self) -> None:
        """Stop it, and what is a part of it. Raises NoSuchProcess if it is gone."""
        self.handle.suspend()
        signal_groups(self.groups, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on, and what is a part of it. Raises NoSuchProcess if it is gone."""
        signal_groups(self.groups, signal.SIGCONT)
        self.handle.resume()

    def kill(self) -> None:
        """Kill it, stopped or not, and what is a part of it."""
        # One that is not ready has told of no groups yet.
        started = [] if self.ready else self._descendants()
        self.killed = True
        self.process.kill()
        signal_groups(self.groups, signal.SIGKILL)
        for one in started:
            with suppress(psutil.NoSuchProcess):
                one.kill()

    def _descendants(self) -> list[psutil.Process]:
        try:
            found: list[psutil.Process] = self.handle.children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        return found

    @property
    def held_up(self) -> bool:
        """Whether a fault pauses it, or its successor has still to start: it can't answer."""
        return self.continue_at is not None or self.born_again_at is not None

    def gauge(self, name: str) -> int:
        """What the process shows of itself; 0 if it is gone, or its kind has no such gauge."""
        gauges = self.spec.program.gauges
        return self.view.gauge(gauges.index(name)) if self.view and not self.ended and name in gauges else 0

    def settled(self, published: int) -> bool:
        """Whether it has no more to do, with plan `published` the last one of its cell."""
        return self.done or (self.continue_at is None and self.spec.program.settled(self.gauge, published))

    def _last_words(self) -> ProcessEnding:
        """How it ended: what it said at last (its traceback), or what was written as a signal killed it."""
        lines = last_lines(self.spec.crash_file)
        with suppress(EOFError, OSError):
            while self.control.poll(0):
                said = self.control.recv()
                lines += said[2].splitlines() if said[0] == "failed" else []
                self.dies = self.dies or said[0] == "dies"
        told = ending(self.name, self.process.pid, self.process.exitcode, asked=self.dies, lines=lines)
        state = last_operation(self.spec.journal(), self.spec.cell.endpoints)
        return told.model_copy(update={"last_state": state})

    def end(self) -> None:
        """Kill it if it still lives, stopped or not, and let go of everything."""
        if self.ended:
            return
        self.ended = True
        if self.process.is_alive():
            self.kill()
            logger.info("%s: sent SIGKILL", self.name)
        elif not self.done:
            # It ended otherwise than it should, and so did not end what is a part of it.
            signal_groups(self.groups, signal.SIGKILL)
        self.process.join(ENDED_WITHIN_S)
        logger.info("%s ended: exit code %s", self.name, self.process.exitcode)
        if not self.killed and not self.done:
            self.ending = self._last_words()
        self.spec.crash_file.unlink(missing_ok=True)
        for number in (self.process.pid, *(-group for group in self.groups)):
            reaper().forget_process(number)
        for line in (self.control, *self.gates):
            line.close()
        if self.view:
            self.view.close()
