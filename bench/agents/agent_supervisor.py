"""The supervisor of one host's share of a trial. It knows of the other hosts only what the harness tells."""

import time
from collections.abc import Mapping, Sequence

from leasebench.bench.agents.state import AgentState, ProcessState
from leasebench.bench.engines.processes.local_supervisor import LocalSupervisor
from leasebench.bench.engines.processes.spec import ProcessSpec
from leasebench.bench.engines.processes.supervisor import SupervisorReport, was_checked


class AgentSupervisor(LocalSupervisor):
    """See `LocalSupervisor`."""

    def __init__(self, specs: Sequence[ProcessSpec], report: SupervisorReport) -> None:
        super().__init__(specs, report)
        self._first_told: dict[str, tuple[float, tuple[int, ...]]] = {}
        """By process that waits for a check: in which pause that is, and what other hosts showed as it began."""

    def others_checked(self, checks: Mapping[str, Sequence[int]]) -> None:
        """Other hosts' enactors show these checks, by cell: those who waited for one of them go on."""
        for child in self.children:
            if child.wakes_on is None or child.continue_at is None:
                continue
            now = tuple(checks.get(child.spec.cell.name, ()))
            pause, before = self._first_told.get(child.name, (0.0, ()))
            if pause != child.continue_at:
                self._first_told[child.name] = child.continue_at, now
            elif was_checked(child.wakes_on, before, now):
                child.wakes_on, child.continue_at = None, time.monotonic()

    def state(self) -> AgentState:
        """What there is to tell."""
        return AgentState(
            tuple(
                ProcessState(
                    child.done,
                    child.held_up,
                    child.wakes_on is not None,
                    tuple(map(child.gauge, child.spec.program.gauges)),
                )
                for child in self.children
            ),
            self.figures(),
            tuple(self.living().items()),
        )
