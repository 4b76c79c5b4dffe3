"""What the harness has to know of a load balancer."""

from collections.abc import Callable
from typing import Any, Self

from pydantic import Field, model_validator

from leasebench.definitions import Definition, Mistake, Mistakes
from leasebench.enactors.downstream.load_balancer.fleet import Fleet, FleetRule
from leasebench.enactors.downstream.load_balancer.health import HealthRule
from leasebench.enactors.downstream.load_balancer.operations import (
    Checked,
    CheckTarget,
    DisableFailover,
    Join,
    MoveTargets,
)
from leasebench.enactors.downstream.load_balancer.program import Balancer, BalancerState, CheckTimes
from leasebench.enactors.downstream.load_balancer.velocity import VelocityControl
from leasebench.enactors.kind import Activities, Assignment, Ends, NoObserver, Notebook, Observer
from leasebench.leases.operations import Operation

HEALTH_CHECK = "health_check"
"""The note of one check: its target, when it was due, whether the target was configured, and whether it passed."""
ABSENT = "absent"
"""The gauge that shows how many targets are out of service."""
MOST_TARGETS = 3_000


class LoadBalancerSettings(Definition):
    """The targets of one load balancer, how they are checked, and how much it takes out.

    `targets` are configured from the start; each launched instance joins, up to `max_targets` in all. Every target is
    checked each `check_interval_ms`; a check takes `check_ms`, a move of targets `move_ms`, one after the other. A
    check that begins more than `check_timeout_ms` after it was due fails. A zone of which less than `failover_below`
    is in service is taken out for `failover_hold_ms`, unless an operator has switched that off
    `failover_disabled_after_s` after the start. At most `velocity` of the targets is removed within any
    `velocity_window_ms`; 0 for no such limit.
    """

    targets: int = Field(default=30, ge=1, le=MOST_TARGETS)
    max_targets: int = Field(default=1_000, ge=1, le=MOST_TARGETS)
    check_interval_ms: float = Field(default=100.0, ge=1, le=600_000)
    check_ms: float = Field(default=1.0, ge=0, le=60_000)
    move_ms: float = Field(default=0.0, ge=0, le=60_000)
    check_timeout_ms: float = Field(default=50.0, gt=0, le=600_000)
    unhealthy_after: int = Field(default=2, ge=1, le=100)
    """Failures in a row after which a target is taken out."""
    healthy_after: int = Field(default=2, ge=1, le=100)
    """Successes in a row after which it is put back."""
    failover: bool = True
    """Whether zones are taken out as a whole."""
    failover_below: float = Field(default=0.5, gt=0, le=1)
    failover_hold_ms: float = Field(default=500.0, gt=0, le=3_600_000)
    failover_disabled_after_s: float | None = Field(default=None, gt=0, le=86_400)
    velocity: float = Field(default=0.0, ge=0, le=1)
    velocity_window_ms: float = Field(default=1_000.0, gt=0, le=3_600_000)

    @model_validator(mode="after")
    def _there_is_room(self) -> Self:
        if self.targets > self.max_targets:
            raise Mistakes([Mistake(("targets",), f"must be at most max_targets, {self.max_targets}")])
        return self


class BalancerObserver(NoObserver):
    """Notes each check, and shows how many targets are out of service."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook

    def performed(self, operation: Operation, result: Any, now_ns: int) -> None:  # noqa: ARG002
        if isinstance(operation, Checked):
            self._notebook.note(
                HEALTH_CHECK,
                operation.target,
                operation.began_ns,
                complete=operation.passed,
                due_ns=operation.due_ns,
                seen=int(operation.configured),
            )

    def carried(self, state: BalancerState) -> None:
        self._notebook.show(ABSENT, state.fleet.absent)


class LoadBalancerKind:
    """Goes on after the load until all of its targets are in service."""

    name = "load_balancer"
    about = "checks targets in three zones, takes out what fails, and fails zones over"
    settings = LoadBalancerSettings
    single = True
    ends = Ends.SETTLED
    gauges = (ABSENT,)
    renews = False
    behind_endpoint = True
    steps = frozenset({Join.step, CheckTarget.step, MoveTargets.step, DisableFailover.step})

    def begin(self, place: Assignment) -> tuple[Activities, BalancerState]:
        chosen: LoadBalancerSettings = place.settings
        rule = FleetRule(
            int(chosen.check_interval_ms * 1e6),
            HealthRule(chosen.unhealthy_after, chosen.healthy_after),
            chosen.failover_below if chosen.failover else 0.0,
            int(chosen.failover_hold_ms * 1e6),
        )
        balancer = Balancer(
            chosen.targets,
            chosen.max_targets,
            rule,
            CheckTimes(chosen.check_ms, chosen.move_ms, chosen.check_timeout_ms),
            chosen.failover_disabled_after_s,
        )
        velocity = VelocityControl(chosen.velocity, int(chosen.velocity_window_ms * 1e6))
        return balancer.next_activity, BalancerState(Fleet(velocity))

    def after_load(self, place: Assignment) -> Activities:
        return self.begin(place)[0]

    def observer(self, notebook: Notebook) -> Observer:
        return BalancerObserver(notebook)

    def settled(self, gauge: Callable[[str], int], published: int) -> bool:  # noqa: ARG002
        return gauge(ABSENT) == 0


PLUGIN = LoadBalancerKind()
