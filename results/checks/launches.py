"""Launches: how many requests for an instance found a host whose lease was live."""

import numpy as np

from leasebench.results.checks import Check, Findings
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.journal import RowOutcome
from leasebench.results.record.metric import Better, Form, Metric, Ratio, Shown

LAUNCH, UNREACHED = "launch", "launch_unreached"
NO_LEASE = "no_lease"


def launches(trial: Trial) -> Findings:
    """Count launches and refusals in the data store's history; what never reached it is in the journal."""
    if trial.data is None:
        return Findings()
    asked = (trial.journal["kind_name"] == LAUNCH).to_numpy()
    unreached = int(np.count_nonzero((trial.journal["kind_name"] == UNREACHED).to_numpy()))
    if not (unreached or asked.any()):
        return Findings()
    lost = int(np.count_nonzero(asked & (trial.journal["outcome"].to_numpy() == RowOutcome.UNKNOWN)))
    launched = int((trial.data["kind"] == LAUNCH).sum())
    refused = int(((trial.data["kind"] == "reject") & (trial.data["reason"] == NO_LEASE)).sum())
    # What got no answer may stand in the history all the same: it counts once, as what the history says.
    answered = int(np.count_nonzero(asked)) - lost
    unreached += max(0, lost - (launched + refused - answered))
    return Findings(
        counts={
            "launches": launched,
            "launches_refused": refused,
            "launches_unreached": unreached,
            "launch_requests": launched + refused + unreached,
        }
    )


METRICS = (
    Metric("launch_requests", Form.COUNT, "requests for a new instance", shown=Shown.NOWHERE, place=820),
    Metric(
        "launches",
        Form.COUNT,
        "instances launched on a host whose lease was live",
        better=Better.MORE,
        shown=Shown.BESIDE,
        place=821,
        spare=4,
    ),
    Metric(
        "launches_refused",
        Form.COUNT,
        "launches refused for insufficient capacity: none of the candidate hosts had a live lease",
        better=Better.LESS,
        shown=Shown.BESIDE,
        place=822,
        heading="launches\nrefused",
        spare=3,
    ),
    Metric(
        "launches_unreached",
        Form.COUNT,
        "requests for an instance that never reached the data store",
        better=Better.LESS,
        shown=Shown.BESIDE,
        place=823,
        heading="launches\nunreached",
        spare=5,
    ),
    Metric(
        "launch_success_rate",
        Form.RATE,
        "share of the requests for an instance that launched one",
        better=Better.MORE,
        ratio=Ratio("launches", "launch_requests", digits=4),
        shown=Shown.BESIDE,
        place=824,
        heading="launch\nsuccess",
        digits=2,
        spare=2,
    ),
)
PLUGIN = Check("launches", "requests for an instance, and what became of them", launches, METRICS)
