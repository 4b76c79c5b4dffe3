"""Convergence: do all endpoints reach the last plan after the load has ended, and how soon."""

import numpy as np

from results.checks import Check, Findings
from results.trial import Trial


def convergence(trial: Trial) -> Findings:
    """`stuck` is 1 if an endpoint does not end at the last plan, or reached it later than `settle_s`.

    `convergence_ms` runs from the last publication to the commit after which every endpoint stayed at it.
    """
    events = trial.events
    if not len(events.published):
        return Findings({"stuck": 0}, {"convergence_ms": np.array([])})
    last_plan = events.published[-1]
    version = events.version[last_plan]
    arrivals = []
    for commits in events.commits_by_endpoint:
        behind = np.flatnonzero(events.version[commits] != version)
        arrived = behind[-1] + 1 if len(behind) else 0
        if arrived >= len(commits):
            return Findings({"stuck": 1}, {"convergence_ms": np.array([])})
        arrivals.append(commits[arrived])
    took = events.elapsed_us(np.array([last_plan]), np.array([max(arrivals)]))
    late = bool(np.any(took > trial.facts["settle_s"] * 1e6))
    return Findings({"stuck": int(late)}, {"convergence_ms": took[~np.isnan(took)] / 1e3})


PLUGIN = Check("convergence", "all endpoints at the last plan after the load has ended", convergence)
