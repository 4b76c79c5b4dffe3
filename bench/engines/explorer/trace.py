"""One way to break a property, as a file: JSON that says step by step who did what and what came of it.

`guard` is the guard's table as it would stand in a suite file, `scope` the scope of the exploration. Of each step:

- `actor`: `planner`, `enactor-N`, `enactor-N-renewer` or `environment`;
- `action`: `step`: the actor's next operation was done and its result heard; `send`: its commit left, and it goes on
  without ever getting the reply; `arrive`: that commit reaches the store (`what` counts its sender's messages in
  flight from 0, oldest place first); `give_up`: it stopped waiting for a lease; `crash`: the process died, and starts
  again from nothing; `expire`: the lease named by `what` ran out, whatever its owner is doing;
- `operation` and `result`: what was asked and heard (null where there is none). Tokens and fencing numbers are those
  of this run; another run has others in the same places;
- `quiet`: the operations that the actor did right after, which touch nothing shared;
- `in_force`: the version at each endpoint after the step, `plans`: the plans that then exist;
- `breaks`: the properties that this step breaks.
"""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from leasebench.bench.engines.explorer.properties import Property
from leasebench.bench.engines.explorer.scope import ExplorationScope
from leasebench.bench.engines.explorer.states import Choice
from leasebench.definitions import Definition, DefinitionError, validate
from leasebench.leases.guard import Guard, parse_guards

MAX_STEPS = 10_000
MAX_TRACE_BYTES = 50_000_000
Action = Literal["step", "send", "arrive", "give_up", "crash", "expire"]


class TraceStep(Definition):
    """One step of a trace."""

    step: int
    actor: str = Field(pattern=r"^(planner|environment|enactor-[0-9]+(-renewer)?)$")
    action: Action
    what: str = ""
    operation: dict[str, Any] | None
    result: Any
    quiet: list[dict[str, Any]]
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
    guard: str
    table: dict[str, Any]
    scope: ExplorationScope
    property: Property
    steps: list[TraceStep] = Field(max_length=MAX_STEPS)

    def written(self) -> str:
        """As it stands in a file."""
        return json.dumps(self.model_dump(mode="json", by_alias=True), indent=1) + "\n"

    def parsed_guard(self, place: str) -> Guard:
        """The guard of the trace. Raises DefinitionError."""
        return parse_guards({self.guard: self.table}, place)[self.guard]


def guard_table(guard: Guard) -> dict[str, Any]:
    """A guard as its table in a suite file."""
    return guard.model_dump(mode="json", exclude={"name"}, exclude_none=True)


def read_trace(path: Path) -> Trace:
    """Read a trace. Raises DefinitionError."""
    try:
        if path.stat().st_size > MAX_TRACE_BYTES:
            raise DefinitionError(f"{path}: larger than {MAX_TRACE_BYTES} bytes, this is no trace")
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DefinitionError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise DefinitionError(
            f"{path}: not a trace: {error} (write one with leasebench explore --trace DIR)"
        ) from error
    return validate(Trace, data, str(path))
