"""Beside a successor: what an owner that lost its lease, and did not know it, went on doing."""

import numpy as np

from leasebench.results.checks import Check, Findings
from leasebench.results.evidence.clocks import NEVER
from leasebench.results.evidence.events import Ints
from leasebench.results.evidence.holds import Holds, holds_of
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.journal import RowKind
from leasebench.results.record.metric import Better, Form, Metric, Shown


def beside(trial: Trial) -> Findings:
    """Measure for how long owners went on while another had their lease, and count what they sent meanwhile.

    The time begins with the end of the other's acquire, or, if the owner was stopped by then at an operation of its
    own, with its waking up; it ends with the hold (`Holds.end`). Commits count that were begun after the other's
    acquire under the old grant, before the owner was told or gave it back. Owners that were killed meanwhile do not
    count. Where the clocks can't tell, there are no samples, and the count is None; both are so where there is no
    lease.
    """
    if trial.facts.lease is None:
        return Findings({"commits_beside": None})
    if trial.compared.widest_ns:
        return Findings({"commits_beside": None})
    held = holds_of(trial)
    told_or_given_back = np.minimum(held.released, held.told)
    lost = (held.taken < told_or_given_back) & (told_or_given_back < NEVER)
    woke = _awake_since(held, np.flatnonzero(lost))
    took_ms = np.maximum(held.end[lost] - woke, 0) / 1e6
    rows, hold = held.of(trial.rows(RowKind.COMMIT))
    start = trial.journal["start_ns"].to_numpy()[rows]
    sent = lost[hold] & (start >= held.taken[hold]) & (start < told_or_given_back[hold])
    return Findings({"commits_beside": int(np.count_nonzero(sent))}, {"beside_ms": took_ms.astype(np.float64)})


def _awake_since(held: Holds, lost: Ints) -> Ints:
    """For each of these holds when its owner first ran while another had acquired its lease."""
    trial = held.trial
    stopped = trial.rows(RowKind.PAUSE)
    start, end = (trial.journal[name].to_numpy()[stopped] for name in ("start_ns", "end_ns"))
    life = trial.life[stopped]
    since = held.taken[lost].copy()
    for number, one in enumerate(lost.tolist()):
        covers = (life == held.life[one]) & (start <= since[number]) & (since[number] < end)
        if np.any(covers):
            since[number] = end[covers].max()
    return since


OWN = "leader"
"""A word in the names of scenarios whose tables have columns for these."""
METRICS = (
    Metric(
        "commits_beside",
        Form.COUNT,
        "commits that an owner sent under a lease which another had acquired by then",
        better=Better.LESS,
        may_be_unknown=True,
        two_clocks=True,
        shown=Shown.BESIDE,
        place=502,
        heading="written\nbeside",
        spare=4,
        own_scenario=OWN,
        elsewhere=False,
    ),
    Metric(
        "beside_ms",
        Form.SPREAD,
        "how long an owner that ran went on while another had its lease",
        unit="ms",
        better=Better.LESS,
        two_clocks=True,
        shown=Shown.BESIDE,
        place=503,
        heading="beside\np50 ms",
        spare=5,
        own_scenario=OWN,
        elsewhere=False,
    ),
)
PLUGIN = Check("beside", "what owners went on doing while another had their lease", beside, METRICS)
