"""What the line to a foreign lock costs beside the lock's own time."""

import numpy as np

from leasebench.results.checks import Check, Findings
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.journal import RowKind, RowOutcome
from leasebench.results.record.metric import Better, Form, Metric, Shown

CALLS = (RowKind.ACQUIRE, RowKind.RENEW, RowKind.VALIDATE, RowKind.RELEASE)


def lock_line(trial: Trial) -> Findings:
    """Measure, for each answered call of a foreign lock that says how long it took, the rest of the round trip.

    That is what the call would not have cost in the lock's own language: it stands in no latency of the guard, whose
    service times are the lock's own. Of any other lock the whole call is the lock's own time, and nothing is measured.
    """
    journal = trial.journal
    rows = np.isin(journal["kind"].to_numpy(), CALLS) & (trial.process_enactor >= 0)
    rows &= np.isin(journal["outcome"].to_numpy(), (RowOutcome.DONE, RowOutcome.REFUSED))
    start, end, service = (journal[name].to_numpy()[rows] for name in ("start_ns", "end_ns", "service_ns"))
    rest_ns = end - start - service
    return Findings(samples={"lock_line_us": rest_ns[rest_ns > 0] / 1e3})


METRICS = (
    Metric(
        "lock_line_us",
        Form.SPREAD,
        "what a call of a lock in another process took beside the lock's own time: the line there and back",
        unit="us",
        better=Better.LESS,
        shown=Shown.BESIDE,
        place=610,
        heading="line\np50 us",
        spare=7,
    ),
)
PLUGIN = Check("lock_line", "the line to a foreign lock, beside the lock's own time", lock_line, METRICS)
