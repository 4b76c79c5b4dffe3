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

from leasebench.bench.engines.forkserver import running_forkserver, undisturbed
from leasebench.bench.engines.member import Member
from leasebench.bench.engines.spec import ProcessSpec, Role
from leasebench.results.journal import Live, State

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


class Crew:
    """The processes of one trial. Use as a context: at its end none is left, and `report` says what was seen."""

    def __init__(self, specs: Sequence[ProcessSpec], report: Report) -> None:
        self._specs = specs
        self._members: list[Member] = []
        self._buried = Figures()
        self._context: Any = None
        self._told: dict[Role, list[tuple[Any, ...]]] = {role: [] for role in Role}
        self.report = report

    def __enter__(self) -> Self:
        try:
            self._context = running_forkserver()
            for spec in self._specs:
                with undisturbed():
                    self._members.append(Member(self._context, spec))
            ready = "the processes were not ready"
            self._until(lambda: all(member.ready for member in self._members), READY_WITHIN_S, ready)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def run(self, timing: Timing, watch: Watch) -> None:
        """Run load, settling and stop. Raises ProcessFailed as soon as a process fails."""
        start = self.report.start_ns = perf_counter_ns() + START_MARGIN_NS
        self._tell(("start", start), *Role)
        while not self._load_is_over(timing):
            self._attend(WATCH_EVERY_S)
            watch.look((perf_counter_ns() - start) / 1e9, self.figures())
        watch.load_is_over()
        self._tell(("calm",), Role.ENACTOR, Role.OPERATOR)
        self._tell(("stop",), Role.PLANNER)
        planners = self._of(Role.PLANNER)
        self._until(lambda: all(planner.done for planner in planners), STOP_GRACE_S, "a planner did not stop")
        self.report.load_end_ns = perf_counter_ns()
        settled = time.monotonic() + timing.settle_s
        while not self._quiet() and time.monotonic() < settled:
            self._attend(WATCH_EVERY_S / 4)
        self._tell(("stop",), Role.ENACTOR, Role.OPERATOR)
        self._until(self._all_done, STOP_GRACE_S, "an enactor did not stop")
        self.report.end_ns = perf_counter_ns()

    def figures(self) -> Figures:
        """Sum what the enactors' journals show."""
        total = replace(self._buried)
        for member in self._of(Role.ENACTOR):
            _add(total, member)
        return total

    def suspend(self, process: str) -> bool:
        """Stop a process (SIGSTOP) and wait until it stands; False if it is gone."""
        for member in self._members:
            if member.spec.process == process and not member.done and not member.dies:
                member.held = True
                member.handle.suspend()
                return self._stands_still(member)
        return False

    def resume(self, process: str) -> None:
        """Let a process go on, unless a pause of its own holds it."""
        for member in self._members:
            if member.spec.process == process and member.held:
                member.held = False
                if member.continue_at is None and not member.done and not member.dies:
                    with suppress(psutil.NoSuchProcess):
                        member.handle.resume()

    def _of(self, *roles: Role) -> list[Member]:
        return [member for member in self._members if member.spec.role in roles]

    def _tell(self, order: tuple[Any, ...], *roles: Role) -> None:
        """Give an order to all processes of these roles; one that is born later hears it as it begins."""
        for role in roles:
            self._told[role].append(order)
        for member in self._of(*roles):
            if member.ready and not member.done and not member.dies:
                self._send(member, order)

    @staticmethod
    def _send(member: Member, order: tuple[Any, ...]) -> None:
        with suppress(OSError):  # it has ended: why, is heard of elsewhere
            member.control.send(order)

    def _all_done(self) -> bool:
        return all(member.done for member in self._members)

    def _load_is_over(self, timing: Timing) -> bool:
        elapsed = (perf_counter_ns() - self.report.start_ns) / 1e9
        if elapsed < timing.duration_s:
            return False
        return elapsed >= timing.longest_s or self.figures().raced_applications >= timing.min_races

    def _quiet(self) -> bool:
        """Whether every enactor has seen its cell's last plan in force, and waits for another one."""
        last: dict[str, int] = {}
        for publisher in self._of(Role.PLANNER, Role.OPERATOR):
            cell = publisher.spec.cell.name
            last[cell] = max(last.get(cell, 0), publisher.show(Live.VERSION))
        return all(
            member.done
            or (
                member.continue_at is None
                and member.show(Live.STATE) == State.IDLE
                and member.show(Live.VERSION) >= last[member.spec.cell.name]
            )
            for member in self._of(Role.ENACTOR)
        )

    def _until(self, reached: Callable[[], bool], within_s: float, otherwise: str) -> None:
        deadline = time.monotonic() + within_s
        while not reached():
            if any(member.continue_at is not None or member.born_again_at is not None for member in self._members):
                deadline = time.monotonic() + within_s
            if time.monotonic() > deadline:
                raise ProcessFailed(f"{otherwise} within {within_s:.0f} s")
            self._attend(WATCH_EVERY_S)

    def _attend(self, within_s: float) -> None:
        """Wait for news of any process, at most `within_s`, and end the pauses that are due."""
        now = time.monotonic()
        pauses = [member.continue_at for member in self._members if not member.held]
        births = [member.born_again_at for member in self._members]
        due = [instant - now for instant in (*pauses, *births) if instant is not None]
        if any(member.wakes_on is not None for member in self._members):
            within_s = min(within_s, LOOK_FOR_SUCCESSOR_S)
        living = [member for member in self._members if not member.done and member.born_again_at is None]
        sources: dict[Any, Member] = {member.control: member for member in living}
        sources |= {member.process.sentinel: member for member in living}
        news = wait(list(sources), max(0.0, min([within_s, *due])))
        for source in sorted(news, key=lambda source: isinstance(source, int)):
            member = sources[source]
            if source is member.control:
                self._hear(member)
            elif member.dies:
                self._bury(member)
            elif not member.done and not member.control.poll(0):
                raise ProcessFailed(f"{member.spec.name} {ending(member.process.exitcode)}")
        self._continue_those_due()
        self._bear_those_due()

    def _hear(self, member: Member) -> None:
        try:
            news = member.control.recv()
        except (EOFError, OSError):
            if member.dies:
                self._bury(member)
                return
            raise _died(member) from None
        if news[0] == "ready":
            member.watch()
            process = {"name": member.spec.process, "life": member.spec.life, "pid": news[1], "affinity": news[2]}
            self.report.processes.append(process)
            for order in self._told[member.spec.role]:
                self._send(member, order)
        elif news[0] == "dies":
            member.dies = True
            member.restart_ms = news[1]
        elif news[0] == "paused":
            # A pause is counted from the moment that the kernel shows the process as stopped.
            if self._stands_still(member):
                member.continue_at = time.monotonic() + news[1] / 1000
                member.wakes_on = news[2]
                member.checks_before = self._checks_beside(member)
        elif news[0] == "resumed":
            member.continue_at = None
        elif news[0] == "done":
            member.done = True
        else:
            raise ProcessFailed(f"{member.spec.name}: {news[1]}")

    @staticmethod
    def _stands_still(member: Member) -> bool:
        """Wait until the kernel shows the process as stopped; False if it ended instead. Raises ProcessFailed."""
        deadline = time.monotonic() + STOPPED_WITHIN_S
        with suppress(psutil.NoSuchProcess):
            while (status := member.handle.status()) not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
                if status == psutil.STATUS_STOPPED:
                    return True
                if time.monotonic() > deadline:
                    raise ProcessFailed(f"{member.spec.name} was to stop, and did not")
                time.sleep(0.0001)
        return False

    def _bury(self, member: Member) -> None:
        """A process that a fault killed is gone, for good or until its successor is due."""
        if member.born_again_at is not None or member.done:
            return
        _add(self._buried, member)
        member.end()
        member.continue_at = None
        if member.restart_ms is None:
            member.done = True
        elif member.spec.life + 1 >= MAX_LIVES:
            raise ProcessFailed(f"{member.spec.name} was killed {MAX_LIVES} times: let the fault strike more seldom")
        else:
            member.born_again_at = time.monotonic() + member.restart_ms / 1000

    def _bear_those_due(self) -> None:
        now = time.monotonic()
        for place, member in enumerate(self._members):
            if member.born_again_at is not None and now >= member.born_again_at:
                with undisturbed():
                    self._members[place] = Member(self._context, replace(member.spec, life=member.spec.life + 1))

    def _checks_beside(self, member: Member) -> list[int]:
        """What the other enactors of its cell show of their checks."""
        cell = member.spec.cell
        beside = (other for other in self._of(Role.ENACTOR) if other is not member and other.spec.cell == cell)
        return [other.show(Live.CHECKS) for other in beside]

    def _successor_has_checked(self, member: Member) -> bool:
        pairs = zip(member.checks_before, self._checks_beside(member), strict=True)
        return any(now != before and now & 0xFFFF == member.wakes_on for before, now in pairs)

    def _continue_those_due(self) -> None:
        now = time.monotonic()
        for member in self._members:
            if member.wakes_on is not None and member.continue_at is not None and self._successor_has_checked(member):
                member.wakes_on, member.continue_at = None, now
            if member.continue_at is not None and now >= member.continue_at and not member.held:
                with suppress(psutil.NoSuchProcess):  # its end is heard of elsewhere
                    member.handle.resume()
                member.wakes_on, member.continue_at = None, now + CONTINUE_AGAIN_S

    def _end(self) -> None:
        for member in self._members:
            if not member.ended and member.process.is_alive():
                member.process.kill()
        for member in self._members:
            member.end()


def _add(total: Figures, member: Member) -> None:
    """Add what a member's journal shows; nothing once it was closed."""
    if member.ended:
        return
    total.commits += member.show(Live.COMMITS)
    total.stale += member.show(Live.STALE)
    total.raced_applications += member.show(Live.RACED_APPLICATIONS)


def _died(member: Member) -> ProcessFailed:
    member.process.join(STOP_GRACE_S)
    return ProcessFailed(f"{member.spec.name} {ending(member.process.exitcode)}")


def ending(code: int | None) -> str:
    """How a process ended, as a part of a sentence."""
    if code is not None and code < 0:
        return f"was killed by signal {-code}"
    return f"ended by itself with exit code {code}"
