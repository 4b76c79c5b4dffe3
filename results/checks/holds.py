"""Mutual exclusion, seen from both sides. It stands beside the verdict, never in it."""

import numpy as np

from leasebench.enactors.store.events import FOREIGN, KINDS
from leasebench.results.checks import Check, Findings
from leasebench.results.evidence.events import Ints
from leasebench.results.evidence.holds import holds_of
from leasebench.results.evidence.server_holds import server_holds
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.metric import Better, Form, Metric, Shown

GRANT, RENEW = KINDS.index("grant"), KINDS.index("renew")


def holds(trial: Trial) -> Findings:
    """Count holds that began while another hold of the same lease went on (`double_holds`, by the owners' clocks).

    `exclusion_violations` counts grants that were given while another, unexpired and unreleased, stood (by the lease
    server's clock). A grant that was deleted by another owner's release, or forgotten by a server that restarted,
    stands: its own owner did not give it back. Those of an opaque lock are read from what a passive replica heard of
    its keys (`results.evidence.server_holds`). Both are None where there is no lease; the first also where the owners'
    clocks can't tell, the second where grants leave no event and the keys do not tell. `first_exclusion_violation_s`:
    seconds from the trial's first event to the first one.
    """
    if trial.facts.lease is None:
        return Findings({"double_holds": None, "exclusion_violations": None})
    held = holds_of(trial)
    known = np.array_equal(held.doubled, held.doubled_for_sure)
    doubled = int(np.count_nonzero(held.doubled)) if known else None
    if not trial.facts.lease.audited:
        return _heard(trial, doubled)
    found = violations(trial)
    first_s = trial.events.seconds_until(min(found, default=None))
    return Findings(
        {"double_holds": doubled, "exclusion_violations": len(found)},
        {"first_exclusion_violation_s": first_s},
    )


def _heard(trial: Trial, doubled: int | None) -> Findings:
    """The same of an opaque lock, by what a passive replica heard."""
    heard = server_holds(trial)
    if heard.untold:
        return Findings({"double_holds": doubled, "exclusion_violations": None})
    first_us = min((grant.at_us for grant in heard.violations), default=None)
    began_us = trial.events.t_us[:1]
    return Findings(
        {"double_holds": doubled, "exclusion_violations": len(heard.violations)},
        {"first_exclusion_violation_s": (first_us - began_us) / 1e6 if first_us is not None else np.array([])},
    )


def violations(trial: Trial) -> list[int]:
    """The positions of the violating grants, in store order: what was given back does not stand, whatever a clock says.

    Most leases are granted, renewed and given back by one owner after the other. Where every event follows so from
    the one before, at most one grant ever stood, and it had expired by the next; only the others are walked.
    """
    events = trial.events
    at = np.flatnonzero(events.of("grant", "renew", "release", "expire"))
    at = at[np.argsort(events.lease[at], kind="stable")]
    lease, token = events.lease[at], events.token[at]
    granted = events.kind[at] == GRANT
    foreign = events.because(FOREIGN)[at]
    ended = (events.kind[at] != GRANT) & (events.kind[at] != RENEW) & ~foreign
    follows = np.zeros(len(at), dtype=bool)
    follows[1:] = lease[1:] == lease[:-1]
    after_end = follows & np.roll(ended, 1)
    after_own = follows & ~after_end & (np.roll(token, 1) == token)
    after_expiry = follows & ~after_end & (np.roll(events.expires_us[at], 1) <= events.t_us[at])
    orderly = np.where(granted, ~follows | after_end | after_expiry, after_own & ~foreign)
    doubtful = np.isin(lease, np.unique(lease[~orderly]))
    return _walk(trial, at[doubtful])


def _walk(trial: Trial, at: Ints) -> list[int]:
    """Find the grants given while another stood, event by event; `at` is sorted by lease, then in store order."""
    events = trial.events
    columns = (events.kind, events.lease, events.token, events.enactor, events.t_us, events.expires_us)
    rows = zip(
        at.tolist(), *(column[at].tolist() for column in columns), events.because(FOREIGN)[at].tolist(), strict=True
    )
    unreleased: dict[int, dict[int, tuple[int, int]]] = {}
    found = []
    for position, kind, lease, token, owner, t_us, expires_us, foreign in rows:
        grants = unreleased.setdefault(lease, {})
        if kind == GRANT:
            for expired in [other for other, (until, _) in grants.items() if until <= t_us]:
                del grants[expired]
            if grants:
                found.append(position)
        if kind in (GRANT, RENEW):
            grants[token] = (expires_us, owner)
        elif not foreign:
            grants.pop(token, None)
        else:  # it deleted another owner's lock, and ended its own grant alone
            for own in [other for other, (_, holder) in grants.items() if holder == owner]:
                del grants[own]
    return found


METRICS = (
    Metric(
        "double_holds",
        Form.COUNT,
        "two owners of one lease at a time, by the owners' clock",
        better=Better.LESS,
        may_be_unknown=True,
        two_clocks=True,
        place=500,
        heading="double\nholds",
    ),
    Metric(
        "exclusion_violations",
        Form.COUNT,
        "grants given while another stood, by the lease server's clock; null where neither events nor keys tell",
        better=Better.LESS,
        may_be_unknown=True,
        shown=Shown.BESIDE,
        place=510,
        first_s="first_exclusion_violation_s",
        heading="excl.\nviolated",
    ),
    Metric(
        "first_exclusion_violation_s",
        Form.SPREAD,
        "from a trial's first event to its first exclusion violation",
        unit="s",
        better=Better.MORE,
        shown=Shown.NOWHERE,
        place=515,
    ),
)
PLUGIN = Check("holds", "two owners of one lease at a time, by their own and by the server's clock", holds, METRICS)
