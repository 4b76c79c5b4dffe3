"""What each commit rule promises of the commits in a history, by the rule's name."""

from collections.abc import Callable, Iterator, Sequence

from leasebench.definitions import DefinitionError
from leasebench.leases.commit_rule import commit_rule
from leasebench.results.evidence.trial import Trial
from leasebench.results.store_rules import fences, leases, versions
from leasebench.results.store_rules.breach import Breach
from leasebench.results.store_rules.lives import Life
from leasebench.results.store_rules.promised import Promised

Promise = Callable[[Trial, Sequence[Life], Promised], Iterator[Breach]]
"""The commits in the lives of a trial's store that the rule would have refused."""


def monotonic(trial: Trial, store: Sequence[Life], promised: Promised) -> Iterator[Breach]:  # noqa: ARG001
    """Each plan is newer than the one in force."""
    for life in store:
        yield from versions.monotonic(life)


def compared(trial: Trial, store: Sequence[Life], promised: Promised) -> Iterator[Breach]:
    """The version in force is the one that was read."""
    seen = versions.read_before(trial)
    for life in store:
        yield from versions.compared(life, seen, promised.commit)


def fenced(trial: Trial, store: Sequence[Life], promised: Promised) -> Iterator[Breach]:  # noqa: ARG001
    """No fencing number is lower than one accepted before."""
    for life in store:
        yield from fences.fenced(life, promised.commit)


def owner_checked(trial: Trial, store: Sequence[Life], promised: Promised) -> Iterator[Breach]:
    """Each writer holds its lease: can't be told where a lock leaves no event, or its leases are on another server."""
    if promised.audited and not trial.events.lease_events:
        for life in store:
            yield from leases.owner_checked(life, promised)


PROMISES: dict[str, Promise] = {
    "monotonic": monotonic,
    "compare_and_set": compared,
    "watch": compared,
    "fenced": fenced,
    "fence_registered": fenced,
    "owner_checked": owner_checked,
}
"""A rule that is wrong on purpose, for a negative control, promises nothing."""


def is_known(name: str) -> bool:
    """Whether it is known here what the rule promises; not so of one whose package is not installed."""
    try:
        commit_rule(name)
    except DefinitionError:
        return False
    return True


def promise_of(name: str) -> Promise | None:
    """What the rule promises, of a rule of another package its part `results`; None: nothing that can be held."""
    if name in PROMISES:
        return PROMISES[name]
    brought: Promise | None = commit_rule(name).parts.get("results") if is_known(name) else None
    return brought
