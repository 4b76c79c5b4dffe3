"""What must hold before any check means anything. A history that breaks one of these is not trusted."""

from collections import Counter

import numpy as np

from leasebench.enactors.store.events import KINDS
from leasebench.results.evidence.events import ByVersion, Events
from leasebench.results.evidence.trial import Trial
from leasebench.results.store_rules import NOTHING, Breach, Promised, breaches

RESTART = KINDS.index("restart")


def broken_assumptions(trial: Trial, promised: Promised = NOTHING) -> list[str]:
    """Return one sentence for each assumption that the trial's history breaks.

    `promised` is what the guard and the scenario asked of the store: of each rule the first breach is told.
    """
    broken = []
    events = trial.events
    if np.any(events.kind < 0):
        broken.append("the history holds events of a kind that is not known")
    since = events.previous[events.restarts]
    if np.any((since < 0) | (since > events.restarts)):
        return [*broken, "a restart of the store took back what had not happened yet"]
    if (changed := _changed_outside(events)) is not None:
        broken.append(f"endpoint {changed} changed outside the history")
    # A plan that was lost may be published again: what counts is the first time, so that one stands last.
    published = ByVersion(events.version[events.published[::-1]], events.published[::-1], -1)
    commits = np.flatnonzero(events.of("commit"))
    at = published[events.version[commits]]
    if np.any((at < 0) | (at > commits)):
        broken.append("a plan was committed before it was published")
    return [*broken, *_broken_rules(trial, promised)]


def _broken_rules(trial: Trial, promised: Promised) -> list[str]:
    """Each rule that the store broke, with the two rows of its first breach and how many more there are."""
    first: dict[str, Breach] = {}
    count: Counter[str] = Counter()
    for breach in breaches(trial, promised):
        first.setdefault(breach.rule, breach)
        count[breach.rule] += 1
    cell = f"cell {trial.cell}: " if len(trial.facts.cells) > 1 else ""
    return [
        f"{cell}{breach.sentence(trial.events)}" + (f" ({count[rule] - 1} more)" if count[rule] > 1 else "")
        for rule, breach in first.items()
    ]


def _changed_outside(events: Events) -> str | None:
    """The first endpoint that was not, at a commit or repair, where the one before had put it."""
    for name, writes in zip(events.endpoints, events.writes_by_endpoint, strict=True):
        changed = writes.before != events.previous[writes.since]
        if len(events.restarts):
            changed &= events.kind[writes.since] != RESTART
        if np.any(changed):
            return name
    return None
