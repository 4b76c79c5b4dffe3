"""How an enactor begins where its predecessor was killed: what it reads from the store, and what it makes of it.

Three ways, so that what a checkpoint is worth can be measured:

- `start_over`: it reads every endpoint, takes the oldest version in force as finished, and walks the newest plan from
  the first endpoint on. Nothing is kept for it, and what its predecessor wrote of that plan is written again.
- `checkpoint`: each commit keeps, in the same atomic step, how far the walk of its plan had come. The successor goes on
  with *that* plan behind that place, and only then looks for a newer one: what a durable workflow does. Nothing is
  written twice, but the plan may be old by now; only the guard's own checks keep it from the endpoints.
- `give_up`: it leaves the plan that is newest by now to others, and waits for the next one. Without a checkpoint it
  can't know which plan its predecessor was at.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeVar

from leasebench.enactors.operations import (
    Checkpoint,
    CheckpointedCommit,
    Commit,
    ListPlans,
    Plans,
    ReadCheckpoint,
    ReadEndpoint,
)
from leasebench.enactors.plan import Cell
from leasebench.leases.operations import Program
from leasebench.leases.outcome import UNKNOWN

Value = TypeVar("Value")


class Resumption(StrEnum):
    """What an enactor does about the plan in whose middle its predecessor died."""

    START_OVER = "start_over"
    CHECKPOINT = "checkpoint"
    GIVE_UP = "give_up"


@dataclass(frozen=True, slots=True)
class EnactorState:
    """What an enactor carries from one activity to the next.

    `finished` is the plan that it last saw in force everywhere (that one or a newer), or that it leaves to others;
    `to_clean` the plan after which it still has to clean up; `unfinished` how far its predecessor came.
    """

    resumed: bool = False
    finished: int = 0
    to_clean: int | None = None
    unfinished: Checkpoint | None = None


def resume(cell: Cell, way: Resumption = Resumption.START_OVER) -> Program[EnactorState]:
    """Begin where the store stands: the oldest version in force is the last plan that is surely finished."""
    oldest, begun = None, False
    for endpoint in cell.endpoints:
        version = yield ReadEndpoint(endpoint)
        if not isinstance(version, int):
            return EnactorState()
        oldest = version if oldest is None else min(oldest, version)
        begun = way is Resumption.GIVE_UP and (begun or version > 0)
    state = EnactorState(resumed=True, finished=oldest or 0)
    if begun:
        plans = yield ListPlans()
        if not isinstance(plans, Plans):
            return EnactorState()
        return replace(state, finished=max((state.finished, *plans.applicable)))
    if way is Resumption.CHECKPOINT:
        kept = yield ReadCheckpoint()
        if kept is UNKNOWN:
            return EnactorState()
        if kept is not None and kept.plan > state.finished and kept.walked < len(cell.endpoints):
            return replace(state, unfinished=kept)
    return state


def keeping(program: Program[Value], checkpoint: Checkpoint) -> Program[Value]:
    """Run `program`, and let each of its commits keep `checkpoint`."""
    result: Any = None
    while True:
        try:
            operation = program.send(result)
        except StopIteration as end:
            value: Value = end.value
            return value
        if isinstance(operation, Commit):
            operation = CheckpointedCommit(
                operation.endpoint,
                operation.version,
                operation.rule,
                operation.lease,
                operation.seen,
                operation.referential,
                checkpoint,
            )
        result = yield operation
