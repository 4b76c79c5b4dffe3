"""Convergence: do all endpoints reach the last plan after the load has ended, and how soon."""

import numpy as np

from leasebench.results.checks import Check, Findings
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.metric import Better, Form, Metric, Shown
from leasebench.verdict import Verdict


def convergence(trial: Trial) -> Findings:
    """`stuck` is 1 if an endpoint does not end at the last plan or a newer one, or reached it later than `settle_s`.

    `convergence_ms` runs from the last publication to the commit or repair after which every endpoint stayed there.
    A plan that the store forgot when it restarted is not the last one, though who had seen it may still apply it; the
    one that is the last one for that reason is so since that restart.
    """
    events = trial.events
    published = events.published
    if len(events.restarts):
        published = published[~events.gone[published]]
    if not len(published):
        return Findings({"stuck": 0}, {"convergence_ms": np.array([])})
    last_plan = published[-1]
    version = events.version[last_plan]
    took_back = events.restarts[(events.restarts > last_plan) & (events.previous[events.restarts] < events.restarts)]
    since = max([last_plan, *took_back[-1:]])
    arrivals = []
    for writes in events.writes_by_endpoint:
        behind = np.flatnonzero(writes.version < version)
        arrived = behind[-1] + 1 if len(behind) else 0
        if arrived >= len(writes.since):
            return Findings({"stuck": 1}, {"convergence_ms": np.array([])})
        arrivals.append(max(writes.since[arrived], since))
    took = events.elapsed_us(np.array([since]), np.array([max(arrivals, default=since)]))
    late = bool(np.any(took > trial.facts.settle_s * 1e6))
    return Findings({"stuck": int(late)}, {"convergence_ms": took[~np.isnan(took)] / 1e3})


METRICS = (
    Metric(
        "stuck",
        Form.COUNT,
        "trials that did not reach the last plan at every endpoint in time",
        better=Better.LESS,
        verdict=Verdict.STUCK,
        shown=Shown.NOWHERE,
        place=250,
    ),
    Metric(
        "convergence_ms",
        Form.SPREAD,
        "from the last publication until every endpoint stayed at it",
        unit="ms",
        better=Better.LESS,
        shown=Shown.NOWHERE,
        place=740,
    ),
)
PLUGIN = Check("convergence", "all endpoints at the last plan after the load has ended", convergence, METRICS)
