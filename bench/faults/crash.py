"""A process is killed (SIGKILL) at the boundary of an operation; another one takes its place and resumes, or none."""

from collections.abc import Iterable
from random import Random
from typing import Self

from pydantic import Field, model_validator

from bench.boundary import Step, Trigger
from bench.faults import Action, Boundary, Kill, Strike, Thread, Victim
from enactors.operations import Operation


class CrashSettings(Strike):
    """Kill each of `enactors` before or after an operation, in every `every`-th application.

    While it holds a lease: `after = "acquire"`; while it cleans up: `before = "delete"`. After `restart_ms` a new
    process begins where the store stands; without it the enactor is gone for the rest of the trial.
    """

    enactors: list[int] = Field(min_length=1)
    before: Step | None = None
    after: Step | None = None
    every: int = Field(default=1, ge=1)
    restart_ms: float | None = Field(default=None, ge=0, le=60_000)

    @model_validator(mode="after")
    def _one_side(self) -> Self:
        if (self.before is None) == (self.after is None):
            raise ValueError("say where: either before or after an operation")
        return self

    def victims(self) -> Iterable[int]:
        return self.enactors

    def boundary(self, victim: Victim, rng: Random) -> Boundary | None:
        """Kill where the trigger fires."""
        step = self.before or self.after
        thread = Thread.RENEWER if step is Step.RENEW else Thread.WORKER
        if step is None or victim.enactor not in self.enactors or victim.thread is not thread:
            return None
        trigger = Trigger("before" if self.before else "after", step, self.every, rng)

        def strike(side: str, operation: Operation) -> Action | None:
            return Kill(self.restart_ms) if trigger.fires(side, operation) else None

        return strike


class CrashFault:
    """SIGKILL, from within, at an exact place."""

    name = "crash"
    about = "SIGKILL of a process before or after an operation, with or without a restart that resumes"
    colour = "#000000"
    settings = CrashSettings

    def available(self) -> str | None:
        return None


PLUGIN = CrashFault()
