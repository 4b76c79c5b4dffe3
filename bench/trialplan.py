"""One trial as it is planned."""

from dataclasses import dataclass

from bench.engines.processes import Timing
from bench.suite import MAX_STRETCH, Scenario, Suite
from enactors.plan import Cell, endpoint_names
from leases.guard import Guard

CELL = "c0"


@dataclass(frozen=True, slots=True)
class TrialPlan:
    """Which guard, under which scenario, with which seed; `number` counts from 1 in the order of the run."""

    number: int
    guard: Guard
    scenario: Scenario
    seed: int
    suite: Suite

    @property
    def folder_name(self) -> str:
        return f"{self.number:04d}-{self.guard.name}-{self.scenario.name}"

    @property
    def timing(self) -> Timing:
        suite = self.suite
        return Timing(suite.duration_s, MAX_STRETCH * suite.duration_s, suite.min_races, suite.settle_s)

    @property
    def enactors(self) -> list[str]:
        return [f"enactor-{number}" for number in range(self.scenario.load.enactors)]

    @property
    def cell(self) -> Cell:
        load = self.scenario.load
        return Cell(CELL, endpoint_names(load.endpoints), load.clean_age, load.purge_age, load.rollback)
