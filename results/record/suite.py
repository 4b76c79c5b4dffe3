"""`suite.toml`: the suite of a run with every name resolved, guards and scenarios in full.

A run is read where the lease managers and faults that it used need not be installed: here a guard's choices are not
held against the plug-ins, and a fault is a table whose kind says what the other keys mean.
"""

from pathlib import Path

import tomli
from pydantic import ConfigDict, Field, TypeAdapter, field_validator

from leasebench.leases.guard import Clean, Control, Decide, Exclude
from leasebench.results.record.file import BadRunDirectory, Record, as_value, is_there, read_text, unreadable
from leasebench.results.record.names import SUITE_FILE
from leasebench.results.record.trouble import TROUBLE, FaultEffect
from leasebench.verdict import Verdict


class DecideTable(Decide):
    """When the plan is picked and when it is checked."""

    model_config = ConfigDict(extra="allow")


class ExcludeTable(Exclude):
    """The lease."""

    model_config = ConfigDict(extra="allow")

    @field_validator("manager")
    @classmethod
    def _known(cls, manager: str) -> str:
        return manager  # it need not be installed here


class CleanTable(Clean):
    """Who may delete an old plan."""

    model_config = ConfigDict(extra="allow")


class ControlTable(Control):
    """What a negative control proves."""

    model_config = ConfigDict(extra="allow")


class Choices(Record):
    """A guard's choices on the four axes."""

    decide: DecideTable | None = None
    exclude: ExcludeTable | None = None
    commit: str = "unconditional"
    clean: CleanTable = CleanTable()

    @property
    def manager(self) -> str | None:
        """The name of its lease manager."""
        return None if self.exclude is None else self.exclude.manager

    @property
    def check(self) -> str | None:
        """When the plan is checked against the endpoint."""
        return None if self.decide is None else self.decide.check.value


class GuardTable(Choices):
    """A guard's choices, and which verdicts are expected of it."""

    name: str
    about: str = ""
    known_bad: bool = False
    control: ControlTable | None = None
    expect: dict[str, tuple[Verdict, ...]] = Field(default_factory=dict)


class LoadTable(Record):
    """What was asked of a cell, as far as a reader has to know it."""

    client_retries: int = 0
    rollback: bool = False
    operator: Record | None = None


class FaultTable(Record):
    """A fault's settings, and what it may do: a text, since a newer version may know more effects."""

    kind: str
    chance: float = 1.0
    effect: str = FaultEffect.OTHER


class ScenarioTable(Record):
    """Load and faults, and the guards that were run under it."""

    name: str
    about: str = ""
    guards: tuple[str, ...]
    load: LoadTable = LoadTable()
    trouble: str = TROUBLE
    ttl_ms: int | None = None
    faults: tuple[FaultTable, ...] = ()
    family: str | None = None
    """The grid that it is one scenario of, and by which values (by name) it differs from the others there."""
    varied: dict[str, str] = Field(default_factory=dict)


class Skip(Record):
    """A guard that could not be run under a scenario, and why."""

    guard: str
    scenario: str
    reason: str


class InapplicableFault(Record):
    """A fault that could hit nothing under a guard, and why; the guard was run all the same."""

    guard: str
    scenario: str
    fault: str
    reason: str


class SuiteRecord(Record):
    """`suite.toml`. `asked_for` are the words that `leasebench run` was given; None where that was not recorded."""

    name: str
    asked_for: tuple[str, ...] | None = None
    about: str = ""
    guards: tuple[GuardTable, ...]
    scenarios: tuple[ScenarioTable, ...]
    skipped: tuple[Skip, ...] = ()
    inapplicable: tuple[InapplicableFault, ...] = ()
    trials: int
    duration_s: float | None = None
    min_races: int | None = None
    settle_s: float | None = None
    watch_locks: bool = True
    swept: tuple[str, ...] = ()
    """The parameters that were swept over, as the scenarios have them in `varied`."""

    def guard(self, name: str) -> GuardTable:
        """The guard of that name; one that says nothing of itself where the suite has none."""
        return next((guard for guard in self.guards if guard.name == name), GuardTable(name=name))

    def scenario(self, name: str) -> ScenarioTable:
        """The scenario of that name; one that says nothing of itself where the suite has none."""
        bare = ScenarioTable(name=name, guards=())
        return next((scenario for scenario in self.scenarios if scenario.name == name), bare)


SUITE = TypeAdapter(SuiteRecord)


def read_suite(run: Path) -> SuiteRecord:
    """Read the resolved suite of a run directory. Raises BadRunDirectory."""
    path = run / SUITE_FILE
    if not is_there(path):
        raise BadRunDirectory(f"{run}: not a run directory: it has no {SUITE_FILE}")
    text = read_text(path)
    try:
        content = tomli.loads(text)
    except RecursionError as error:
        raise BadRunDirectory(f"{path}: cannot be read: it is nested too deeply") from error
    except ValueError as error:
        raise unreadable(path, error) from error
    return as_value(path, SUITE, content)
