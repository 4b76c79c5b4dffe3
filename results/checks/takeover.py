"""Takeover: how long a lease stays with a dead owner."""

import numpy as np

from leasebench.results.checks import Check, Findings
from leasebench.results.evidence.clocks import difference
from leasebench.results.evidence.holds import holds_of
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.metric import Better, Form, Metric, Shown


def takeover(trial: Trial) -> Findings:
    """Measure the time from the death of each owner killed while holding a lease to the next acquire of that lease.

    Holds that ended before the death (released, reported lost, taken by another) do not count. Neither do leases that
    nobody acquired again, and those for which the clocks leave open whether or when that happened.
    """
    held, unsure_ns = holds_of(trial), trial.compared.unsure_ns
    earliest, _ = held.taken_between
    took = []
    for one in np.flatnonzero(held.killed & (earliest > held.died)).tolist():
        others = held.lease == held.lease[one]
        after, known = difference(held.begin[others], held.died[one], unsure_ns[held.clock[others], held.clock[one]])
        following = after[after > 0]
        if len(following) and np.all(known):
            took.append(int(following.min()) / 1e6)
    return Findings(samples={"takeover_ms": np.array(took)})


METRICS = (
    Metric(
        "takeover_ms",
        Form.SPREAD,
        "from the death of a lease's owner to the next acquire of it",
        unit="ms",
        better=Better.LESS,
        two_clocks=True,
        shown=Shown.BESIDE,
        place=600,
        heading="takeover\np50 ms",
        spare=6,
    ),
)
PLUGIN = Check("takeover", "from the death of a lease's owner to the next grant", takeover, METRICS)
