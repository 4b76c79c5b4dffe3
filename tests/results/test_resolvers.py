"""What resolvers answered: counts, outages, and how far caches stretched them."""

import pytest
from downstream import downstream_trial, step
from synthetic import event, row, trial_of

from leasebench.results.checks.resolvers import resolvers
from leasebench.results.record.journal import RowKind, RowOutcome

MS = 1_000_000
ANSWERED, EMPTY, UNKNOWN, TOO_EARLY = RowOutcome.DONE, RowOutcome.REFUSED, RowOutcome.UNKNOWN, RowOutcome.NOTHING


def lookup(at_ms, outcome=ANSWERED, resolver="resolver-0", endpoint=0):
    return step(resolver, "lookup", outcome, endpoint=endpoint, end_ns=at_ms * MS)


def lookups(*pairs, **more):
    return [lookup(at_ms, outcome, **more) for at_ms, outcome in pairs]


def found(rows, events=()):
    return resolvers(downstream_trial(events, rows))


def test_finds_nothing_where_no_resolver_took_part():
    findings = resolvers(trial_of([]))
    assert (findings.counts, findings.samples) == ({}, {})


def test_counts_every_lookup_but_those_before_the_first_plan():
    rows = lookups((1, TOO_EARLY), (2, ANSWERED), (3, UNKNOWN), (4, EMPTY), (5, EMPTY), (6, ANSWERED))
    counts = found(rows).counts
    assert counts == {"lookups": 5, "answered_lookups": 2, "empty_answers": 2}
    assert found(lookups((1, TOO_EARLY))).counts == {}


def test_an_outage_lasts_from_the_first_empty_answer_to_the_next_good_one():
    rows = lookups((10, ANSWERED), (20, EMPTY), (25, EMPTY), (27, UNKNOWN), (32, ANSWERED), (40, ANSWERED), (50, EMPTY))
    rows += lookups((22, EMPTY), (29, ANSWERED), resolver="resolver-1")
    rows += lookups((21, ANSWERED), (30, EMPTY), (31, EMPTY), endpoint=1)
    outages = sorted(found(rows).samples["resolver_outage_ms"].tolist())
    assert outages == [0.0, 1.0, 7.0, 12.0], "one that never ended lasts to the last lookup"


def test_a_resolver_that_took_the_place_of_a_killed_one_goes_on_with_its_outage():
    rows = [*lookups((20, EMPTY)), *lookups((60, ANSWERED), resolver="resolver-0+1")]
    assert found(rows).samples["resolver_outage_ms"].tolist() == [40.0]


def history(*, back_at_ms=60):
    """Plan 1 comes into force at 10 ms and is deleted at 20; plan 2 is put in force later. The clocks differ by 1 s."""
    at = {"endpoint": "e0", "enactor": "enactor-0"}
    second = 1_000_000
    events = [
        event("publish", second, version=1, previous=0, enactor="planner", attempt=1),
        event("commit", second + 10_000, version=1, previous=0, attempt=1, **at),
        event("delete", second + 20_000, version=1, enactor="enactor-0", attempt=2, active_endpoints=1),
        event("publish", second + 50_000, version=2, previous=1, enactor="planner", attempt=2),
        event("commit", second + back_at_ms * 1000, version=2, previous=1, attempt=3, **at),
    ]
    commits = [
        row("enactor-0", RowKind.COMMIT, start_ns=at_ms * MS - 500, end_ns=at_ms * MS + 500, attempt=attempt)
        | {"kind_name": "commit"}
        for at_ms, attempt in ((10, 1), (back_at_ms, 3))
    ]
    return events, commits


def test_a_cache_stretches_an_outage_beyond_the_time_that_the_record_was_empty():
    events, commits = history()
    rows = lookups((15, ANSWERED), (30, EMPTY), (70, EMPTY), (95, ANSWERED))
    rows += lookups((35, EMPTY), (61, ANSWERED), resolver="resolver-1")
    stretched = found(commits + rows, events).samples["cache_stretch_ms"]
    assert sorted(stretched.tolist()) == pytest.approx([1.0, 35.0], abs=0.01)


def test_an_outage_that_never_ended_has_no_stretch_and_neither_has_one_without_a_common_event():
    events, commits = history()
    assert not len(found(commits + lookups((30, EMPTY), (70, EMPTY)), events).samples["cache_stretch_ms"])
    assert not len(found(lookups((30, EMPTY), (70, ANSWERED)), events).samples["cache_stretch_ms"])


def test_an_answer_that_seems_to_come_before_the_record_is_back_stretches_nothing():
    events, commits = history()
    stretched = found(commits + lookups((30, EMPTY), (59, ANSWERED)), events).samples["cache_stretch_ms"]
    assert stretched.tolist() == [0.0]
