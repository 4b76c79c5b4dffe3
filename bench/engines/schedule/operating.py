"""The operator's step in a forced schedule: repair what resolves to nothing, then roll back to an old plan."""

from itertools import count

from leasebench.bench.engines.interpreter import run_once
from leasebench.enactors.operator.program import repair_all, roll_back
from leasebench.enactors.plan import Cell
from leasebench.enactors.store.performing import perform
from leasebench.enactors.store.store import Store

NO_TOKEN = ""
"""An operator takes no lease."""


def operate(store: Store, cell: Cell) -> None:
    """Do what an operator does who rolls back, as the explorer's does, under the name of one in the history."""
    operator = store.as_client("operator")
    attempts = count(1)
    for program in (repair_all(cell.endpoints), roll_back()):
        run_once(program, lambda operation: perform(operator, operation, next(attempts), NO_TOKEN, 0))
