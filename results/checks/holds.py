"""Mutual exclusion, seen from both sides. It stands beside the verdict, never in it."""

import numpy as np
import pandas as pd

from enactors.operations import Reason
from results.checks import Check, Findings
from results.journal import REASON_NUMBERS, Kind, Outcome
from results.trial import Trial

TOLD_BY = [REASON_NUMBERS[reason] for reason in (Reason.NOT_OWNER, Reason.FENCE_TOO_LOW)]
"""A commit refused for one of these tells its owner that the lease is lost."""


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
    told = trial.rows(Kind.RENEW, Outcome.REFUSED) | (trial.rows(Kind.COMMIT, Outcome.REFUSED) & loss)
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
    last = int(journal["end_ns"].max())
    return _overlaps(
        spans["lease"].to_numpy(),
        spans["begin"].to_numpy(),
        spans["end"].fillna(last).to_numpy().astype(np.int64),
    )


def _violations(trial: Trial) -> int:
    events = trial.events
    on_lease = events.of("grant", "renew", "release", "expire")
    rows = pd.DataFrame(
        {
            "token": events.token[on_lease],
            "lease": events.lease[on_lease],
            "t": events.t_us[on_lease],
            "ends": np.where(
                events.of("release", "expire")[on_lease], events.t_us[on_lease], events.expires_us[on_lease]
            ),
        }
    )
    grants = rows.groupby("token", as_index=False).agg(
        lease=("lease", "first"), begin=("t", "first"), end=("ends", "last")
    )
    return _overlaps(grants["lease"].to_numpy(), grants["begin"].to_numpy(), grants["end"].to_numpy())


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
