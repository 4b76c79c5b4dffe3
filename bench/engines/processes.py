"""The engine `processes`: real operating-system processes, real time, real signals. The supervisor's side.

The supervisor starts one process a program, lets all begin at one instant, ends each pause that a fault began,
and sees to it that none is left, stopped or running, however the trial ends.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from time import perf_counter_ns
from typing import Any, Self

import multiprocess
import multiprocess.forkserver
import multiprocess.resource_tracker
import psutil

from bench.engines.executor import ProcessSpec
from bench.engines.preload import HARNESS_VARIABLE
from bench.engines.worker import main
from bench.reaper import reaper
from results.journal import Live, LiveView, State

READY_WITHIN_S = 20.0
START_MARGIN_NS = 15_000_000
STOPPED_WITHIN_S = 1.0
STOP_GRACE_S = 5.0
CONTINUE_AGAIN_S = 0.05
"""A SIGCONT that overtook its SIGSTOP is lost: it is sent again until the process says that it goes on."""
WATCH_EVERY_S = 0.02
INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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


class Member:
    """One process of the crew."""

    def __init__(self, context: Any, spec: ProcessSpec) -> None:
        self.spec = spec
        self.control, theirs = context.Pipe()
        self.process = context.Process(target=main, args=(spec, theirs), name=spec.name, daemon=True)
        self.process.start()
        theirs.close()
        reaper().watch_process(self.process.pid)
        self.handle = psutil.Process(self.process.pid)
        self.view: LiveView | None = None
        self.ready = self.done = False
        self.continue_at: float | None = None

    def show(self, figure: int) -> int:
        return self.view[figure] if self.view else 0

    def end(self) -> None:
        """Kill it if it still lives, stopped or not, and let go of everything."""
        if self.process.is_alive():
            self.process.kill()
        self.process.join(STOP_GRACE_S)
        reaper().forget_process(self.process.pid)
        self.control.close()
        if self.view:
            self.view.close()


class Crew:
    """The processes of one trial. Use as a context: at its end none is left, and `report` says what was seen."""

    def __init__(self, specs: Sequence[ProcessSpec], report: Report) -> None:
        self._specs = specs
        self._members: list[Member] = []
        self.report = report

    def __enter__(self) -> Self:
        try:
            context = _running_forkserver()
            for spec in self._specs:
                with _undisturbed():
                    self._members.append(Member(context, spec))
            ready = "the processes were not ready"
            self._until(lambda: all(member.ready for member in self._members), READY_WITHIN_S, ready)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def run(self, timing: Timing, watch: Callable[[float, Figures], None]) -> None:
        """Run load, settling and stop. `watch` is called many times a second with the load's elapsed seconds.

        Raises ProcessFailed as soon as a process does.
        """
        start = self.report.start_ns = perf_counter_ns() + START_MARGIN_NS
        self._tell(self._members, ("start", start))
        while not self._load_is_over(timing):
            self._attend(WATCH_EVERY_S)
            watch((perf_counter_ns() - start) / 1e9, self.figures())
        planner, enactors = self._members[0], self._members[1:]
        self._tell([planner], ("stop",))
        self._until(lambda: planner.done, STOP_GRACE_S, "the planner did not stop")
        self.report.load_end_ns = perf_counter_ns()
        settled = time.monotonic() + timing.settle_s
        while not self._quiet(enactors, planner.show(Live.VERSION)) and time.monotonic() < settled:
            self._attend(WATCH_EVERY_S / 4)
        self._tell(enactors, ("stop",))
        self._until(lambda: all(member.done for member in self._members), STOP_GRACE_S, "an enactor did not stop")
        self.report.end_ns = perf_counter_ns()

    def figures(self) -> Figures:
        """Sum what the enactors' journals show."""
        total = Figures()
        for member in self._members[1:]:
            total.commits += member.show(Live.COMMITS)
            total.stale += member.show(Live.STALE)
            total.raced_applications += member.show(Live.RACED_APPLICATIONS)
        return total

    def _load_is_over(self, timing: Timing) -> bool:
        elapsed = (perf_counter_ns() - self.report.start_ns) / 1e9
        if elapsed < timing.duration_s:
            return False
        return elapsed >= timing.longest_s or self.figures().raced_applications >= timing.min_races

    def _quiet(self, enactors: Sequence[Member], last: int) -> bool:
        return all(
            member.continue_at is None and member.show(Live.STATE) == State.IDLE and member.show(Live.VERSION) >= last
            for member in enactors
        )

    def _until(self, reached: Callable[[], bool], within_s: float, otherwise: str) -> None:
        deadline = time.monotonic() + within_s
        while not reached():
            if any(member.continue_at is not None for member in self._members):
                deadline = time.monotonic() + within_s
            if time.monotonic() > deadline:
                raise ProcessFailed(f"{otherwise} within {within_s:.0f} s")
            self._attend(WATCH_EVERY_S)

    @staticmethod
    def _tell(members: Sequence[Member], order: tuple[Any, ...]) -> None:
        for member in members:
            try:
                member.control.send(order)
            except OSError as error:
                raise ProcessFailed(f"{member.spec.name} is gone") from error

    def _attend(self, within_s: float) -> None:
        """Wait for news of any process, at most `within_s`, and end the pauses that are due."""
        now = time.monotonic()
        due = [member.continue_at - now for member in self._members if member.continue_at is not None]
        living = [member for member in self._members if not member.done]
        sources: dict[Any, Member] = {member.control: member for member in living}
        sources |= {member.process.sentinel: member for member in living}
        news = wait(list(sources), max(0.0, min([within_s, *due])))
        for source in sorted(news, key=lambda source: isinstance(source, int)):
            member = sources[source]
            if source is member.control:
                self._hear(member)
            elif not member.done and not member.control.poll(0):
                raise ProcessFailed(f"{member.spec.name} {_ending(member.process.exitcode)}")
        self._continue_those_due()

    def _hear(self, member: Member) -> None:
        try:
            news = member.control.recv()
        except (EOFError, OSError):
            raise _died(member) from None
        if news[0] == "ready":
            member.ready = True
            member.view = LiveView(member.spec.journal)
            self.report.processes.append({"name": member.spec.name, "pid": news[1], "affinity": news[2]})
        elif news[0] == "paused":
            self._until_stopped(member)
            member.continue_at = time.monotonic() + news[1] / 1000
        elif news[0] == "resumed":
            member.continue_at = None
        elif news[0] == "done":
            member.done = True
        else:
            raise ProcessFailed(f"{member.spec.name}: {news[1]}")

    @staticmethod
    def _until_stopped(member: Member) -> None:
        """The pause is counted from the moment that the kernel shows the process as stopped."""
        deadline = time.monotonic() + STOPPED_WITHIN_S
        try:
            while member.handle.status() != psutil.STATUS_STOPPED:
                if time.monotonic() > deadline:
                    raise ProcessFailed(f"{member.spec.name} said that it stops, and did not")
                time.sleep(0.0001)
        except psutil.NoSuchProcess:
            raise _died(member) from None

    def _continue_those_due(self) -> None:
        now = time.monotonic()
        for member in self._members:
            if member.continue_at is not None and now >= member.continue_at:
                try:
                    member.handle.resume()
                except psutil.NoSuchProcess:
                    raise _died(member) from None
                member.continue_at = now + CONTINUE_AGAIN_S

    def _end(self) -> None:
        for member in self._members:
            if member.process.is_alive():
                member.process.kill()
        for member in self._members:
            member.end()


def forkserver() -> Any:
    """The context whose server forks our children; it has imported what they need, and dies with us."""
    context = multiprocess.get_context("forkserver")
    os.environ[HARNESS_VARIABLE] = str(os.getpid())
    context.set_forkserver_preload(["__main__", "bench.engines.preload"])
    return context


def _running_forkserver() -> Any:
    """The same context, with its server running: Ctrl-C goes to the whole process group, and is not for it."""
    context = forkserver()
    multiprocess.resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        multiprocess.forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return context


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Hold back an interrupt until the end: one amid a start would leave the forkserver with half a request."""
    came: list[int] = []
    before = {number: signal.signal(number, lambda number, _: came.append(number)) for number in INTERRUPTS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        signal.raise_signal(came[0])


def _died(member: Member) -> ProcessFailed:
    member.process.join(STOP_GRACE_S)
    return ProcessFailed(f"{member.spec.name} {_ending(member.process.exitcode)}")


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was killed by signal {-code}"
    return f"ended by itself with exit code {code}"
