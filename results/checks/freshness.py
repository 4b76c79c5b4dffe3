"""Freshness: how long after its publication a plan, or a newer one, is in force."""

from collections.abc import Iterator

import numpy as np

from leasebench.results.checks import Check, Findings
from leasebench.results.evidence.events import Events, Ints
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.metric import Better, Form, Metric, Shown

MOST_VALUES = 4_000_000
"""Of more, 10,000 endpoints under 400 plans and up, those of endpoints at even distances are taken."""


def freshness(trial: Trial) -> Findings:
    """One value for each plan and endpoint; plans that were not in force by the end are left out.

    So is a plan that was in force already when it was published: again, after a restart had lost it.
    """
    events = trial.events
    every = -(-len(events.published) * len(events.endpoints) // MOST_VALUES) or 1
    parts = [events.elapsed_us(events.published[reached], at[reached]) / 1e3 for at, reached in in_force(events, every)]
    values = np.concatenate(parts) if parts else np.array([])
    return Findings(samples={"freshness_ms": values[~np.isnan(values)]})


def in_force(events: Events, every: int = 1) -> Iterator[tuple[Ints, np.ndarray]]:
    """For each endpoint, or one of so many: the write that first put each published plan or a newer one in force.

    That is a commit's or repair's position; beside it a mask of the plans for which there is one, after publication.
    """
    versions = events.version[events.published]
    for writes in events.writes_by_endpoint[::every]:
        if not len(writes.since):
            yield np.zeros(len(versions), dtype=np.int64), np.zeros(len(versions), dtype=bool)
            continue
        first = np.searchsorted(np.maximum.accumulate(writes.version), versions)
        at = writes.since[np.minimum(first, len(writes.since) - 1)]
        yield at, (first < len(writes.since)) & (at > events.published)


METRICS = (
    Metric(
        "freshness_ms",
        Form.SPREAD,
        "from a plan's publication until it, or a newer one, is in force at an endpoint",
        unit="ms",
        better=Better.LESS,
        shown=Shown.NOWHERE,
        place=730,
    ),
)
PLUGIN = Check("freshness", "from a plan's publication until it or a newer one is in force", freshness, METRICS)
