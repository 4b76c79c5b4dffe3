"""The wall clock of one host is wrong, as all processes there read it."""

from random import Random
from typing import TYPE_CHECKING

from pydantic import Field

from leasebench.bench.faults.fault import Boundary, FaultReport, Victim
from leasebench.bench.faults.host_fault import HostFault
from leasebench.bench.faults.skew import ClockSkew, skewed_once
from leasebench.leases.guard import Guard
from leasebench.results.record.trouble import FaultEffect

if TYPE_CHECKING:
    from leasebench.bench.environment import Environment


class HostClock(HostFault):
    """From their first operation on the processes on `host` read a wall clock that is `ms` ahead (negative: behind).

    That clock is the one that a lease manager asks for; the machine's own is left alone, and so are the clocks of the
    journals.
    """

    name = "host_clock"
    about = "the wall clock of a host runs ahead or behind, for lease managers that read client clocks"
    colour = "#9b59b6"
    instant = True

    ms: float = Field(ge=-86_400_000, le=86_400_000)

    def refuses(self, guard: Guard) -> str | None:
        return ClockSkew(enactors=[0], ms=self.ms).refuses(guard)

    def effect(self) -> FaultEffect:
        return FaultEffect.TIMING

    def describe(self, report: FaultReport) -> str:
        return ClockSkew(enactors=[0], ms=self.ms).describe(report)

    def arrange(self, environment: "Environment", number: int, rng: Random) -> None:  # noqa: ARG002
        """There have to be hosts."""
        self.processes(environment)

    def aims_at(self, victim: Victim) -> bool:
        """All that runs there."""
        return victim.host == self.hit_host

    def armed_in(self, victim: Victim, rng: Random) -> Boundary | None:  # noqa: ARG002
        """Set the clock wrong once."""
        return skewed_once(self.ms, victim)


PLUGIN = HostClock
