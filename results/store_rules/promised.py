"""Which rules hold in a trial: what its guard and its scenario ask of the store."""

from dataclasses import dataclass
from typing import Self

from leasebench.leases.guard import CleanRule
from leasebench.leases.traits import has_own_clock
from leasebench.registry import plugins
from leasebench.results.record.suite import GuardTable, ScenarioTable
from leasebench.results.record.trial import LeaseTerms, TrialFacts

UNCONDITIONAL = "unconditional"


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
    def by(cls, guard: GuardTable, scenario: ScenarioTable, facts: TrialFacts) -> Self:
        """Read it off a resolved suite's tables and the facts of a trial (`trial.json`)."""
        quarantine = guard.clean.rule is CleanRule.QUARANTINE
        return cls(
            commit=guard.commit,
            referential=quarantine or guard.clean.referential,
            skip_active=quarantine or guard.clean.rule is CleanRule.SKIP_ACTIVE,
            rollback=scenario.load.rollback,
            audited=facts.lease is not None and facts.lease.audited,
            own_clock=by_own_clock(facts.lease, guard.manager),
            ttl_ms=0 if facts.lease is None else int(facts.lease.ttl_ms),
            steady_clock=facts.stepped_clocks == (),
        )


def by_own_clock(lease: LeaseTerms | None, manager: str | None) -> bool:
    """Whether leases end by their owners' clocks. Where a trial did not record it, its lease manager is asked."""
    if lease is None or lease.own_clock is not None:
        return lease is not None and bool(lease.own_clock)
    return has_own_clock(plugins("leases.managers").get(manager or ""))


NOTHING = Promised()
"""No more than what every store promises."""
