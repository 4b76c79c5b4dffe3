"""Which rules hold in a trial: what its guard and its scenario ask of the store."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from leasebench.leases.rules import DeleteRule
from leasebench.results.record.trial import TrialFacts

UNCONDITIONAL = "unconditional"
OWN_CLOCK = frozenset({"expiry_record"})
"""Lease managers whose leases end by their owners' clocks; the server itself ends none."""
EMPTY: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Promised:
    """What the store was asked to enforce. A rule of a negative control is wrong on purpose and promises nothing.

    `referential`: no plan is applied that was deleted or quarantined. `skip_active`: none is deleted that an endpoint
    points at. `rollback`: a commit needs the plan in force as its rollback plan. `audited`: the history has the grants.
    `own_clock`: leases, given for `ttl_ms`, end by their owners' clocks. `steady_clock`: no fault steps a server's.
    """

    commit: str = UNCONDITIONAL
    referential: bool = False
    skip_active: bool = False
    rollback: bool = False
    audited: bool = False
    own_clock: bool = False
    ttl_ms: int = 0
    steady_clock: bool = False

    @classmethod
    def by(cls, guard: Mapping[str, Any], scenario: Mapping[str, Any], facts: TrialFacts) -> Self:
        """Read it off a resolved suite's tables and the facts of a trial (`trial.json`)."""
        clean = guard.get("clean") or EMPTY
        quarantine = clean.get("rule") == DeleteRule.QUARANTINE
        return cls(
            commit=str(guard.get("commit", UNCONDITIONAL)),
            referential=quarantine or bool(clean.get("referential")),
            skip_active=quarantine or clean.get("rule") == DeleteRule.SKIP_ACTIVE,
            rollback=bool((scenario.get("load") or EMPTY).get("rollback")),
            audited=facts.lease is not None and facts.lease.audited,
            own_clock=(guard.get("exclude") or EMPTY).get("manager") in OWN_CLOCK,
            ttl_ms=0 if facts.lease is None else int(facts.lease.ttl_ms),
            steady_clock=facts.stepped_clocks == (),
        )


NOTHING = Promised()
"""No more than what every store promises."""
