"""The server's clock, which stamps the history, on the axis of the journals."""

import numpy as np

from leasebench.results.evidence.clocks import UNKNOWN_NS, Offset
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.journal import RowKind, RowOutcome


def offset_of_server(trial: Trial) -> Offset | None:
    """What to add to a store event's `t_us * 1000` to have it on the journal's axis; None if that can't be told.

    Every commit that was acknowledged stands in both: the server's stamp lies between the start and the end of the
    call. The median over all of them of the call's middle is right to half a call of the usual length, and to what
    is unsure of the callers' own clocks. Where the server's clock was stepped it holds for the larger part of the
    trial only.
    """
    events, journal = trial.events, trial.journal
    unsure_ns = trial.compared.unsure_on_axis_ns[trial.compared.code]
    rows = np.flatnonzero(trial.rows(RowKind.COMMIT, RowOutcome.DONE) & (unsure_ns < UNKNOWN_NS))
    commits = np.flatnonzero(events.of("commit"))
    if not len(rows) or not len(commits):
        return None
    believed = trial.process_enactor[rows] << 48 | journal["attempt"].to_numpy()[rows]
    stored = events.enactor[commits].astype(np.int64) << 48 | events.attempt[commits]
    _, ours, theirs = np.intersect1d(believed, stored, return_indices=True)
    if not len(ours):
        return None
    start, end = (journal[name].to_numpy()[rows[ours]] for name in ("start_ns", "end_ns"))
    value_ns = np.median((start + end) // 2 - events.t_us[commits[theirs]] * 1000)
    return Offset(int(value_ns), int(np.median((end - start) // 2 + unsure_ns[rows[ours]])))
