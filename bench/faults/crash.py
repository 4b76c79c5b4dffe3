"""A process is killed (SIGKILL) at the boundary of an operation; another one takes its place and resumes, or none."""

from random import Random
from typing import Self

from pydantic import Field, model_validator

from leasebench.bench.faults.fault import Action, Boundary, FaultReport, Kill, Victim
from leasebench.bench.faults.trigger import StepFault
from leasebench.leases.operations import Operation
from leasebench.results.record.trouble import FaultEffect


class Crash(StepFault):
    """Kill each of `enactors` before or after an operation, in every `every`-th application.

    While it holds a lease: `after = "acquire"`; while it cleans up: `before = "delete"`. After `restart_ms` a new
    process begins where the store stands; without it the enactor is gone for the rest of the trial.
    """

    name = "crash"
    about = "SIGKILL of a process before or after an operation, with or without a restart that resumes"
    colour = "#000000"

    restart_ms: float | None = Field(default=None, ge=0, le=60_000)

    @model_validator(mode="after")
    def _one_side(self) -> Self:
        if (self.before is None) == (self.after is None):
            raise ValueError("say where: either before or after an operation")
        return self

    def effect(self) -> FaultEffect:
        return FaultEffect.CRASH

    def describe(self, report: FaultReport) -> str:  # noqa: ARG002
        return "{target} is killed (SIGKILL)"

    def armed_in(self, victim: Victim, rng: Random) -> Boundary | None:
        """Kill where the trigger fires."""
        trigger = self.trigger_in(victim, rng)
        if trigger is None:
            return None

        def act(side: str, operation: Operation) -> Action | None:
            return Kill(self.restart_ms) if trigger.fires(side, operation) else None

        return act


PLUGIN = Crash
