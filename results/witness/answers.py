"""What each call was about and was told, held against what its event says."""

import numpy as np

from leasebench.results.evidence.events import Ints, Mask
from leasebench.results.record.journal import RowKind, RowOutcome
from leasebench.results.witness.calls import NO_EFFECT, OF_LEASES, Calls
from leasebench.results.witness.mismatch import Comparison

OTHERWISE = "the history says otherwise"
OF_ENDPOINTS = (RowKind.COMMIT, RowKind.CHECK)
"""Calls that are told the version which they met at an endpoint."""


def answers(calls: Calls, *, repeats: bool) -> Comparison:
    """Compare every call with its event. Of one that was repeated it is not known which event its answer was about."""
    held = Comparison()
    if repeats:
        return held
    trial, journal, events = calls.trial, calls.trial.journal, calls.trial.events
    at = calls.joined
    row = calls.row_of_event[at]
    kind = journal["kind"].to_numpy()[row]
    answered, done = calls.answered[row], journal["outcome"].to_numpy()[row] == RowOutcome.DONE
    seen = journal["seen"].to_numpy()[row]
    version, endpoint = journal["version"].to_numpy()[row], trial.lease_number[row]
    at_endpoint = np.isin(kind, OF_ENDPOINTS)
    of_plan = at_endpoint | (kind == RowKind.CLEAN)
    of_lease = np.isin(kind, OF_LEASES) & np.isin(calls.effect_of_event[at], OF_LEASES)

    def differ(what: str, wrong: Mask) -> None:
        held.differ(OTHERWISE, f"another {what} stands there", row[wrong], at[wrong])

    differ("endpoint", at_endpoint & (events.endpoint[at] != endpoint))
    differ("plan", of_plan & (events.version[at] != version))
    # A call that failed half-way has an event of its refusal that was read later: the first one's answer counts.
    single = _once(at, row)
    differ("version before", at_endpoint & answered & single & (events.previous[at] != seen))
    differ("lease", of_lease & (events.lease[at] != endpoint))
    numbered = (kind == RowKind.ACQUIRE) & (calls.effect_of_event[at] == RowKind.ACQUIRE) & done
    told, given = journal["fence"].to_numpy()[row], np.maximum(events.fence[at], 0)
    differ("fencing number", numbered & (told != given))
    refused = answered & ~done & at_endpoint & (calls.effect_of_event[at] == NO_EFFECT)
    held.covered += int(np.count_nonzero(refused))
    return held


def _once(events: Ints, rows: Ints) -> Mask:
    """Which of these events are the only one of their row."""
    once: Mask = np.bincount(rows, minlength=int(rows.max(initial=-1)) + 1)[rows] == 1 if len(events) else rows > 0
    return once
