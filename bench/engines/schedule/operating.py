"""The operator's step in a forced schedule: repair what resolves to nothing, then roll back to an old plan."""

from typing import Any

from enactors.operations import ListPlans, Operation, Program, Publish, Repair, Resolve
from enactors.operator import repair, resolve_to_nothing, roll_back
from enactors.plan import Cell
from enactors.store.redis_store import RedisStore


def operate(store: RedisStore, cell: Cell) -> None:
    """Do what an operator does who rolls back, as the explorer's does, under the name of one in the history."""
    operator = RedisStore(store.wire, store.keys, cell, "operator")
    attempt = 0
    for program in (_mend(cell), roll_back()):
        heard: Any = None
        while True:
            try:
                step = program.send(heard)
            except StopIteration:
                break
            attempt += 1
            heard = _do(operator, step, attempt)


def _mend(cell: Cell) -> Program[None]:
    yield from repair((yield from resolve_to_nothing(cell.endpoints)))


def _do(store: RedisStore, step: Operation, attempt: int) -> Any:
    match step:
        case Resolve(endpoint):
            return store.resolve(endpoint)
        case Repair():
            return store.repair(step, attempt)
        case ListPlans():
            return store.plans()
        case Publish(version, content):
            return store.publish(version, attempt, content)
    raise AssertionError(f"an operator does not ask for {step}")
