"""The program of a lock in another language stands still or is killed, alone: its enactor goes on."""

import signal
from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from leasebench.bench.faults.fault import FaultReport, Injection, ProgramFault
from leasebench.bench.faults.spaced import spaced
from leasebench.results.record.trouble import FaultEffect

if TYPE_CHECKING:
    from leasebench.bench.environment import Environment
    from leasebench.leases.guard import Guard
    from leasebench.results.record.process import Process


class LockProcess(ProgramFault):
    """Stop the locks of `enactors` for `ms`, first after `first_s` of load, then about every `every_s`; or kill them.

    An enactor notices with its next call, which waits until the program goes on. After three seconds beyond the call's
    own patience the call has failed, and with it the trial; so it has at once where the program is dead.
    """

    name = "lock_process"
    about = "the program of a lock in another language is stopped or killed, and its enactor goes on"
    colour = "#7b4173"

    ms: float | None = Field(default=None, gt=0, le=600_000)
    """For how long it is stopped (SIGSTOP)."""
    kill: bool = False
    """Whether it is killed (SIGKILL), once, after `first_s`."""
    first_s: float = Field(default=0.5, ge=0, le=86_400)
    every_s: float = Field(default=1.0, gt=0, le=86_400)

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.ms is None) != self.kill:
            raise ValueError("say what: either ms, for how long it is stopped, or kill = true")
        return self

    @classmethod
    def available(cls) -> str | None:
        return None if hasattr(signal, "SIGSTOP") else "this system has no SIGSTOP"

    def never_hits(self, guard: "Guard") -> str | None:
        """Other locks are a part of their enactor."""
        return None if getattr(guard.library, "command", ()) else "its lock has no process of its own"

    def effect(self) -> FaultEffect:
        return FaultEffect.TIMING

    def describe(self, report: FaultReport) -> str:  # noqa: ARG002
        return f"the lock of {{target}} is {'killed (SIGKILL)' if self.kill else 'stopped (SIGSTOP)'}"

    def windows(self, rng: Random, ttl_ms: int) -> Iterator[tuple[float, float]]:  # noqa: ARG002
        """Draw when they stand still; a kill is done at once."""
        if self.ms is None:
            return iter([(self.first_s, self.first_s)])
        return spaced(self.first_s, self.every_s, self.ms / 1000, rng)

    def inject(self, environment: "Environment", rng: Random) -> Injection:  # noqa: ARG002
        """Send the signal to all of them."""
        victims = environment.processes_of(self.programs, self.hits_cell)
        return Signalled(environment, victims, signal.SIGKILL if self.kill else signal.SIGSTOP)


class Signalled:
    """Locks that stand still until they are healed, or are dead."""

    def __init__(self, environment: "Environment", victims: "list[Process]", sent: signal.Signals) -> None:
        self._processes = environment.processes
        self._hit = [process for process in victims if self._processes.signal_lock(process, sent)]

    def heal(self) -> bool:
        """Let them go on; a hit if there was one."""
        for process in self._hit:
            self._processes.signal_lock(process, signal.SIGCONT)
        return bool(self._hit)


PLUGIN = LockProcess
