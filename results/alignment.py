"""Two clocks on one axis: the server's, which stamps the history, and the host's, by which processes keep journals."""

import numpy as np

from leasebench.results.journal import Kind, Outcome
from leasebench.results.trial import Trial


def host_ns_of_server(trial: Trial) -> int | None:
    """What to add to a store event's `t_us * 1000` to have it on the journal's clock, nanoseconds; None if unknown.

    Every commit that was acknowledged stands in both: the server's stamp lies between the start and the end of the
    call. The median over all of them of the call's middle is right to a fraction of a call. Where the server's
    clock was stepped it holds for the larger part of the trial only.
    """
    events, journal = trial.events, trial.journal
    rows = np.flatnonzero(trial.rows(Kind.COMMIT, Outcome.DONE))
    commits = np.flatnonzero(events.of("commit"))
    if not len(rows) or not len(commits):
        return None
    believed = trial.process_enactor[rows] << 48 | journal["attempt"].to_numpy()[rows]
    stored = events.enactor[commits].astype(np.int64) << 48 | events.attempt[commits]
    _, ours, theirs = np.intersect1d(believed, stored, return_indices=True)
    if not len(ours):
        return None
    middle = (journal["start_ns"].to_numpy()[rows[ours]] + journal["end_ns"].to_numpy()[rows[ours]]) // 2
    return int(np.median(middle - events.t_us[commits[theirs]] * 1000))
