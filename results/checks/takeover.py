"""Takeover: how long a lease stays with a dead owner."""

import numpy as np

from leasebench.results.checks import Check, Findings
from leasebench.results.holds import NEVER, holds_of
from leasebench.results.metric import Better, Form, Metric, Shown
from leasebench.results.trial import Trial


def takeover(trial: Trial) -> Findings:
    """Measure, for each owner who was killed while he held a lease, from his death to the next acquire of it.

    By the host's one clock. A hold that was given back, told to be lost or taken by another before the death is none
    that had to be taken over; one that nobody acquired any more is left out.
    """
    held = holds_of(trial)
    orphaned = np.flatnonzero(held.killed & (held.taken > held.died))
    order = np.lexsort((held.begin, held.lease))
    took = []
    for lease in np.unique(held.lease[orphaned]):
        begins = held.begin[order][held.lease[order] == lease]
        deaths = held.died[orphaned][held.lease[orphaned] == lease]
        following = np.append(begins, NEVER)[np.searchsorted(begins, deaths, side="right")]
        took.append((following - deaths)[following < NEVER] / 1e6)
    return Findings(samples={"takeover_ms": np.concatenate(took) if took else np.array([])})


METRICS = (
    Metric(
        "takeover_ms",
        Form.SPREAD,
        "from the death of a lease's owner to the next acquire of it",
        unit="ms",
        better=Better.LESS,
        shown=Shown.BESIDE,
        place=600,
        heading="takeover\np50 ms",
        spare=6,
    ),
)
PLUGIN = Check("takeover", "from the death of a lease's owner to the next grant", takeover, METRICS)
