"""Fencing: whether the store refuses a commit with a lower fencing number than one before it."""

import numpy as np

from leasebench.results.checks import Check, Findings
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.metric import Better, Form, Metric, Shown


def fencing(trial: Trial) -> Findings:
    """Count the commits accepted at an endpoint with a fence lower than the highest accepted there before.

    None where commits carry no fence. It stands beside the verdict: a guard can be safe without fencing.
    `first_fencing_violation_s`: seconds from the trial's first event to the first one.
    """
    events = trial.events
    violations, fenced, commits, firsts = 0, False, 0, []
    carried = events.fence.max(initial=-1) >= 0
    for at in events.commits_by_endpoint:
        commits += len(at)
        if not carried or not len(at):
            continue
        fence = events.fence[at]
        highest = np.maximum.accumulate(fence)
        fenced = fenced or bool(highest[-1] >= 0)
        lower = np.flatnonzero((fence[1:] >= 0) & (fence[1:] < highest[:-1])) + 1
        violations += len(lower)
        firsts += at[lower[:1]].tolist()
    first_s = events.seconds_until(min(firsts, default=None))
    known = violations if fenced or not commits else None
    return Findings({"fencing_violations": known}, {"first_fencing_violation_s": first_s})


METRICS = (
    Metric(
        "fencing_violations",
        Form.COUNT,
        "commits accepted with a fencing number below one accepted before; null where commits carry none",
        better=Better.LESS,
        may_be_unknown=True,
        shown=Shown.BESIDE,
        place=520,
        first_s="first_fencing_violation_s",
        heading="fencing\nviolated",
    ),
    Metric(
        "first_fencing_violation_s",
        Form.SPREAD,
        "from a trial's first event to its first fencing violation",
        unit="s",
        better=Better.MORE,
        shown=Shown.NOWHERE,
        place=530,
    ),
)
PLUGIN = Check("fencing", "commits accepted with a lower fencing number than one before", fencing, METRICS)
