"""All that a trial has on one host stands still: a virtual machine that is moved, or starved."""

from random import Random
from typing import TYPE_CHECKING

from leasebench.bench.faults.fault import FaultReport, Injection
from leasebench.bench.faults.host_fault import HostOutage
from leasebench.bench.faults.pause import PauseProcess, Stopped, stood_long_enough
from leasebench.results.record.trouble import FaultEffect

if TYPE_CHECKING:
    from leasebench.bench.environment import Environment


class HostPause(HostOutage):
    """Stop all processes on `host` (SIGSTOP) for `ms` or `times_ttl`, first after `first_s` of load.

    Then about every `every_s`. Its agent goes on: it has to let them go on.
    """

    name = "host_pause"
    about = "all processes on a host are stopped (SIGSTOP) for a while, as when a virtual machine is moved"
    colour = "#a04000"
    overhead_ms = 200.0
    """The agent is asked for each process, and waits until the kernel shows it as stopped."""

    @classmethod
    def available(cls) -> str | None:
        return PauseProcess.available()

    def effect(self) -> FaultEffect:
        return FaultEffect.TIMING

    def describe(self, report: FaultReport) -> str:  # noqa: ARG002
        return f"{{target}} is on host {self.hit_host}, all of whose processes are stopped (SIGSTOP)"

    def arrange(self, environment: "Environment", number: int, rng: Random) -> None:  # noqa: ARG002
        """There have to be hosts."""
        self.processes(environment)

    def inject(self, environment: "Environment", rng: Random) -> Injection:  # noqa: ARG002
        """Stop them, one after the other."""
        return Stopped(environment, self.processes(environment))

    def hit(self, report: FaultReport) -> bool:
        return stood_long_enough(report, self.times_ttl)


PLUGIN = HostPause
