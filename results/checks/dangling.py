"""Dangling records: endpoints that point at a deleted plan; and cells that no commit can repair."""

import numpy as np

from results.checks import Check, Findings
from results.trial import Trial


def dangling(trial: Trial) -> Findings:
    """Count the times that an endpoint became empty, and whether the trial ended wedged.

    An endpoint becomes empty when the plan that it points at is deleted (`active_endpoints` of the deletion), or
    when it is pointed at a plan that is gone while the one before was there. Wedged: at some endpoint the last
    word of the store is a refusal for want of a plan to roll back to, and commits stopped before it.
    """
    events = trial.events
    deleted = np.flatnonzero(events.of("delete"))
    top = int(max(events.version.max(initial=0), events.previous.max(initial=0)))
    never = len(events)
    gone_at = np.full(top + 2, never, dtype=np.int64)
    gone_at[events.version[deleted]] = deleted
    by_deletion = int(events.active_endpoints[deleted].clip(0).sum())
    commits = np.flatnonzero(events.of("commit"))
    now_gone = gone_at[events.version[commits]] < commits
    was_gone = gone_at[events.previous[commits]] < commits
    wedged = 0
    if "no_rollback_plan" in events.reasons:
        stuck = events.of("reject") & (events.reason == events.reasons.index("no_rollback_plan"))
        last_stuck = np.full(len(events.endpoints), -1, dtype=np.int64)
        np.maximum.at(last_stuck, events.endpoint[stuck], np.flatnonzero(stuck))
        last_commit = np.array([part[-1] if len(part) else -1 for part in events.commits_by_endpoint])
        wedged = int(np.any(last_stuck > last_commit))
    return Findings({"dangling": by_deletion + int(np.count_nonzero(now_gone & ~was_gone)), "wedged": wedged})


PLUGIN = Check("dangling", "endpoints that resolve to nothing, and cells that only an operator can repair", dangling)
