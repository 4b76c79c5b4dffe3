"""What must hold before any check means anything. A history that breaks one of these is not trusted."""

import numpy as np

from results.journal import Kind, Outcome
from results.trial import Trial


def broken_assumptions(trial: Trial) -> list[str]:
    """Return one sentence for each assumption that the trial's history breaks."""
    broken = []
    events = trial.events
    if np.any(events.kind < 0):
        broken.append("the history holds events of a kind that is not known")
    for number, commits in enumerate(events.commits_by_endpoint):
        before = np.concatenate(([0], events.version[commits][:-1]))
        if np.any(before != events.previous[commits]):
            broken.append(f"endpoint {events.endpoints[number]} changed outside the history")
            break
    published = np.zeros(int(events.version.max(initial=0)) + 1, dtype=np.int64) - 1
    published[events.version[events.published]] = events.published
    commits = np.flatnonzero(events.of("commit"))
    at = published[events.version[commits]]
    if np.any((at < 0) | (at > commits)):
        broken.append("a plan was committed before it was published")
    if lost := lost_commits(trial):
        broken.append(f"{lost} acknowledged commits are not in the history")
    return broken


def lost_commits(trial: Trial) -> int:
    """How many commits that a client saw acknowledged are missing from the history."""
    events = trial.events
    commit = events.of("commit")
    stored = events.enactor[commit].astype(np.int64) << 48 | events.attempt[commit]
    acknowledged = trial.rows(Kind.COMMIT, Outcome.DONE)
    believed = trial.process_enactor[acknowledged] << 48 | trial.journal["attempt"].to_numpy()[acknowledged]
    return int(np.count_nonzero(~np.isin(believed, stored)))
