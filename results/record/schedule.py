"""`schedule.json`: the explorer's trace that a trial forced on its processes. `run --schedule` reads such a file, too.

`guard` and `table` are the guard as it would stand in a suite, `scope` is the scope of the exploration.
"""

from typing import Literal

from pydantic import Field, TypeAdapter

from leasebench.results.record.explored import ExploredScope
from leasebench.results.record.file import Record
from leasebench.results.record.suite import Choices


class Described(Record):
    """An operation or a result: its fields stand beside the name of its type."""

    kind: str


Result = Described | bool | int | None


class ScheduledStep(Record):
    """One step: who did what, and what came of it."""

    step: int = Field(description="counted from 1")
    actor: str = Field(description="`planner`, `enactor-N`, `enactor-N-renewer` or `environment`")
    action: Literal["step", "send", "arrive", "give_up", "crash", "expire"] = Field(
        description="`step`: the actor's next operation was done and its result received; `send`: its commit left, and "
        "it goes on without ever getting the reply; `arrive`: that commit reaches the store; `give_up`: it stopped "
        "waiting for a lease; `crash`: the process died, and starts again from nothing; `expire`: the lease named by "
        "`what` ran out, whatever its owner is doing"
    )
    what: str = Field(
        default="",
        description="the lease that expires; the commit that arrives, counted from 0 among its sender's messages in "
        "flight, oldest place first",
    )
    operation: Described | None = Field(description="what was asked; null where nothing was")
    result: Result = Field(
        description="what was received. Tokens and fencing numbers are those of this run; another run has others in "
        "the same places"
    )
    local: tuple[Described, ...] = Field(
        alias="quiet", description="the local operations that the actor did right after, which touch nothing shared"
    )
    in_force: dict[str, int] = Field(description="the version at each endpoint after the step")
    plans: tuple[int, ...] = Field(description="the plans that then exist")
    breaks: tuple[str, ...] = Field(description="the properties that this step breaks")


class ScheduleRecord(Record):
    """A whole `schedule.json`."""

    schema_: Literal[1] = Field(alias="schema")
    guard: str
    table: Choices
    scope: ExploredScope
    property: str = Field(description="the property that the trace breaks")
    steps: tuple[ScheduledStep, ...]


SCHEDULE: TypeAdapter[ScheduleRecord] = TypeAdapter(ScheduleRecord)
