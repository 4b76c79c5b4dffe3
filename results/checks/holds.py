"""Mutual exclusion, seen from both sides. It stands beside the verdict, never in it."""

import numpy as np
import pandas as pd

from enactors.operations import Reason
from results.checks import Check, Findings
from results.history import KINDS, Ints
from results.journal import REASON_NUMBERS, Kind, Outcome
from results.trial import Trial

GRANT, RENEW = KINDS.index("grant"), KINDS.index("renew")
TOLD_BY = [REASON_NUMBERS[reason] for reason in (Reason.NOT_OWNER, Reason.FENCE_TOO_LOW)]
"""A commit or a reading refused for one of these tells its owner that the lease is lost."""


def holds(trial: Trial) -> Findings:
    """Count holds that began while another hold of the same lease went on (`double_holds`, by the owners' clock).

    `exclusion_violations` counts grants that were given while another, unexpired and unreleased, stood (by the lease
    server's clock). Both are None where there is no lease; the second also where grants leave no event.
    """
    if not trial.facts.get("lease"):
        return Findings({"double_holds": None, "exclusion_violations": None})
    audited = trial.facts["lease"]["audited"]
    return Findings(
        {
            "double_holds": _double_holds(trial),
            "exclusion_violations": _violations(trial) if audited else None,
        }
    )


def _double_holds(trial: Trial) -> int:
    journal = trial.journal
    acquired = trial.rows(Kind.ACQUIRE, Outcome.DONE)
    begins = pd.DataFrame(
        {
            "enactor": trial.process_enactor[acquired],
            "grant": journal["attempt"].to_numpy()[acquired],
            "lease": trial.lease_number[acquired],
            "begin": journal["end_ns"].to_numpy()[acquired],
        }
    )
    released = trial.rows(Kind.RELEASE)
    loss = np.isin(journal["reason"].to_numpy(), TOLD_BY)
    on_lease = trial.rows(Kind.RENEW, Outcome.REFUSED) | trial.rows(Kind.VALIDATE, Outcome.REFUSED)
    on_store = trial.rows(Kind.COMMIT, Outcome.REFUSED) | trial.rows(Kind.CHECK, Outcome.REFUSED)
    told = on_lease | (on_store & loss)
    over = np.where(released, journal["start_ns"].to_numpy(), journal["end_ns"].to_numpy())[released | told]
    ends = pd.DataFrame(
        {
            "enactor": trial.process_enactor[released | told],
            "grant": journal["grant"].to_numpy()[released | told],
            "end": over,
        }
    )
    first_end = ends.groupby(["enactor", "grant"], as_index=False)["end"].min()
    spans = begins.merge(first_end, how="left", on=["enactor", "grant"])
    end = spans["end"].astype(np.float64).fillna(np.inf)
    return _overlaps(spans["lease"].to_numpy(), spans["begin"].to_numpy(), end.to_numpy())


def _violations(trial: Trial) -> int:
    """Count in store order: a grant that was given back does not stand, whatever a stepping clock says.

    Most leases are granted, renewed and given back by one owner after the other. Where every event follows so from
    the one before, at most one grant ever stood, and it had expired by the next; only the others are walked.
    """
    events = trial.events
    at = np.flatnonzero(events.of("grant", "renew", "release", "expire"))
    at = at[np.argsort(events.lease[at], kind="stable")]
    lease, token = events.lease[at], events.token[at]
    granted = events.kind[at] == GRANT
    ended = (events.kind[at] != GRANT) & (events.kind[at] != RENEW)
    follows = np.zeros(len(at), dtype=bool)
    follows[1:] = lease[1:] == lease[:-1]
    after_end = follows & np.roll(ended, 1)
    after_own = follows & ~after_end & (np.roll(token, 1) == token)
    after_expiry = follows & ~after_end & (np.roll(events.expires_us[at], 1) <= events.t_us[at])
    orderly = np.where(granted, ~follows | after_end | after_expiry, after_own)
    doubtful = np.isin(lease, np.unique(lease[~orderly]))
    return _walk(trial, at[doubtful])


def _walk(trial: Trial, at: Ints) -> int:
    """Count the grants given while another stood, event by event; `at` is sorted by lease, then in store order."""
    events = trial.events
    columns = (events.kind, events.lease, events.token, events.t_us, events.expires_us)
    standing: dict[int, dict[int, int]] = {}
    count = 0
    for kind, lease, token, t_us, expires_us in zip(*(column[at].tolist() for column in columns), strict=True):
        grants = standing.setdefault(lease, {})
        if kind == GRANT:
            for expired in [other for other, until in grants.items() if until <= t_us]:
                del grants[expired]
            count += bool(grants)
        if kind in (GRANT, RENEW):
            grants[token] = expires_us
        else:
            grants.pop(token, None)
    return count


def _overlaps(lease: np.ndarray, begin: np.ndarray, end: np.ndarray) -> int:
    """How many spans begin before an earlier one of the same lease ends."""
    order = np.lexsort((begin, lease))
    lease, begin, end = lease[order], begin[order], end[order]
    count = 0
    for part in np.split(np.arange(len(lease)), np.flatnonzero(np.diff(lease)) + 1):
        latest = np.maximum.accumulate(end[part])
        count += int(np.count_nonzero(begin[part][1:] < latest[:-1]))
    return count


PLUGIN = Check("holds", "two owners of one lease at a time, by their own and by the server's clock", holds)
