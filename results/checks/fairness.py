"""Fairness: how a lock is shared by those that want it while they want it, and how long the unluckiest one waits."""

import numpy as np

from leasebench.results.checks import Check, Findings
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.journal import RowKind, RowOutcome
from leasebench.results.record.metric import Better, Form, Metric, Shown
from leasebench.results.statistics.sharing import jain

OWN = "contend"
"""A word in the names of scenarios whose tables have columns for these."""


def fairness(trial: Trial) -> Findings:
    """Look at the acquires that enactors began before the last plan was published, whatever lease they were for.

    Until then every enactor always has a plan to apply, and wants the lock: afterwards the load is over. `starved`
    counts enactors that asked and got none in that time, `waits_in_vain` acquires that were given up. Of each trial
    there is one sample of the others: grants a second, Jain's index of the grants of all enactors, and the longest wait
    of one acquire, in vain or not. None and no samples where there is no lease; no samples where nobody asked.
    """
    if trial.facts.lease is None:
        return Findings({"starved": None, "waits_in_vain": None})
    start, end = (trial.journal[name].to_numpy() for name in ("start_ns", "end_ns"))
    outcome = trial.journal["outcome"].to_numpy()
    published = start[trial.rows(RowKind.PUBLISH)]
    until_ns = int(published.max()) if len(published) else int(end.max(initial=0))
    by = trial.process_enactor
    asked = trial.rows(RowKind.ACQUIRE) & (by >= 0) & (start < until_ns)
    answered = asked & np.isin(outcome, (RowOutcome.DONE, RowOutcome.NOTHING))
    got = answered & (outcome == RowOutcome.DONE) & (end <= until_ns)
    wanted = np.unique(by[asked])
    grants = np.bincount(by[got], minlength=len(trial.facts.enactors))
    counts: dict[str, int | None] = {
        "starved": int(np.count_nonzero(grants[wanted] == 0)),
        "waits_in_vain": int(np.count_nonzero(answered & (outcome == RowOutcome.NOTHING))),
    }
    if not np.any(answered):
        return Findings(counts)
    lasted_s = (until_ns - int(start[asked].min())) / 1e9
    samples = {
        "grants_per_s": int(np.count_nonzero(got)) / lasted_s,
        "jain_of_grants": jain(grants[wanted]),
        "longest_wait_ms": int((end - start)[answered].max()) / 1e6,
    }
    return Findings(counts, {name: np.array([value]) for name, value in samples.items()})


def _spread(name: str, about: str, unit: str, better: Better, place: int, heading: str, digits: int) -> Metric:
    return Metric(
        name,
        Form.SPREAD,
        about,
        unit=unit,
        better=better,
        shown=Shown.BESIDE,
        place=place,
        heading=heading,
        digits=digits,
        own_scenario=OWN,
        elsewhere=False,
    )


def _count(name: str, about: str, place: int, heading: str) -> Metric:
    return Metric(
        name,
        Form.COUNT,
        about,
        better=Better.LESS,
        may_be_unknown=True,
        shown=Shown.BESIDE,
        place=place,
        heading=heading,
        own_scenario=OWN,
        elsewhere=False,
    )


METRICS = (
    _spread("grants_per_s", "leases granted a second while everybody wanted one", "per s", Better.MORE, 521,
            "grants\nper s", 0),
    _spread("jain_of_grants", "Jain's index of the enactors' grants: 1 alike, 1/n one has all", "", Better.MORE, 522,
            "Jain's\nindex", 3),
    _spread("longest_wait_ms", "the longest that an acquire took in a trial", "ms", Better.LESS, 523,
            "longest\nwait ms", 0),
    _count("starved", "enactors that asked for a lease and got none while the load lasted", 524, "starved"),
    _count("waits_in_vain", "acquires that were given up when the wait was over", 525, "waits\nin vain"),
)  # fmt: skip
PLUGIN = Check("fairness", "how a lock is shared, and how long the unluckiest waits", fairness, METRICS)
