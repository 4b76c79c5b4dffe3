"""An enactor's wall clock is wrong: what happens to a lease manager that reads it."""

from random import Random

from pydantic import Field

from leasebench.bench.faults.fault import Action, Boundary, FaultReport, ProgramFault, Skew, Thread, Victim
from leasebench.leases.guard import Guard
from leasebench.leases.operations import Operation
from leasebench.results.record.trouble import FaultEffect


class ClockSkew(ProgramFault):
    """From its first operation on the wall clock of `enactors` is `ms` ahead (negative: behind) of the true one."""

    name = "skew"
    about = "an enactor's wall clock runs ahead or behind, for lease managers that read client clocks"
    colour = "#cc79a7"
    instant = True

    ms: float = Field(ge=-86_400_000, le=86_400_000)

    def refuses(self, guard: Guard) -> str | None:
        """A library reads the true clock of the machine: it can't be skewed for one process alone."""
        return "a library reads this machine's own clock" if guard.library is not None else None

    def effect(self) -> FaultEffect:
        return FaultEffect.TIMING

    def describe(self, report: FaultReport) -> str:
        return f"the clock of {{target}} is {abs(report.asked_ms):g} ms {'ahead' if report.asked_ms >= 0 else 'behind'}"

    def armed_in(self, victim: Victim, rng: Random) -> Boundary | None:  # noqa: ARG002
        """Set the clock wrong once."""
        return skewed_once(self.ms, victim)


def skewed_once(ms: float, victim: Victim) -> Boundary | None:
    """At its first operation the process's clock is set wrong; its renewer reads the same one."""
    if victim.thread is not Thread.WORKER:
        return None
    pending = [Skew(ms)]

    def act(_side: str, _operation: Operation) -> Action | None:
        return pending.pop() if pending else None

    return act


PLUGIN = ClockSkew
