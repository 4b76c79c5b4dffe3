"""The server's clock, which stamps the history, on the axis of the journals."""

import numpy as np

from leasebench.results.evidence.clocks import UNKNOWN_NS, Offset
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.journal import OWN, RowKind, RowOutcome


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


def offset_of_data(trial: Trial) -> Offset | None:
    """The same for the server of the data store behind the endpoints; None where there is none, or it can't be told.

    By what its clients did there: an event has the number that its client gave the call.
    """
    data, journal = trial.data, trial.journal
    if data is None or not len(data):
        return None
    number = {name: at for at, name in enumerate(dict.fromkeys(process.name for process in trial.processes))}
    kind, attempt = journal["kind"].to_numpy(), journal["attempt"].to_numpy()
    calls = np.isin(kind, (RowKind.ACQUIRE, RowKind.RENEW)) | ((kind >= OWN) & (attempt > 0))
    rows = np.flatnonzero(calls & (journal["outcome"].to_numpy() == RowOutcome.DONE))
    client = np.array([number[process.name] for process in trial.processes] or [-1], dtype=np.int64)
    believed = client[journal["process"].cat.codes.to_numpy()[rows]] << 48 | attempt[rows]
    names = np.array([*(number.get(name, -1) for name in data["enactor"].cat.categories), -1], dtype=np.int64)
    writer, numbered = names[data["enactor"].cat.codes.to_numpy()], data["attempt"].to_numpy()
    events = np.flatnonzero((writer >= 0) & (numbered > 0))
    _, ours, theirs = np.intersect1d(believed, writer[events] << 48 | numbered[events], return_indices=True)
    if not len(ours):
        return None
    start, end = (journal[name].to_numpy()[rows[ours]] for name in ("start_ns", "end_ns"))
    middle_ns = np.median((start + end) // 2 - data["t_us"].to_numpy()[events[theirs]] * 1000)
    return Offset(int(middle_ns), int(np.median((end - start) // 2)))
