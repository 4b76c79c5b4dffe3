"""Every event of a trial that breaks what its store promised."""

from collections.abc import Iterator

from leasebench.results.evidence.trial import Trial
from leasebench.results.store_rules import leases, plans
from leasebench.results.store_rules.breach import Breach
from leasebench.results.store_rules.commits import promise_of
from leasebench.results.store_rules.lives import lives
from leasebench.results.store_rules.promised import Promised


def breaches(trial: Trial, promised: Promised) -> Iterator[Breach]:
    """The breaches in one cell of a trial, rule by rule; the guard's own rule of a commit comes first."""
    store, lease_server = lives(trial.events)
    promise = promise_of(promised.commit)
    if promise is not None:
        yield from promise(trial, store, promised)
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
