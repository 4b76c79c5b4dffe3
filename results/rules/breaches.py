"""Every event of a trial that breaks what its store promised."""

from collections.abc import Iterator

from leasebench.leases.rules import CommitRule
from leasebench.results.events import Ints
from leasebench.results.rules import fences, leases, plans, versions
from leasebench.results.rules.breach import Breach
from leasebench.results.rules.lives import Life, lives
from leasebench.results.rules.promised import Promised
from leasebench.results.trial import Trial


def breaches(trial: Trial, promised: Promised) -> Iterator[Breach]:
    """The breaches in one cell of a trial, rule by rule; the guard's own rule of a commit comes first."""
    store, lease_server = lives(trial.events)
    yield from commits(trial, store, promised)
    for life in store:
        there = plans.PlanLifetimes(life.events)
        yield from plans.applied_while_there(life, there, promised)
        yield from plans.deleted_when_unused(life, there, promised)
        yield from plans.deleted_once(life, there)
        yield from plans.published_newest(life, there)
    if promised.audited:
        for life in lease_server or store:
            yield from leases.kept_by_owners(life, promised)
            yield from leases.granted_when_free(life, promised)


def commits(trial: Trial, store: list[Life], promised: Promised) -> Iterator[Breach]:
    """The commits that their guard's rule would have refused.

    The rules of negative controls are wrong on purpose, so nothing follows from them. Whether an owner's commit was
    rightful can't be told of a lock that leaves no event, or whose leases are on another server.
    """
    seen: Ints | None = None
    for life in store:
        match promised.commit:
            case CommitRule.MONOTONIC:
                yield from versions.monotonic(life)
            case CommitRule.COMPARE_AND_SET | CommitRule.WATCH:
                seen = versions.read_before(trial) if seen is None else seen
                yield from versions.compared(life, seen, promised.commit.value)
            case CommitRule.FENCED | CommitRule.FENCE_REGISTERED:
                yield from fences.fenced(life, promised.commit.value)
            case CommitRule.OWNER_CHECKED if promised.audited and not trial.events.lease_events:
                yield from leases.owner_checked(life, promised)
