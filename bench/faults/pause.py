"""A process stands still, whole or one of its threads: a garbage collection, a live migration, a starved scheduler."""

import signal
from collections.abc import Iterator
from enum import StrEnum
from random import Random
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from leasebench.bench.faults.fault import Action, Boundary, Delay, FaultReport, Injection, Pause, Victim
from leasebench.bench.faults.length import length_ms
from leasebench.bench.faults.trigger import RENEW, StepFault
from leasebench.leases.operations import Operation
from leasebench.results.record.trouble import FaultEffect
from leasebench.toml_lines import TomlTable

if TYPE_CHECKING:
    from leasebench.bench.environment import Environment
    from leasebench.results.record.process import Process


class Who(StrEnum):
    """What stands still. SIGSTOP stops every thread, so one alone is held at its own operation's boundary."""

    PROCESS = "process"
    WORKER = "worker"
    RENEWER = "renewer"


class PauseProcess(StepFault):
    """Stop `enactors` at one side of an operation (`before` or `after`; else before a commit), or at random times.

    At an operation: once in every `every`-th application, at an occurrence drawn at random (of `renew`, `list` and
    `delete`: about every `every`-th). At random times (`per_s` a second on average): all of `enactors` at once.
    The pause lasts `ms`, or `times_ttl` times the lease's time to live, drawn up or down by up to `spread`. With
    `until = "successor_checked"` it ends before that as soon as another enactor has checked the same endpoint: the
    stopped one then wakes exactly between its successor's check and write.
    """

    name = "pause"
    about = "SIGSTOP of a process, or one of its threads held, at an operation or at random times"
    colour = "#d55e00"

    per_s: float | None = Field(default=None, gt=0, le=100)
    who: Who = Who.PROCESS
    """The whole process, or the thread that applies plans, or the one that renews the lease."""
    ms: float | None = Field(default=None, gt=0, le=600_000)
    times_ttl: float | None = Field(default=None, gt=0, le=100)
    spread: float = Field(default=0.0, ge=0, lt=1)
    until: Literal["successor_checked"] | None = None
    """Ends the pause as soon as a successor has checked the same endpoint."""

    @model_validator(mode="before")
    @classmethod
    def _before_a_commit(cls, table: TomlTable) -> TomlTable:
        return table if {"before", "after", "per_s"} & set(table) else {**table, "before": "commit"}

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if sum(choice is not None for choice in (self.before, self.after, self.per_s)) != 1:
            raise ValueError("say when: one of before, after (an operation) and per_s (random times)")
        if (self.ms is None) == (self.times_ttl is None):
            raise ValueError("say how long: either ms or times_ttl")
        if self.per_s is not None and self.who is not Who.PROCESS:
            raise ValueError("at random times only a whole process can be stopped: a thread is held at an operation")
        if self.who is not Who.PROCESS and (RENEW in (self.before, self.after)) != (self.who is Who.RENEWER):
            raise ValueError("the renewer alone is held at 'renew', the worker alone at any other operation")
        if self.until is not None and (self.per_s is not None or self.who is not Who.PROCESS):
            raise ValueError("until = 'successor_checked' is for a whole process that is stopped at an operation")
        return self

    @classmethod
    def available(cls) -> str | None:
        return None if hasattr(signal, "SIGSTOP") else "this system has no SIGSTOP"

    def effect(self) -> FaultEffect:
        return FaultEffect.TIMING

    def describe(self, report: FaultReport) -> str:  # noqa: ARG002
        return "{target} is stopped (SIGSTOP)" if self.who is Who.PROCESS else "{target} is held up"

    def armed_in(self, victim: Victim, rng: Random) -> Boundary | None:
        """Stop the process, or hold the thread, where the trigger fires."""
        trigger = self.trigger_in(victim, rng)
        if trigger is None:
            return None

        def act(side: str, operation: Operation) -> Action | None:
            if not trigger.fires(side, operation):
                return None
            lasts_ms = self._length_ms(victim.ttl_ms, rng)
            if self.who is not Who.PROCESS:
                return Delay(lasts_ms)
            return Pause(lasts_ms, getattr(operation, "endpoint", None) if self.until else None)

        return act

    def windows(self, rng: Random, ttl_ms: int) -> Iterator[tuple[float, float]]:
        """Random times; the next pause is drawn from the end of the one before."""
        end_s = 0.0
        while self.per_s is not None:
            begin_s = end_s + rng.expovariate(self.per_s)
            end_s = begin_s + self._length_ms(ttl_ms, rng) / 1000
            yield begin_s, end_s

    def inject(self, environment: "Environment", rng: Random) -> Injection:  # noqa: ARG002
        """Stop all of `enactors`."""
        return Stopped(environment, environment.processes_of(self.programs, self.hits_cell))

    def hit(self, report: FaultReport) -> bool:
        return stood_long_enough(report, self.times_ttl)

    def _length_ms(self, ttl_ms: int, rng: Random) -> float:
        return length_ms(self.ms, self.times_ttl, ttl_ms) * rng.uniform(1 - self.spread, 1 + self.spread)


def stood_long_enough(report: FaultReport, times_ttl: float | None) -> bool:
    """A pause hit if it lasted as long as asked; one that is to outlive the lease, if it did."""
    outlives = times_ttl is not None and times_ttl >= 1
    return report.came and report.lasted_ms >= report.ttl_ms if outlives else report.lasted


class Stopped:
    """Processes that stand still until they are healed."""

    def __init__(self, environment: "Environment", processes: "list[Process]") -> None:
        self._processes = environment.processes
        self._stopped = [process for process in processes if self._processes.suspend(process)]

    def heal(self) -> bool:
        """Let them go on; a hit if one was there to be stopped."""
        for process in self._stopped:
            self._processes.resume(process)
        return bool(self._stopped)


PLUGIN = PauseProcess
