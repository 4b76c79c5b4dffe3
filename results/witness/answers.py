"""What each call was about and was told, held against what its event says."""

from collections.abc import Callable

import numpy as np

from leasebench.results.evidence.columns import pieces
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
    at = calls.joined
    for what, differs in DIFFERS.items():  # one after the other: each needs columns of its own
        wrong = _those(calls, at, differs)
        held.differ(OTHERWISE, f"another {what} stands there", calls.row_of_event[wrong], wrong)
    held.covered += len(_those(calls, at, _refused))
    return held


Differs = Callable[[Calls, Ints, Ints], Mask]
"""Which of some events say something else than the journal rows of their calls beside them."""


def _those(calls: Calls, at: Ints, which: Differs) -> Ints:
    """Those of the events at `at` of which it is so."""
    found = (at[part][which(calls, at[part], calls.row_of_event[at[part]])] for part in pieces(len(at)))
    return np.concatenate([at[:0], *found])


def _endpoint(calls: Calls, at: Ints, row: Ints) -> Mask:
    differs: Mask = _at_endpoint(calls, row) & (calls.trial.events.endpoint[at] != calls.trial.lease_number_of(row))
    return differs


def _plan(calls: Calls, at: Ints, row: Ints) -> Mask:
    of_plan = _at_endpoint(calls, row) | (_column(calls, "kind", row) == RowKind.CLEAN)
    differs: Mask = of_plan & (calls.trial.events.version[at] != _column(calls, "version", row))
    return differs


def _version_before(calls: Calls, at: Ints, row: Ints) -> Mask:
    # A call that failed half-way has an event of its refusal that was read later: the first one's answer counts.
    told = _at_endpoint(calls, row) & calls.answered[row] & calls.has_one_event[row]
    differs: Mask = told & (calls.trial.events.previous[at] != _column(calls, "seen", row))
    return differs


def _lease(calls: Calls, at: Ints, row: Ints) -> Mask:
    of_lease = np.isin(_column(calls, "kind", row), OF_LEASES) & np.isin(calls.effect_of_event[at], OF_LEASES)
    differs: Mask = of_lease & (calls.trial.events.lease[at] != calls.trial.lease_number_of(row))
    return differs


def _fencing_number(calls: Calls, at: Ints, row: Ints) -> Mask:
    granted = (_column(calls, "kind", row) == RowKind.ACQUIRE) & (calls.effect_of_event[at] == RowKind.ACQUIRE)
    granted &= _column(calls, "outcome", row) == RowOutcome.DONE
    differs: Mask = granted & (_column(calls, "fence", row) != np.maximum(calls.trial.events.fence[at], 0))
    return differs


DIFFERS: dict[str, Differs] = {
    "endpoint": _endpoint,
    "plan": _plan,
    "version before": _version_before,
    "lease": _lease,
    "fencing number": _fencing_number,
}


def _refused(calls: Calls, at: Ints, row: Ints) -> Mask:
    refused = calls.answered[row] & (_column(calls, "outcome", row) != RowOutcome.DONE)
    told_no: Mask = refused & _at_endpoint(calls, row) & (calls.effect_of_event[at] == NO_EFFECT)
    return told_no


def _at_endpoint(calls: Calls, row: Ints) -> Mask:
    there: Mask = np.isin(_column(calls, "kind", row), OF_ENDPOINTS)
    return there


def _column(calls: Calls, name: str, row: Ints) -> Ints:
    values: Ints = calls.trial.journal[name].to_numpy()[row]
    return values
