"""Response times of discovery: no stall is hidden by the plans that nobody picked for it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from synthetic import ENACTORS, row, trial_of
from tape import HOST_NS, Tape

from leasebench.results.latency.histograms import figures, histogram
from leasebench.results.latency.phases import discovery_response, phase_samples
from leasebench.results.record.journal import RowKind, RowOutcome

MS = 1_000_000
FOUND_MS = 0.6
"""On a tape a plan is due half a millisecond before it is published, and a look ends 0.1 ms after its middle."""


def publish(version, due_ms, at_ms=None, **more):
    at_ms = due_ms if at_ms is None else at_ms
    times = {"due_ns": due_ms * MS, "start_ns": at_ms * MS, "end_ns": at_ms * MS + 1000}
    return row("planner", RowKind.PUBLISH, version=version, **times | more)


def pick(who, version, end_ms, begin_ms=None, outcome=RowOutcome.DONE):
    times = {"start_ns": (end_ms if begin_ms is None else begin_ms) * MS, "end_ns": end_ms * MS}
    return row(who, RowKind.DISCOVER, outcome, seen=version, **times)


def read(who, version, at_ms, outcome=RowOutcome.DONE):
    return row(who, RowKind.CHECK, outcome, endpoint=0, seen=version, start_ns=at_ms * MS, end_ns=at_ms * MS)


def responses_ms(*rows):
    return sorted((discovery_response(trial_of([], rows)) / MS).tolist())


def stalled(stall_ms):
    """A plan each 10 ms for 4 s; three enactors look right after each, but for a while none of them looks."""
    tape, begin_ms = Tape(), 1003
    for version in range(1, 401):
        due_ms = 10 * version
        tape.publish(due_ms, version)
        for who in range(len(ENACTORS)):
            if not begin_ms < due_ms < begin_ms + stall_ms:
                tape.pick(due_ms + 0.1 * who, who, version)
    return tape


def test_a_stall_shows_in_the_worst_and_in_the_rare_values_though_what_it_held_up_was_superseded():
    found = {}
    for stall_ms in (0, 1000):
        tape = stalled(stall_ms)
        samples = phase_samples(trial_of([], tape.rows))["discover", "response"]
        assert len(samples) == 400 * len(ENACTORS), "one for each plan and enactor"
        found[stall_ms] = figures(histogram(samples))
    assert found[0]["max"] < 1_000
    assert 990_000 < found[1000]["max"] < 1_010_000
    assert 980_000 < found[1000]["p99.9"] < 1_010_000
    assert found[1000]["p50"] < 1_000, "most plans were found at once"


def test_the_stall_of_one_enactor_shows_though_the_others_went_on():
    rows = [publish(version, 10 * version) for version in range(1, 51)]
    rows += [pick("enactor-0", version, 10 * version + 1) for version in range(1, 51)]
    rows += [pick("enactor-1", version, 10 * version + 1) for version in (1, 50)]
    found = responses_ms(*rows)
    assert len(found) == 100
    assert found[-1] == 10 * 50 + 1 - 20


def test_a_plan_that_was_published_late_counts_from_when_it_was_due():
    assert responses_ms(publish(1, 10, at_ms=60), pick("enactor-0", 1, 61)) == [51]


def test_a_plan_that_an_enactor_never_found_counts_until_its_last_record():
    rows = [publish(1, 10), publish(2, 20), pick("enactor-0", 1, 11)]
    busy = row("enactor-0", RowKind.WORK, start_ns=12 * MS, end_ns=95 * MS)
    assert responses_ms(*rows, busy) == [1, 75]


def test_one_that_was_dead_by_then_does_not_count():
    kill = row("enactor-0", RowKind.KILL, start_ns=15 * MS, end_ns=15 * MS)
    rows = [publish(1, 10), publish(2, 20), pick("enactor-0", 1, 11), kill, pick("enactor-1", 2, 22)]
    assert responses_ms(*rows) == [1, 2, 12]


def test_what_takes_the_place_of_a_killed_enactor_finds_for_it_and_need_not_pick_what_is_in_force():
    rows = [publish(1, 10), publish(2, 20), publish(3, 30), publish(4, 100), pick("enactor-0", 1, 11)]
    rows += [read("enactor-0+1", 3, 45), read("enactor-0+1", 2, 46), pick("enactor-0+1", 4, 101, begin_ms=47)]
    assert responses_ms(*rows) == [1, 1, 26, 71], "plan 2 was in force everywhere at 46, plan 3 was not"


def test_a_check_inside_an_application_finds_no_plan():
    rows = [
        publish(1, 10),
        publish(2, 20),
        pick("enactor-0", 1, 11),
        read("enactor-0", 2, 25),
        pick("enactor-0", 2, 40),
    ]
    assert responses_ms(*rows) == [1, 20]


def test_a_plan_that_was_known_before_it_was_published_again_does_not_count_twice():
    rows = [publish(1, 10), publish(2, 20), pick("enactor-0", 2, 21), publish(2, 50), pick("enactor-0", 3, 61)]
    assert responses_ms(*rows, publish(3, 60)) == [1, 1, 11]


def test_who_looked_and_heard_nothing_has_found_nothing():
    rows = [publish(1, 10), pick("enactor-0", 0, 12, outcome=RowOutcome.UNKNOWN), pick("enactor-0", 1, 30)]
    assert responses_ms(*rows) == [20]


def test_a_rollback_that_an_operator_published_was_never_due():
    assert responses_ms(publish(1, 10, due_ns=0), pick("enactor-0", 1, 30)) == []


def test_without_an_enactor_or_a_plan_there_is_nothing():
    assert responses_ms() == []
    assert responses_ms(publish(1, 10)) == []
    assert responses_ms(pick("enactor-0", 1, 30)) == []


plans = st.lists(st.integers(0, 9), max_size=12)
looks = st.lists(st.tuples(st.sampled_from(ENACTORS), st.integers(1, 9), st.integers(1, 100)), max_size=12)


@given(plans, looks)
def test_it_agrees_with_a_walk_through_every_pair(gaps, picks):
    dues = np.cumsum([gap + 1 for gap in gaps]).tolist()
    rows = [publish(version, due) for version, due in enumerate(dues, 1)]
    rows += [pick(who, version, at) for who, version, at in picks]
    expected = []
    for who in {who for who, _, _ in picks}:
        last = max(at for owner, _, at in picks if owner == who)
        for version, due in enumerate(dues, 1):
            until = min((at for owner, seen, at in picks if owner == who and seen >= version), default=last)
            if until >= due:
                expected.append(until - due)
    assert responses_ms(*rows) == sorted(expected)


def test_a_tape_is_read_as_it_was_told():
    tape = Tape()
    tape.publish(10, 1)
    tape.pick(10, 0, 1)
    assert (discovery_response(trial_of([], tape.rows)) / MS).tolist() == [FOUND_MS]
    assert tape.rows[0]["due_ns"] == HOST_NS + 9.5 * MS
