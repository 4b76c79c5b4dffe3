"""What the explorer found out about the guards of a run (`explored.json`), and where a measurement says otherwise.

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
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from leasebench.results.record.file import BadRunDirectory, json_object
from leasebench.results.record.suite import Choices, GuardTable, ScenarioTable, SuiteRecord
from leasebench.results.record.summary import CellSummary, Summary

FILE = "explored.json"
MEASURED = {"stale_overwrite": "stale_overwrites", "dangling": "dangling", "wedged": "wedged"}
"""Properties that a history can break for sure, and the figure of a run that counts it."""
TROUBLES = frozenset({"none", "timing"})
"""The kinds of trouble that the explorer models."""
NETWORK = frozenset({"delay", "drop", "partition", "late_write", "lost_reply"})
MODELLED = frozenset({"pause", "slow", "skew", "clock", "crash", "expiry"}) | NETWORK
"""Faults after which every process and server is still one that the explorer knows."""


class ExploredProperty(BaseModel):
    """Whether a property holds (null: not known, or it says nothing), and the length of the trace that breaks it."""

    model_config = ConfigDict(frozen=True)
    holds: bool | None
    shortest_trace: int | None = None


class ExploredScope(BaseModel):
    """What an exploration had in it; it says more than is read here."""

    model_config = ConfigDict(frozen=True, extra="allow")
    enactors: int
    plans: int
    endpoints: int
    expiry: bool
    crashes: int
    messages: int
    rollback: bool

    @property
    def words(self) -> str:
        """The scope in a few words."""
        sizes = f"{self.enactors} enactors, {self.plans} plans, {_count(self.endpoints, 'endpoint')}"
        crashes, messages = _count(self.crashes, "crash", "crashes"), _count(self.messages, "commit")
        return f"{sizes}, leases {'may' if self.expiry else 'never'} expire, {crashes}, {messages} in flight"


class ExploredGuard(BaseModel):
    """One guard in one scope. `table` is the guard as it stands in a suite."""

    model_config = ConfigDict(frozen=True)
    guard: str
    table: Choices
    scope: ExploredScope
    states: int
    transitions: int
    seconds: float
    exhaustive: bool
    properties: dict[str, ExploredProperty]

    def excludes(self, name: str) -> bool:
        """Whether it was proved that nothing in the scope breaks a property."""
        found = self.properties.get(name)
        return self.exhaustive and found is not None and found.holds is True


class Explored(BaseModel):
    """A whole `explored.json`: a guard stands there once for each scope in which it was explored."""

    model_config = ConfigDict(frozen=True)
    schema_: Literal[1] = Field(alias="schema")
    guards: list[ExploredGuard]

    def of(self, guard: GuardTable) -> list[ExploredGuard]:
        """What was explored of a guard of the suite; not what was explored of another one by its name."""
        return [each for each in self.guards if each.guard == guard.name and _same_choices(each.table, guard)]


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


def read_explored(run: Path) -> Explored | None:
    """Read what a run carries of the explorer; None if it carries nothing. Raises BadRunDirectory naming the file."""
    path = run / FILE
    if not path.exists():
        return None
    try:
        return Explored.model_validate(json_object(path))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the file"
        raise BadRunDirectory(f"{path}: {key}: {first['msg'].lower()}") from error


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
    faults = {fault.kind for fault in scenario.faults} | set(cell.faults)
    if scenario.trouble not in TROUBLES:
        yield f"a scenario whose trouble is {scenario.trouble}"
    yield from (f"the fault {kind}" for kind in sorted(faults - MODELLED))
    if load.client_retries:
        yield "clients that repeat their requests"
    if load.operator is not None:
        yield "an operator"
    if guard.exclude is not None and not scope.expiry:
        yield "leases that may expire"
    if "crash" in faults and not scope.crashes:
        yield "a crash"
    if any(fault.kind in NETWORK and not fault.commits_only for fault in scenario.faults):
        yield "other requests than commits in flight"
    if (faults & NETWORK or cell.total("unknown")) and not scope.messages:
        yield "a commit in flight"
    if scope.rollback != load.rollback and not explored.excludes("dangling"):
        yield "the same rollback record"


def _same_choices(one: Choices, other: Choices) -> bool:
    """Whether they differ at most in how long leases live and are waited for: the explorer knows no time."""
    excluding = [
        None if choices.exclude is None else choices.exclude.model_dump(exclude={"ttl_ms", "wait"})
        for choices in (one, other)
    ]
    alike = (one.decide, one.commit, one.clean) == (other.decide, other.commit, other.clean)
    return alike and excluding[0] == excluding[1]


def _count(number: int, one: str, many: str = "") -> str:
    many = many or one + "s"
    return f"no {one}" if not number else f"at most {number} {one if number == 1 else many}"
