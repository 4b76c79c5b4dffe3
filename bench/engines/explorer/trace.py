"""A counterexample as a file: JSON that says step by step who did what, and what came of it.

What each key means stands with the file of a run directory that holds such a trace (`results.record.schedule`).
"""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    InstanceOf,
    PlainSerializer,
    TypeAdapter,
    ValidationError,
    model_serializer,
    model_validator,
)

from leasebench.bench.engines.explorer.properties import Property
from leasebench.bench.engines.explorer.scope import ExplorationScope
from leasebench.bench.engines.explorer.states import Choice
from leasebench.definitions import Definition, DefinitionError, validate
from leasebench.enactors import operations as on_plans
from leasebench.enactors.operations import Plans
from leasebench.leases import operations as on_leases
from leasebench.leases.guard import Guard
from leasebench.leases.lease import Lease
from leasebench.leases.operations import Operation
from leasebench.leases.outcome import UNKNOWN, Done, Refused, Unknown
from leasebench.toml_lines import TomlTable

MAX_STEPS = 10_000
MAX_TRACE_BYTES = 50_000_000
Action = Literal["step", "send", "arrive", "give_up", "crash", "expire"]
Result = Lease | Plans | Done | Refused | Unknown | bool | int | None
"""What a program receives."""
KINDS: Mapping[str, type] = {
    kind.__name__: kind
    for kind in (*vars(on_leases).values(), *vars(on_plans).values(), Lease, Plans, Done, Refused)
    if isinstance(kind, type) and (issubclass(kind, Operation) or kind in (Lease, Plans, Done, Refused))
}
"""The types of operations and results, by the names under which they stand in a file."""


def encoded(value: Any) -> Any:
    """A value as JSON: one of ours as an object whose `kind` is its type's name, with its fields."""
    if value is UNKNOWN:
        return {"kind": "Unknown"}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [encoded(each) for each in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {"kind": type(value).__name__} | {
            each.name: encoded(getattr(value, each.name)) for each in fields(value)
        }
    assert value is None or isinstance(value, (bool, int, float, str)), f"{value!r} can't stand in a trace"
    return value


def decoded(data: Any) -> Any:
    """The value that `encoded` wrote as `data`. Raises ValueError, which says what is wrong in one line."""
    if isinstance(data, list):
        return tuple(map(decoded, data))
    if not isinstance(data, dict):
        return data
    kind = data.get("kind")
    if kind == "Unknown":
        return UNKNOWN
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"there is no operation or result of the kind {kind!r}")
    try:
        return TypeAdapter(KINDS[kind]).validate_python(data)  # `kind` is one more key in it, and ignored
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{kind}: {'.'.join(map(str, first['loc']))}: {first['msg'].lower()}") from error


Coded = (BeforeValidator(decoded), PlainSerializer(encoded))
"""How operations and results cross the edge of a file."""


class TraceStep(Definition):
    """One step of a trace."""

    step: int
    actor: str = Field(pattern=r"^(planner|environment|enactor-[0-9]+(-renewer)?)$")
    action: Action
    what: str = ""
    operation: Annotated[InstanceOf[Operation] | None, *Coded]
    result: Annotated[Result, *Coded]
    local: Annotated[tuple[InstanceOf[Operation], ...], *Coded] = Field(alias="quiet")
    in_force: dict[str, int]
    plans: list[int]
    breaks: list[Property]

    @property
    def choice(self) -> Choice:
        """What was chosen to happen."""
        return Choice(self.actor, self.action, self.what)


class Trace(Definition):
    """A trace with all that is needed to go through it again."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    guard: Guard
    scope: ExplorationScope
    property: Property
    steps: list[TraceStep] = Field(max_length=MAX_STEPS)

    @model_validator(mode="before")
    @classmethod
    def _guard_of_its_table(cls, data: Any) -> Any:
        """In a file the guard's name and its table stand apart, as they do in a suite."""
        match data:
            case {"guard": Guard()}:
                return data
            case {"guard": name, "table": dict(table), **rest}:
                return {**rest, "guard": {**table, "name": name}}
            case {"guard": _}:
                raise ValueError("the guard's table, as a suite has it, is missing")
            case {"table": _, **rest}:
                return rest  # that the guard is missing says all
        return data

    @model_serializer
    def _as_in_a_file(self) -> Any:
        steps = [step.model_dump(mode="json", by_alias=True) for step in self.steps]
        return {
            "schema": self.schema_,
            "guard": self.guard.name,
            "table": guard_table(self.guard),
            "scope": self.scope.model_dump(mode="json"),
            "property": str(self.property),
            "steps": steps,
        }

    def written(self) -> str:
        """The trace as text, as it is written to a file."""
        return json.dumps(self.model_dump(), indent=1) + "\n"


def guard_table(guard: Guard) -> TomlTable:
    """A guard as its table in a suite file."""
    return guard.model_dump(mode="json", exclude={"name"}, exclude_none=True)


def read_trace(path: Path) -> Trace:
    """Read a trace. Raises DefinitionError."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_TRACE_BYTES + 1)
        if len(text) > MAX_TRACE_BYTES:
            raise DefinitionError(f"{path}: larger than {MAX_TRACE_BYTES} bytes, this is no trace")
        data = json.loads(text.decode("utf-8"))
    except OSError as error:
        raise DefinitionError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise DefinitionError(
            f"{path}: not a trace: {error} (write one with leasebench explore --trace DIR)"
        ) from error
    return validate(Trace, data, str(path))
