"""What a load balancer did to healthy capacity: how much it took out wrongly, and for how long."""

import numpy as np

from leasebench.results.checks import Check, Findings
from leasebench.results.evidence.capacity import capacity_in_service
from leasebench.results.evidence.steps import rows_of_step
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.metric import Better, Form, Metric, Shown

HEALTH_CHECK = "health_check"
"""The note of a check (`enactors.downstream.load_balancer`)."""


def load_balancer(trial: Trial) -> Findings:
    """Count what was taken out of service, and hold it against what was true of each target in the same atomic step.

    A target is healthy while its network is configured. `removed_wrongly` are removals of healthy ones, also by a
    fail-over. `capacity_lost_s` and `lowest_capacity` have one value a trial. `check_lateness_ms`: from when a check
    was due until it began, by the load balancer's own clock.
    """
    data = trial.data
    if data is None or not (data["kind"] == "join").any():
        return Findings()
    kind, healthy = data["kind"], data["active_endpoints"] == 1
    over_time = capacity_in_service(data)
    checks = rows_of_step(trial, HEALTH_CHECK)
    lateness_ns = checks["start_ns"].to_numpy() - checks["due_ns"].to_numpy()
    return Findings(
        {
            "removals": int((kind == "remove").sum()),
            "removed_wrongly": int(((kind == "remove") & healthy).sum()),
            "failovers": int((kind == "failover").sum()),
            "removals_held_back": int(((kind == "reject") & (data["reason"] == "velocity")).sum()),
        },
        {
            "capacity_lost_s": np.array([over_time.lost_s(int(data["t_us"].iloc[-1]))]),
            "lowest_capacity": np.array([over_time.share_in_service.min()]),
            "check_lateness_ms": lateness_ns / 1e6,
        },
    )


METRICS = (
    Metric(
        "removals",
        Form.COUNT,
        "targets that a load balancer took out of service",
        shown=Shown.NOWHERE,
        place=2300,
    ),
    Metric(
        "removed_wrongly",
        Form.COUNT,
        "healthy targets that a load balancer took out of service",
        better=Better.LESS,
        shown=Shown.BESIDE,
        place=2301,
        heading="removed\nwrongly",
        words="healthy targets removed",
    ),
    Metric(
        "failovers",
        Form.COUNT,
        "zones that a load balancer took out as a whole",
        better=Better.LESS,
        shown=Shown.BESIDE,
        place=2302,
        heading="fail-\novers",
        words="zonal fail-overs",
    ),
    Metric(
        "removals_held_back",
        Form.COUNT,
        "removals and fail-overs that the velocity control did not allow",
        shown=Shown.BESIDE,
        place=2303,
        heading="held\nback",
        spare=3,
    ),
    Metric(
        "capacity_lost_s",
        Form.SPREAD,
        "target-seconds of healthy capacity out of service, in a trial",
        unit="s",
        better=Better.LESS,
        shown=Shown.BESIDE,
        place=2304,
        heading="lost\ntarget-s",
        digits=1,
    ),
    Metric(
        "lowest_capacity",
        Form.SPREAD,
        "the smallest share of targets in service, in a trial",
        better=Better.MORE,
        shown=Shown.BESIDE,
        place=2305,
        heading="lowest\nshare",
        digits=2,
        spare=2,
    ),
    Metric(
        "check_lateness_ms",
        Form.SPREAD,
        "from when a health check was due until it began",
        unit="ms",
        better=Better.LESS,
        shown=Shown.BESIDE,
        place=2306,
        heading="check late\np50 ms",
        digits=1,
        spare=3,
    ),
)
PLUGIN = Check(
    "load_balancer", "healthy capacity that a load balancer took out, and for how long", load_balancer, METRICS
)
