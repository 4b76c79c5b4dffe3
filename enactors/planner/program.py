"""The planner: publishes the next plan whenever one is due, whatever became of the last (open loop)."""

from dataclasses import dataclass

from leasebench.enactors.operations import AwaitDue, ListPlans, Plans, Publish
from leasebench.leases.operations import Program
from leasebench.leases.outcome import Done, Refused


@dataclass(frozen=True, slots=True)
class PlannerState:
    """What the planner carries: the newest version known to be published."""

    newest: int = 0


def publish_next(state: PlannerState) -> Program[PlannerState]:
    """Publish one plan when it is due.

    A planner that was restarted learns from the refusal what is newest; after a reply that never came it looks.
    """
    if not (yield AwaitDue()):
        return state
    version = state.newest + 1
    outcome = yield Publish(version)
    if isinstance(outcome, Done):
        return PlannerState(version)
    if isinstance(outcome, Refused):
        return PlannerState(outcome.previous)
    plans = yield ListPlans()
    if isinstance(plans, Plans) and plans.applicable:
        return PlannerState(plans.applicable[-1])
    return state
