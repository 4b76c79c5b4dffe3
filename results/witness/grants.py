"""Every lease that a client was granted was free of other unexpired grants, as the server saw it.

A lease ends by its server's clock, at the millisecond, counted from the begin of the script that set it. An event
bears the time at which its script asked, somewhat later: that script began after the event before it at the earliest.
"""

import numpy as np

from leasebench.results.evidence.events import Events, Ints
from leasebench.results.record.journal import RowKind, RowOutcome
from leasebench.results.witness.calls import Calls
from leasebench.results.witness.mismatch import Comparison

DOUBLE = "granted while another grant stood"
STEPPED = "grants by a server's clock that a fault may step"
AFTER_RESTART = "grants of a lease that was set before its server came back"
OPAQUE = "acquires of a lock that leaves no events of its leases"
GRAIN_US = 1_000


def grants(calls: Calls, *, own_clock: bool) -> Comparison:
    """Look at what each lease was before it was granted. `own_clock`: it ends by the clocks of its owners."""
    held, trial = Comparison(), calls.trial
    acquired = trial.rows(RowKind.ACQUIRE, RowOutcome.DONE) & (trial.process_enactor >= 0)
    if trial.facts.lease is None or not trial.facts.lease.audited:
        held.leave(OPAQUE, int(np.count_nonzero(acquired)))
        return held
    events = trial.events
    row = np.where(calls.row_of_event >= 0, calls.row_of_event, 0)
    told = events.of("grant") & (calls.row_of_event >= 0)
    told[told] = acquired[row[told]]
    at = np.flatnonzero(told)
    own_server = events.last + 1 if events.lease_events else 0
    before = _set_before(events, at, own_server)
    free = (before < 0) | ~events.of("grant", "renew")[before]
    at, before = at[~free], before[~free]
    since_restart = _restarts_before(calls, at) == _restarts_before(calls, before)
    held.leave(AFTER_RESTART, int(np.count_nonzero(~since_restart)))
    at, before = at[since_restart], before[since_restart]
    ttl_us = events.expires_us[before] - events.t_us[before]
    if own_clock:
        asked_us = events.expires_us[at] - int((trial.facts.lease.ttl_ms) * 1000)
        stood = events.expires_us[before] > asked_us
    else:
        steady = trial.facts.stepped_clocks == ()
        held.leave(STEPPED, 0 if steady else len(at))
        began_us = np.minimum(events.t_us[np.maximum(before - 1, own_server)], events.t_us[before])
        stood = steady & (events.epoch[before] == events.epoch[at])
        stood &= events.t_us[at] < began_us + ttl_us - GRAIN_US
    held.covered += int(np.count_nonzero(free)) + len(at)
    held.differ(DOUBLE, "the grant before was neither given back nor over", row[at[stood]], before[stood])
    return held


def _set_before(events: Events, at: Ints, first: int) -> Ints:
    """For each place the last event before that granted, prolonged or ended the same lease; -1 for none."""
    sets = np.flatnonzero(events.of("grant", "renew", "release", "expire"))
    sets = sets[sets >= first]
    lease = events.lease.astype(np.int64)
    order = np.lexsort((sets, lease[sets]))
    ordered = sets[order]
    earlier = np.concatenate(([-1], ordered[:-1]))[: len(ordered)]
    same = np.concatenate(([False], lease[ordered[1:]] == lease[ordered[:-1]]))[: len(ordered)]
    last = np.full(len(events), -1, dtype=np.int64)
    last[ordered] = np.where(same, earlier, -1)
    return last[at]


def _restarts_before(calls: Calls, at: Ints) -> Ints:
    restarts = np.flatnonzero(calls.restarts)
    number: Ints = np.searchsorted(restarts, at)
    return number
