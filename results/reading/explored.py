"""Where a measurement says otherwise than what the explorer found out about a guard of the run (`explored.json`).

Exploring says what can happen at all, in a scope; measuring says what did. So a guard that is clean here and broken
there is no riddle, but one that was seen to break in a way that no order of steps can bring about is: one of the two
is wrong. To say so loudly it has to be sure that the scope has in it whatever the scenario did:

- a lease may expire, wherever the guard has one: a machine that stalls lets it, fault or not;
- a process may crash, where a fault kills some; a commit may be lost or late, where a fault sees to that or a reply was
  seen not to come;
- nothing happens that the explorer does not know: a server that restarts, is flushed or fails over, a request other
  than a commit that is lost or late, a client that repeats its requests by itself, an operator;
- the cell keeps a rollback record in both or in neither, unless no plan in force can be deleted: only then does the
  record never forbid a commit.

How many enactors, plans and endpoints there are is not asked for: that few of them show what many do is the bet of
every bounded search, and a run that proves it wrong is worth a loud word, too.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from leasebench.results.record.explored import Explored, ExploredGuard
from leasebench.results.record.suite import GuardTable, ScenarioTable, SuiteRecord
from leasebench.results.record.summary import CellSummary, Summary
from leasebench.results.record.trouble import FaultEffect

MEASURED = {"stale_overwrite": "stale_overwrites", "dangling": "dangling", "wedged": "wedged"}
"""Properties that a history can break for sure, and the figure of a run that counts it."""
TROUBLES = frozenset({"none", "timing"})
"""The kinds of trouble that the explorer models."""
EXPLORABLE = frozenset(FaultEffect) - {FaultEffect.OTHER}
"""What a fault may do, and every process and server is still one that the explorer knows."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A violation that was measured and that an exploration excludes."""

    guard: str
    scenario: str
    property: str
    seen: int
    explored: ExploredGuard

    def __str__(self) -> str:
        figure = MEASURED[self.property]
        return (
            f"{self.guard} under {self.scenario}: {self.seen} {figure} measured, and none is possible by exploration "
            f"({self.explored.states:,} states; {self.explored.scope.words}): one of the two is wrong"
        )


def contradictions(summary: Summary, suite: SuiteRecord, explored: Explored | None) -> list[Contradiction]:
    """Every violation of a run that its exploration excludes. `suite` is the run's resolved suite."""
    if explored is None:
        return []
    guards = {guard.name: guard for guard in suite.guards}
    scenarios = {scenario.name: scenario for scenario in suite.scenarios}
    found = []
    for cell in summary.cells:
        guard, scenario = guards.get(cell.guard), scenarios.get(cell.scenario)
        if guard is None or scenario is None or cell.failures:
            continue  # a history that can't be trusted contradicts nothing
        for name, figure in MEASURED.items():
            seen = cell.total(figure)
            against = next(
                (
                    each
                    for each in explored.of(guard)
                    if each.excludes(name) and not any(missing(each, guard, scenario, cell))
                ),
                None,
            )
            if seen and against is not None:
                found.append(Contradiction(*cell.place, name, seen, against))
    return found


def missing(explored: ExploredGuard, guard: GuardTable, scenario: ScenarioTable, cell: CellSummary) -> Iterator[str]:
    """What the scenario had, or `cell` saw, that the exploration had not; a phrase each."""
    scope, load = explored.scope, scenario.load
    effects = {fault.effect for fault in scenario.faults}
    unlike = {fault.kind for fault in scenario.faults if fault.effect not in EXPLORABLE}
    unlike |= cell.faults.keys() - {fault.kind for fault in scenario.faults}
    if scenario.trouble not in TROUBLES:
        yield f"a scenario whose trouble is {scenario.trouble}"
    yield from (f"the fault {kind}" for kind in sorted(unlike))
    if load.client_retries:
        yield "clients that repeat their requests"
    if load.operator is not None:
        yield "an operator"
    if guard.exclude is not None and not scope.expiry:
        yield "leases that may expire"
    if FaultEffect.CRASH in effects and not scope.crashes:
        yield "a crash"
    if FaultEffect.REQUESTS in effects:
        yield "other requests than commits in flight"
    if (effects & {FaultEffect.COMMITS, FaultEffect.REQUESTS} or cell.total("unknown")) and not scope.messages:
        yield "a commit in flight"
    if scope.rollback != load.rollback and not explored.excludes("dangling"):
        yield "the same rollback record"
