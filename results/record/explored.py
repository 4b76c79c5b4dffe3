"""`explored.json`: what the explorer found out about the guards of a run. A run that was not explored has none."""

from pathlib import Path
from typing import Final, Literal

from pydantic import Field, TypeAdapter

from leasebench.results.record.file import Record, as_value, is_there, json_of_schema
from leasebench.results.record.names import EXPLORED_FILE
from leasebench.results.record.suite import Choices, GuardTable

EXPLORED_SCHEMA: Final = 1


class ExploredProperty(Record):
    """Whether a property holds (null: not known, or it says nothing), and the length of the trace that breaks it."""

    holds: bool | None
    shortest_trace: int | None = Field(default=None, description="in steps")


class ExploredScope(Record):
    """What an exploration had in it. The file has further bounds, which nobody reads back."""

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


class ExploredGuard(Record):
    """One guard in one scope. `table` is the guard as it stands in a suite."""

    guard: str
    table: Choices
    scope: ExploredScope
    states: int
    transitions: int
    seconds: float
    exhaustive: bool = Field(description="whether every order of steps in the scope was tried")
    properties: dict[str, ExploredProperty] = Field(description="by the name of the property")

    def excludes(self, name: str) -> bool:
        """Whether it was proved that nothing in the scope breaks a property."""
        found = self.properties.get(name)
        return self.exhaustive and found is not None and found.holds is True


class Explored(Record):
    """A whole `explored.json`: a guard stands there once for each scope in which it was explored."""

    schema_: Literal[1] = Field(alias="schema")
    guards: tuple[ExploredGuard, ...]

    def of(self, guard: GuardTable) -> tuple[ExploredGuard, ...]:
        """What was explored of a guard of the suite; not what was explored of another one by its name."""
        same = (each for each in self.guards if each.guard == guard.name and _same_choices(each.table, guard))
        return tuple(same)


EXPLORED = TypeAdapter(Explored)


def read_explored(run: Path) -> Explored | None:
    """Read `explored.json` of a run directory; None where there is none. Raises BadRunDirectory naming the file."""
    path = run / EXPLORED_FILE
    return as_value(path, EXPLORED, json_of_schema(path, EXPLORED_SCHEMA)) if is_there(path) else None


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
