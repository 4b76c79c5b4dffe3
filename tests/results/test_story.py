"""The story of an incident, told from histories that are written out by hand."""

import time

import numpy as np
import pytest
from facts_in import facts_in
from synthetic import event, events_of, trial_of

from leasebench.enactors.store.events import KINDS
from leasebench.results.evidence.events import Events
from leasebench.results.evidence.trial import Trial
from leasebench.results.summary.story import Turn, lines, story

MS = 1_000
NEWER = [
    event("publish", 0, version=1),
    event("publish", 50 * MS, version=9),
    event("commit", 60 * MS, endpoint="e1", version=9, previous=0, enactor="enactor-0"),
]
STALE = [event("commit", 80 * MS, endpoint="e1", version=1, previous=9, enactor="enactor-1")]
DELETED = [event("delete", 100 * MS, version=1, enactor="enactor-2", active_endpoints=1)]
REFUSED = [
    event("reject", at * MS, endpoint="e1", version=9, previous=1, enactor="enactor-0", reason="no_rollback_plan")
    for at in (110, 130)
]
REPAIRED = [event("repair", 400 * MS, endpoint="e1", version=9, previous=1, enactor="operator")]
AFTER = [event("commit", 450 * MS, endpoint="e1", version=9, previous=9, enactor="enactor-2")]
INCIDENT = [*NEWER, *STALE, *DELETED, *REFUSED, *REPAIRED, *AFTER]


def told(dicts):
    return story(trial_of(dicts))


def turns(dicts):
    return [chapter.kind for chapter in told(dicts)]


def words(dicts):
    return [chapter.what for chapter in told(dicts)]


class TestTheIncident:
    def test_is_told_from_the_newer_plan_to_the_first_commit_after_the_repair(self):
        assert [facts_in(text) for text in words(INCIDENT)] == [
            ["enactor-0", "9", "10 ms"],
            ["20 ms", "enactor-1", "1", "80 ms", "9", "8"],
            ["20 ms", "enactor-2", "1", "1", "e1"],
            ["10 ms", "9", "enactor-0", "2"],
            ["290 ms", "9", "300 ms"],
            ["50 ms", "enactor-2", "9"],
        ]

    def test_reads_as_it_should(self, golden):
        golden("story", "\n".join(lines(told(INCIDENT))))

    def test_the_newer_plan_is_in_force_from_its_first_write_on(self):
        again = event("commit", 75 * MS, endpoint="e1", version=9, previous=9, enactor="enactor-2")
        assert words([*NEWER, again, *STALE])[:2] == words(INCIDENT)[:2]

    def test_each_chapter_says_when_where_and_what_it_is_about(self):
        chapters = told(INCIDENT)
        assert [chapter.t_s for chapter in chapters] == [0.06, 0.08, 0.1, 0.11, 0.4, 0.45]
        assert {chapter.endpoint for chapter in chapters} == {"e1"}
        assert [chapter.kind for chapter in chapters] == [
            Turn.NEWER,
            Turn.STALE,
            Turn.DELETED,
            Turn.REFUSED,
            Turn.REPAIRED,
            Turn.COMMITTED,
        ]

    def test_stands_a_line_a_chapter_in_a_terminal(self):
        chapters = told(INCIDENT)
        assert [line.split("  ") for line in lines(chapters)] == [
            [f"{one.t_s:.3f} s", "e1", one.what] for one in chapters
        ]
        assert lines([]) == []

    def test_ends_with_the_trial_where_nobody_repairs_it(self):
        chapters = told([*NEWER, *STALE, *DELETED, *REFUSED])
        assert chapters[-1].kind is Turn.END
        assert facts_in(chapters[-1].what)[-1] == "30 ms"

    def test_ends_with_a_commit_where_no_plan_to_roll_back_to_is_asked_for(self):
        chapters = told([*NEWER, *STALE, *DELETED, *AFTER])
        assert [chapter.kind for chapter in chapters][2:] == [Turn.DELETED, Turn.COMMITTED]
        assert facts_in(chapters[-1].what)[-1] == "350 ms"

    def test_refusals_at_other_endpoints_and_for_other_reasons_are_left_out(self):
        others = [
            event("reject", 101 * MS, endpoint="e2", version=9, previous=1, reason="no_rollback_plan"),
            event("reject", 102 * MS, endpoint="e1", version=9, previous=1, reason="not_owner"),
        ]
        assert turns([*NEWER, *STALE, *DELETED, *others, *REPAIRED]) == turns([*NEWER, *STALE, *DELETED, *REPAIRED])

    def test_the_first_of_two_is_told(self):
        again = [
            event("commit", 500 * MS, endpoint="e0", version=1, previous=0, enactor="enactor-0"),
            event("delete", 510 * MS, version=9, enactor="enactor-0", active_endpoints=1),
        ]
        assert words([*INCIDENT, *again]) == words(INCIDENT)


class TestOtherWaysToBecomeEmpty:
    def test_a_plan_that_is_gone_already_is_applied(self):
        gone = [event("delete", 70 * MS, version=1, enactor="enactor-2", active_endpoints=0)]
        assert turns([*NEWER, *gone, *STALE, *AFTER]) == [Turn.NEWER, Turn.DELETED, Turn.STALE, Turn.COMMITTED]
        resolves_to_nothing = [text.endswith("e1 resolves to nothing") for text in words([*NEWER, *gone, *STALE])]
        assert resolves_to_nothing == [False, False, True, False]

    def test_a_plan_written_below_the_peak_is_deleted(self):
        below = [
            event("commit", 90 * MS, endpoint="e1", version=2, previous=1, enactor="enactor-0"),
            event("delete", 95 * MS, version=2, enactor="enactor-2", active_endpoints=1),
        ]
        assert turns([*NEWER, *STALE, *below]) == [Turn.NEWER, Turn.STALE, Turn.WRITTEN, Turn.DELETED, Turn.END]

    def test_nothing_stale_went_before(self):
        deleted = [event("delete", 70 * MS, version=9, enactor="enactor-2", active_endpoints=1)]
        assert turns([*NEWER, *deleted]) == [Turn.WRITTEN, Turn.DELETED, Turn.END]

    def test_but_not_by_a_deletion_that_the_store_forgot_when_it_restarted(self):
        dicts = [
            event("publish", 0, version=1),
            event("commit", 1, endpoint="e1", version=1, previous=0, enactor="enactor-0"),
            event("commit", 2, endpoint="e1", version=9, previous=1, enactor="enactor-0"),
            event("delete", 3, version=1, enactor="enactor-0", active_endpoints=0),
            event("restart", 4, previous=2),
        ]
        assert told(dicts) == []


class TestWithoutAnEmptyEndpoint:
    def test_nothing_is_told_where_nothing_happened(self):
        assert told([]) == []
        assert told(NEWER) == []

    def test_the_first_stale_overwrite_is_told_until_the_endpoint_has_caught_up(self):
        chapters = told([*NEWER, *STALE, *AFTER])
        assert [chapter.kind for chapter in chapters] == [Turn.NEWER, Turn.STALE, Turn.COMMITTED]
        assert facts_in(chapters[-1].what) == ["370 ms", "enactor-2", "9", "370 ms"]

    def test_or_to_the_end(self):
        assert turns([*NEWER, *STALE]) == [Turn.NEWER, Turn.STALE, Turn.END]

    def test_a_repair_to_an_older_plan_is_no_stale_overwrite(self):
        repaired = event("repair", 90 * MS, endpoint="e1", version=1, previous=9, enactor="operator")
        assert told([*NEWER, repaired]) == []


def test_no_time_is_told_across_a_step_of_the_servers_clock():
    stepped = [one | {"t_us": one["t_us"] - 1_000_000} for one in [*DELETED, *REPAIRED]]
    chapters = told([*NEWER, *STALE, *stepped])
    assert [chapter.t_s for chapter in chapters] == [0.06, 0.08, None, None]
    assert chapters[2].what.startswith("enactor-2 deletes plan 1")
    assert lines(chapters)[2].lstrip().startswith("?")


@pytest.fixture(scope="module")
def million() -> Trial:
    """A long history with one incident at its end: commits in turn at three endpoints."""
    count = 1_000_000
    head = events_of([event("publish", 0, version=1), event("publish", 1, version=2)])
    columns = {name: np.full(count, -1, dtype=np.int64) for name in ("attempt", "fence", "expires_us")}
    version = np.full(count, 2, dtype=np.int64)
    previous = version.copy()
    previous[:3] = 0
    version[-1], active = 1, np.full(count, -1, dtype=np.int64)
    kind = np.full(count, KINDS.index("commit"), dtype=np.int16)
    none = np.full(count, -1, dtype=np.int16)
    events = Events(
        t_us=np.arange(count, dtype=np.int64),
        kind=kind,
        endpoint=(np.arange(count) % 3).astype(np.int16),
        version=version,
        previous=previous,
        enactor=np.zeros(count, dtype=np.int16),
        lease=none,
        token=none.astype(np.int32),
        reason=none,
        active_endpoints=active,
        endpoints=head.endpoints,
        enactors=head.enactors,
        reasons=(),
        **columns,
    )
    empty = trial_of([])
    return Trial(empty.facts, empty.cell, events, empty.journal)


def test_a_million_events_are_told_at_once(million):
    begin = time.perf_counter()
    assert [chapter.kind for chapter in story(million)] == [Turn.NEWER, Turn.STALE, Turn.END]
    assert time.perf_counter() - begin < 2.0
