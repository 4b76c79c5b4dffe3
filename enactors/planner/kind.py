"""What the harness has to know of a planner."""

from collections.abc import Callable
from typing import Any

from leasebench.enactors.arrivals import Arrivals
from leasebench.enactors.kind import PUBLISHED, Activities, Assignment, Ends, NoObserver, Notebook, Observer
from leasebench.enactors.operations import ListPlans, Publish
from leasebench.enactors.planner.program import PlannerState, publish_next
from leasebench.leases.operations import Operation
from leasebench.leases.outcome import Done


class ShowsPublications(NoObserver):
    """Shows the newest version that was published, so that it is known which plan is the last."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook

    def performed(self, operation: Operation, result: Any, now_ns: int) -> None:  # noqa: ARG002
        if isinstance(operation, Publish) and isinstance(result, Done):
            self._notebook.show(PUBLISHED, operation.version)


class PlannerKind:
    """Publishes plans in open loop; it stops with the load."""

    name = "planner"
    about = "publishes the next plan whenever one is due"
    settings = Arrivals
    single = True
    ends = Ends.WITH_THE_LOAD
    gauges = (PUBLISHED,)
    renews = False
    steps = frozenset({Publish.step, ListPlans.step})

    def schedule(self, place: Assignment) -> Arrivals:
        arrivals: Arrivals = place.settings
        return arrivals

    def begin(self, place: Assignment) -> tuple[Activities, PlannerState]:  # noqa: ARG002
        return publish_next, PlannerState()

    def after_load(self, place: Assignment) -> Activities:  # noqa: ARG002
        return publish_next

    def observer(self, notebook: Notebook) -> Observer:
        return ShowsPublications(notebook)

    def settled(self, gauge: Callable[[str], int], published: int) -> bool:  # noqa: ARG002
        return True


PLUGIN = PlannerKind()
