"""The operator's step in a forced schedule: repair what resolves to nothing, then roll back to an old plan."""

from itertools import count

from leasebench.bench.engines.interpreter import Interpreter
from leasebench.enactors.operator.program import repair, resolve_to_nothing, roll_back
from leasebench.enactors.plan import Cell
from leasebench.enactors.store.performing import perform
from leasebench.enactors.store.redis_store import RedisStore
from leasebench.leases.operations import Program

NO_TOKEN = ""
"""An operator takes no lease."""


def operate(store: RedisStore, cell: Cell) -> None:
    """Do what an operator does who rolls back, as the explorer's does, under the name of one in the history."""
    operator = RedisStore(store.wire, store.keys, cell, "operator")
    attempts = count(1)
    for program in (_mend(cell), roll_back()):
        Interpreter(lambda program: program, program).run_activity(
            lambda operation: perform(operator, operation, next(attempts), NO_TOKEN, 0)
        )


def _mend(cell: Cell) -> Program[None]:
    yield from repair((yield from resolve_to_nothing(cell.endpoints)))
