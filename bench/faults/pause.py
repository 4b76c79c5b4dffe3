"""A process is stopped, whole, at the boundary of an operation: a garbage collection, a live migration, a debugger."""

import signal
from random import Random
from typing import Literal

from pydantic import Field

from bench.faults import Action, Boundary, Pause, Victim
from enactors.operations import Commit, Finish, Operation
from leases.definitions import Definition

OPERATIONS = {"commit": Commit}


class PauseSettings(Definition):
    """Stop each of `enactors` once an application, before its commit of an endpoint drawn at random.

    The pause is `times_ttl` times the lease's time to live, drawn up or down by up to `spread`.
    `every` lets that many applications pass between two pauses.
    """

    before: Literal["commit"] = "commit"
    enactors: list[int] = Field(min_length=1)
    times_ttl: float = Field(gt=0, le=100)
    spread: float = Field(default=0.0, ge=0, lt=1)
    every: int = Field(default=1, ge=1)

    def boundary(self, victim: Victim, rng: Random) -> Boundary | None:
        """Count applications by their `Finish`, and stop before the drawn commit of each `every`-th."""
        if victim.enactor not in self.enactors:
            return None
        state = {"applications": 0, "skip": rng.randrange(4), "done": False}

        def strike(when: str, operation: Operation) -> Action | None:
            if when != "before":
                return None
            if isinstance(operation, Finish):
                state.update(applications=state["applications"] + 1, skip=rng.randrange(4), done=False)
                return None
            if not isinstance(operation, OPERATIONS[self.before]) or state["done"]:
                return None
            if state["applications"] % self.every:
                return None
            if state["skip"]:
                state["skip"] -= 1
                return None
            state["done"] = True
            return Pause(victim.ttl_ms * self.times_ttl * rng.uniform(1 - self.spread, 1 + self.spread))

        return strike

    def hit(self, seconds: float, action_ms: float, victim: Victim) -> bool:
        """A pause hit if the process was stopped for as long as asked, and longer than the lease lives."""
        return seconds * 1000 >= max(action_ms * 0.99, victim.ttl_ms)


class PauseFault:
    """SIGSTOP at an operation's boundary, SIGCONT from the supervisor."""

    name = "pause"
    about = "SIGSTOP of a whole process before an operation, SIGCONT after a multiple of the lease's TTL"
    colour = "#d55e00"
    settings = PauseSettings

    def available(self) -> str | None:
        return None if hasattr(signal, "SIGSTOP") else "this system has no SIGSTOP"


PLUGIN = PauseFault()
