"""What each call was about and was told, held against what its event says."""

from collections.abc import Iterator

import numpy as np

from leasebench.results.evidence.columns import pieces
from leasebench.results.evidence.events import Ints, Mask
from leasebench.results.record.journal import RowKind, RowOutcome
from leasebench.results.witness.calls import NO_EFFECT, OF_LEASES, Calls
from leasebench.results.witness.mismatch import NONE, Comparison

OTHERWISE = "the history says otherwise"
OF_ENDPOINTS = (RowKind.COMMIT, RowKind.CHECK)
"""Calls that are told the version which they met at an endpoint."""


def answers(calls: Calls, *, repeats: bool) -> Comparison:
    """Compare every call with its event. Of one that was repeated it is not known which event its answer was about."""
    held = Comparison()
    if repeats:
        return held
    joined = np.flatnonzero(calls.row_of_event != NONE)
    single = np.bincount(calls.row_of_event[joined], minlength=len(calls.trial.journal)) == 1
    wrong: dict[str, list[Ints]] = {}
    for part in pieces(len(joined)):
        at = joined[part]
        for what, here in _otherwise(calls, at, single, held):
            wrong.setdefault(what, []).append(at[here])
    for what, parts in wrong.items():
        at = np.concatenate(parts)
        held.differ(OTHERWISE, f"another {what} stands there", calls.row_of_event[at], at)
    return held


def _otherwise(calls: Calls, at: Ints, single: Mask, held: Comparison) -> Iterator[tuple[str, Mask]]:
    """What these events say otherwise than their calls were told, and which of them do."""
    trial, journal, events = calls.trial, calls.trial.journal, calls.trial.events
    row = calls.row_of_event[at]
    kind = journal["kind"].to_numpy()[row]
    answered, done = calls.answered[row], journal["outcome"].to_numpy()[row] == RowOutcome.DONE
    seen = journal["seen"].to_numpy()[row]
    version, endpoint = journal["version"].to_numpy()[row], trial.lease_number_of(row)
    at_endpoint = np.isin(kind, OF_ENDPOINTS)
    of_plan = at_endpoint | (kind == RowKind.CLEAN)
    of_lease = np.isin(kind, OF_LEASES) & np.isin(calls.effect_of_event[at], OF_LEASES)
    yield "endpoint", at_endpoint & (events.endpoint[at] != endpoint)
    yield "plan", of_plan & (events.version[at] != version)
    # A call that failed half-way has an event of its refusal that was read later: the first one's answer counts.
    yield "version before", at_endpoint & answered & single[row] & (events.previous[at] != seen)
    yield "lease", of_lease & (events.lease[at] != endpoint)
    numbered = (kind == RowKind.ACQUIRE) & (calls.effect_of_event[at] == RowKind.ACQUIRE) & done
    told, given = journal["fence"].to_numpy()[row], np.maximum(events.fence[at], 0)
    yield "fencing number", numbered & (told != given)
    refused = answered & ~done & at_endpoint & (calls.effect_of_event[at] == NO_EFFECT)
    held.covered += int(np.count_nonzero(refused))
