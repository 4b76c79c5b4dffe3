"""The cleaner: deletes plans that are many generations older than the one just applied."""

from leasebench.enactors.operations import DeletePlan, ListPlans, Plans, ReadEndpoint
from leasebench.enactors.plan import Cell
from leasebench.leases.guard import Clean, CleanRule
from leasebench.leases.guard_axes import DeleteRule
from leasebench.leases.operations import Program

MAX_DELETIONS = 64
"""Per clean-up; what remains is left for the next one."""


def clean_up(cell: Cell, clean: Clean, applied: int) -> Program[None]:
    """Delete what is more than `clean_age` generations older than plan `applied`, as `clean` allows."""
    plans = yield ListPlans()
    if not isinstance(plans, Plans):
        return
    old = [version for version in plans.applicable if version < applied - cell.clean_age][:MAX_DELETIONS]
    if clean.rule is CleanRule.BY_AGE:
        yield from _delete(old, DeleteRule.ALWAYS)
    elif clean.rule is CleanRule.CHECK_THEN_DELETE:
        yield from _check_then_delete(cell, old)
    elif clean.rule is CleanRule.SKIP_ACTIVE:
        yield from _delete(old, DeleteRule.SKIP_ACTIVE)
    else:
        purge_below = applied - cell.clean_age - cell.purge_age
        purge = [version for version in plans.quarantined if version < purge_below][:MAX_DELETIONS]
        yield from _delete(old, DeleteRule.QUARANTINE)
        yield from _delete(purge, DeleteRule.SKIP_ACTIVE)


def _delete(versions: list[int], rule: DeleteRule) -> Program[None]:
    for version in versions:
        yield DeletePlan(version, rule)


def _check_then_delete(cell: Cell, versions: list[int]) -> Program[None]:
    """Read every endpoint, then delete what none of them pointed at: the gap between the two is the flaw."""
    if not versions:
        return
    active = set()
    for endpoint in cell.endpoints:
        version = yield ReadEndpoint(endpoint)
        if not isinstance(version, int):
            return
        active.add(version)
    yield from _delete([version for version in versions if version not in active], DeleteRule.ALWAYS)
