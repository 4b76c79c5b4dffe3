"""What the harness has to know of an operator."""

from collections.abc import Callable

from pydantic import Field

from leasebench.definitions import Definition
from leasebench.enactors.kind import PUBLISHED, Activities, Assignment, Ends, Notebook, Observer
from leasebench.enactors.operations import ListPlans, Publish, Repair, Resolve
from leasebench.enactors.operator.program import Operator, OperatorState
from leasebench.enactors.planner.kind import ShowsPublications


class OperatorDuty(Definition):
    """What an operator does: looks at every endpoint, repairs what resolves to nothing, and may roll back.

    `react_ms` is the time from seeing the trouble to the repair. Every `rollback_every_s` (never, if it is left out)
    it publishes an old plan's content under a new version.
    """

    look_ms: float = Field(default=20.0, gt=0, le=60_000)
    """How often the operator looks."""
    react_ms: float = Field(default=300.0, ge=0, le=600_000)
    """From seeing the trouble to the repair."""
    rollback_every_s: float | None = Field(default=None, gt=0, le=3_600)


class OperatorKind:
    """Goes on watching until the cell has settled; after the load it repairs and does not roll back any more."""

    name = "operator"
    about = "watches a cell, repairs what resolves to nothing, and may roll back"
    settings = OperatorDuty
    single = True
    ends = Ends.SETTLED
    gauges = (PUBLISHED,)
    renews = False
    steps = frozenset({Resolve.step, ListPlans.step, Repair.step, Publish.step})

    def begin(self, place: Assignment) -> tuple[Activities, OperatorState]:
        duty: OperatorDuty = place.settings
        every_ms = None if duty.rollback_every_s is None else duty.rollback_every_s * 1000
        return Operator(place.cell, duty.look_ms, duty.react_ms, every_ms).next_activity, OperatorState()

    def after_load(self, place: Assignment) -> Activities:
        # What is published after the load would never be seen to settle.
        duty: OperatorDuty = place.settings
        return Operator(place.cell, duty.look_ms, duty.react_ms).next_activity

    def observer(self, notebook: Notebook) -> Observer:
        return ShowsPublications(notebook)

    def settled(self, gauge: Callable[[str], int], published: int) -> bool:  # noqa: ARG002
        return True


PLUGIN = OperatorKind()
