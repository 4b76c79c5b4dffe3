"""The operator: a human who watches a cell, repairs what resolves to nothing, and now and then rolls back.

A commit that needs the plan in force as its rollback plan can't mend an endpoint whose plan is gone: only a repair
does, as in the outage of October 2025 (aws.amazon.com/message/101925). A rollback publishes the content of an old plan
as the newest one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from leasebench.enactors.operations import ListPlans, Plans, Publish, Repair, Resolve
from leasebench.enactors.plan import Cell
from leasebench.leases.operations import Program, Sleep
from leasebench.leases.outcome import Reason, Refused

MAX_TRIES = 8
"""How often one rollback is tried under a newer version each time, while the planner goes on publishing."""


@dataclass(frozen=True, slots=True)
class OperatorState:
    """What an operator carries: the time slept through since the last rollback, milliseconds."""

    since_rollback_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Operator:
    """Looks at every endpoint each `look_ms`, and needs `react_ms` from seeing an empty one to the repair.

    Rolls back each `rollback_every_ms` (None: never) to the oldest plan that can be applied. It tells time by its
    own waits, which are much longer than what it does between them; with an incident to react to, a rollback is late.
    """

    cell: Cell
    look_ms: float
    react_ms: float
    rollback_every_ms: float | None = None

    def next_activity(self, state: OperatorState) -> Program[OperatorState]:
        """Return what the operator does next."""
        if self.rollback_every_ms is not None and state.since_rollback_ms >= self.rollback_every_ms:
            return self._roll_back()
        return self._watch(state)

    def _watch(self, state: OperatorState) -> Program[OperatorState]:
        yield Sleep(self.look_ms)
        slept_ms = state.since_rollback_ms + self.look_ms
        empty = yield from resolve_to_nothing(self.cell.endpoints)
        if empty:
            yield Sleep(self.react_ms)
            slept_ms += self.react_ms
            # A slow enactor may have emptied more of them meanwhile.
            yield from repair_all(self.cell.endpoints)
        return replace(state, since_rollback_ms=slept_ms)

    @staticmethod
    def _roll_back() -> Program[OperatorState]:
        yield from roll_back()
        return OperatorState()


def resolve_to_nothing(endpoints: Iterable[str]) -> Program[list[str]]:
    """Return which endpoints a resolver gets no answer for; one whose lookup got no reply is not known to be."""
    empty = []
    for endpoint in endpoints:
        if isinstance((yield Resolve(endpoint)), Refused):
            empty.append(endpoint)  # noqa: PERF401  (a comprehension can't yield)
    return empty


def repair_all(endpoints: Iterable[str]) -> Program[None]:
    """Repair whatever resolves to nothing."""
    yield from repair((yield from resolve_to_nothing(endpoints)))


def repair(empty: list[str]) -> Program[None]:
    """Point the endpoints at the newest plan; what fails is seen again at the next look."""
    if not empty:
        return
    plans = yield ListPlans()
    if not isinstance(plans, Plans) or not plans.applicable:
        return
    for endpoint in empty:
        yield Repair(endpoint, plans.applicable[-1])


def roll_back() -> Program[None]:
    """Publish the content of the oldest applicable plan as the newest, unless there is no other plan."""
    plans = yield ListPlans()
    if not isinstance(plans, Plans) or len(plans.applicable) < 2:
        return
    content, version = plans.applicable[0], plans.applicable[-1] + 1
    for _ in range(MAX_TRIES):
        outcome = yield Publish(version, content)
        if not isinstance(outcome, Refused) or outcome.reason != Reason.NOT_NEWEST:
            return
        version = outcome.previous + 1
