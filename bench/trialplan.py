"""The plan of one trial."""

from dataclasses import dataclass
from pathlib import Path
from random import Random

from leasebench.bench.engines.processes.load import Timing
from leasebench.bench.environment import processes_at
from leasebench.bench.faults.fault import Fault
from leasebench.bench.scenario import Scenario, obstacle
from leasebench.bench.suite import MAX_STRETCH, Suite
from leasebench.enactors.plan import Cell, endpoint_names
from leasebench.leases.guard import Guard
from leasebench.results.record.process import Process
from leasebench.verdict import SAFE, Verdict


@dataclass(frozen=True, slots=True)
class TrialPlan:
    """One guard under one scenario with one seed; `number` counts from 1 in the order of the run."""

    number: int
    guard: Guard
    scenario: Scenario
    seed: int
    suite: Suite

    @property
    def folder_name(self) -> str:
        return f"{self.number:04d}-{self.guard.name}-{self.scenario.name}"

    def folder_in(self, run: Path) -> Path:
        """The trial's folder in a run directory."""
        return run / "trials" / self.folder_name

    @property
    def timing(self) -> Timing:
        suite = self.suite
        return Timing(suite.duration_s, MAX_STRETCH * suite.duration_s, self.min_races, suite.settle_s)

    @property
    def min_races(self) -> int:
        """How many raced applications it needs; none where nobody applies a plan."""
        return self.suite.min_races if self.scenario.load.enactors else 0

    @property
    def enactors(self) -> list[str]:
        """The enactors of each cell."""
        return [f"enactor-{number}" for number in range(self.scenario.load.enactors)]

    @property
    def cells(self) -> list[Cell]:
        load = self.scenario.load
        endpoints = endpoint_names(load.endpoints)
        return [
            Cell(f"c{number}", endpoints, load.clean_age, load.purge_age, load.rollback) for number in range(load.cells)
        ]

    @property
    def processes(self) -> list[Process]:
        """Its processes, cell by cell, kind by kind, as they are started."""
        kinds = self.scenario.programs_by_kind()
        numbers = {kind: range(getattr(settings, "count", 1)) for kind, settings in kinds.items()}
        return processes_at(numbers, [cell.name for cell in self.cells])

    @property
    def ttl_ms(self) -> int:
        """The time to live of the leases; what pauses are measured by also where there is no lease."""
        return self.scenario.ttl_ms or self.guard.ttl_ms

    @property
    def expected(self) -> list[Verdict]:
        """The verdicts that are expected of it.

        A sweep is run to see where a guard fails: one of which harm is expected anywhere may come to anything at any
        value. One that claims to hold must hold at every value, as far as there were races to tell.
        """
        scenario = self.scenario
        if scenario.expected:
            return scenario.expected
        if not scenario.load.enactors:  # nobody writes: no guard can show what it is for
            return [Verdict.CLEAN, Verdict.UNPROVEN]
        swept = bool(scenario.varied and scenario.varied.keys() & set(self.suite.swept))
        of = scenario.family if swept and scenario.family else scenario.name
        stated = self.guard.expected(of, scenario.trouble)
        if not swept:
            return stated
        if SAFE.issuperset(stated):
            return list(dict.fromkeys((*stated, Verdict.UNPROVEN)))
        return [verdict for verdict in Verdict if verdict is not Verdict.FAILED]

    @property
    def faults(self) -> tuple[Fault | None, ...]:
        """The scenario's faults, in its order; None for one that takes no part.

        That is drawn from the seed; an optional one also stays away if it is not available here, or not for the guard.
        """
        rng, scenario = Random(f"{self.seed} faults"), self.scenario
        drawn = [rng.random() < fault.chance for fault in scenario.parsed_faults]
        return tuple(
            fault if takes_part and obstacle(fault, self.guard) is None else None
            for fault, takes_part in zip(scenario.parsed_faults, drawn, strict=True)
        )
