"""Availability as a customer sees it: what resolvers answered, and how long their caches stretched an outage."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from leasebench.results.checks import Check, Findings, Samples
from leasebench.results.checks.dangling import empty_spells
from leasebench.results.evidence.alignment import offset_of_server
from leasebench.results.evidence.events import Ints
from leasebench.results.evidence.steps import place_of_rows, rows_of_step
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.journal import RowOutcome
from leasebench.results.record.metric import Better, Form, Metric, Ratio, Shown

LOOKUP = "lookup"
"""The step under which a resolver journals an answer (`enactors.downstream.resolver`)."""


@dataclass(frozen=True, slots=True)
class ResolverOutage:
    """One resolver's empty answers for one endpoint, from the first to the good answer that ended them.

    `end_ns` is its last lookup where no good answer came any more; then it is not `ended`.
    """

    endpoint: int
    begin_ns: int
    end_ns: int
    ended: bool


def resolvers(trial: Trial) -> Findings:
    """Count lookups and their answers, and measure the outages that resolvers saw.

    Lookups before a plan was in force for the first time are no failures and are not counted: there was nothing to
    look up yet. One that got no reply counts as a lookup that was not answered, and neither begins nor ends an outage.

    `cache_stretch_ms`: from the instant at which the record was no longer empty, by the store's history, to the good
    answer that ended a resolver's outage. The two clocks are aligned by the commits that both saw; without one there
    is no value, and an answer that seems to have come before the record was back counts as 0.
    """
    rows = rows_of_step(trial, LOOKUP)
    rows = rows[rows["outcome"] != RowOutcome.NOTHING]
    if not len(rows):
        return Findings()
    outages = [
        outage
        for _, part in rows.groupby([place_of_rows(trial, rows), rows["endpoint"]], observed=True)
        for outage in outages_of(int(part["endpoint"].iloc[0]), part["end_ns"].to_numpy(), part["outcome"].to_numpy())
    ]
    return Findings(
        {
            "lookups": len(rows),
            "answered_lookups": int((rows["outcome"] == RowOutcome.DONE).sum()),
            "empty_answers": int((rows["outcome"] == RowOutcome.REFUSED).sum()),
        },
        {
            "resolver_outage_ms": np.array([one.end_ns - one.begin_ns for one in outages], dtype=np.float64) / 1e6,
            "cache_stretch_ms": _stretch_ms(trial, outages),
        },
    )


def outages_of(endpoint: int, at_ns: Ints, outcome: Ints) -> Iterator[ResolverOutage]:
    """The outages of one resolver at one endpoint, from when its answers came and what they were."""
    order = np.argsort(at_ns, kind="stable")
    begin_ns: int | None = None
    for now_ns, came in zip(at_ns[order].tolist(), outcome[order].tolist(), strict=True):
        if came == RowOutcome.REFUSED and begin_ns is None:
            begin_ns = now_ns
        elif came == RowOutcome.DONE and begin_ns is not None:
            yield ResolverOutage(endpoint, begin_ns, now_ns, ended=True)
            begin_ns = None
    if begin_ns is not None:
        yield ResolverOutage(endpoint, begin_ns, int(at_ns.max()), ended=False)


def _stretch_ms(trial: Trial, outages: list[ResolverOutage]) -> Samples:
    offset = offset_of_server(trial)
    if offset is None or not outages:
        return np.array([])
    spells = [
        tuple(trial.events.t_us[at] * 1000 + offset.value_ns for at in bounds) for bounds in empty_spells(trial.events)
    ]
    values = []
    for outage in outages:
        begins_ns, ends_ns = spells[outage.endpoint]
        before = int(np.searchsorted(begins_ns, outage.end_ns))
        if outage.ended and before:
            values.append(max(0, outage.end_ns - int(ends_ns[before - 1])) / 1e6)
    return np.array(values)


METRICS = (
    Metric(
        "lookups",
        Form.COUNT,
        "lookups by resolvers, without those before the first plan was in force",
        shown=Shown.NOWHERE,
        place=2000,
    ),
    Metric(
        "answered_lookups",
        Form.COUNT,
        "lookups that gave an address",
        better=Better.MORE,
        shown=Shown.NOWHERE,
        place=2001,
    ),
    Metric(
        "empty_answers",
        Form.COUNT,
        "lookups that a resolver had an empty answer for",
        better=Better.LESS,
        shown=Shown.BESIDE,
        place=2002,
        heading="empty\nanswers",
        words="empty answers",
    ),
    Metric(
        "availability",
        Form.RATE,
        "lookups that gave an address, of all",
        better=Better.MORE,
        ratio=Ratio("answered_lookups", "lookups"),
        shown=Shown.BESIDE,
        place=2003,
        heading="lookups\nanswered",
        digits=4,
    ),
    Metric(
        "resolver_outage_ms",
        Form.SPREAD,
        "from a resolver's first empty answer for an endpoint to its next good one, or to its last lookup",
        unit="ms",
        better=Better.LESS,
        shown=Shown.BESIDE,
        place=2004,
        heading="outage\np50 ms",
        spare=3,
    ),
    Metric(
        "cache_stretch_ms",
        Form.SPREAD,
        "how long after the record was back a resolver still had no address",
        unit="ms",
        better=Better.LESS,
        shown=Shown.BESIDE,
        place=2005,
        heading="stretch\np50 ms",
        spare=4,
    ),
)
PLUGIN = Check(
    "resolvers", "what resolvers answered, and how long their caches stretched an outage", resolvers, METRICS
)
