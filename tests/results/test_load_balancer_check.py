"""Capacity behind a load balancer, from the data store's history; held against a plain recount."""

import pytest
from downstream import data_of, downstream_trial, step
from hypothesis import given
from hypothesis import strategies as st
from synthetic import event, trial_of

from leasebench.results.checks.load_balancer import load_balancer
from leasebench.results.evidence.capacity import capacity_in_service

ZONES = "abc"
SECOND = 1_000_000


def join(t_us, number, configured):
    return event("join", t_us, version=number, endpoint=ZONES[number % 3], active_endpoints=int(configured))


def move(kind, t_us, number, configured, reason="check"):
    facts = {"endpoint": ZONES[number % 3], "reason": reason, "active_endpoints": int(configured)}
    return event(kind, t_us, version=number, **facts)


def configure(t_us, number):
    return event("configure", t_us, version=number)


def found(*events, rows=()):
    return load_balancer(downstream_trial(rows=rows, data=list(events)))


def test_finds_nothing_where_there_is_no_load_balancer():
    assert load_balancer(trial_of([])).counts == {}
    assert found(configure(1, 1)).counts == {}


def test_counts_what_was_removed_by_what_was_true_of_it():
    counts = found(
        join(1, 1, True),
        join(2, 2, False),
        move("remove", 3, 1, True),
        move("remove", 4, 2, False),
        event("failover", 5, endpoint="b"),
        move("reject", 6, 2, True, "velocity"),
        event("reject", 6, endpoint="b", reason="velocity"),
        event("reject", 7, reason="no_lease"),
    ).counts
    assert counts == {"removals": 2, "removed_wrongly": 1, "failovers": 1, "removals_held_back": 2}


def test_healthy_capacity_is_lost_while_it_is_out_of_service():
    findings = found(
        join(0, 1, True),
        join(0, 2, False),
        move("remove", 1 * SECOND, 1, True),
        move("remove", 1 * SECOND, 2, False),
        configure(2 * SECOND, 2),
        move("restore", 3 * SECOND, 1, True),
        move("restore", 5 * SECOND, 2, True),
        configure(9 * SECOND, 77),
    )
    # Target 1 from 1 to 3 s, target 2 from 2 s (healthy from then on) to 5 s.
    assert findings.samples["capacity_lost_s"].tolist() == [5.0]
    assert findings.samples["lowest_capacity"].tolist() == [0.0]


def test_what_is_still_out_is_lost_to_the_end_of_the_history():
    findings = found(join(0, 1, True), move("remove", SECOND, 1, True), configure(4 * SECOND, 77))
    assert findings.samples["capacity_lost_s"].tolist() == [3.0]


def test_checks_are_late_from_when_they_were_due():
    rows = [step("load_balancer", "health_check", due_ns=5_000_000, start_ns=at_ms * 1_000_000) for at_ms in (5, 8)]
    findings = found(join(0, 1, True), rows=rows)
    assert findings.samples["check_lateness_ms"].tolist() == [0.0, 3.0]


def plain(events):
    """The totals after each event that changes them, counted anew each time."""
    configured, serving = set(), {}
    for one in events:
        number = one["version"]
        if one["kind"] == "configure" or (one["kind"] == "join" and one["active_endpoints"]):
            configured.add(number)
        if one["kind"] in ("join", "restore"):
            serving[number] = True
        elif one["kind"] == "remove":
            serving[number] = False
        if number in serving:
            healthy = configured & serving.keys()
            up = {name for name, there in serving.items() if there}
            yield one["t_us"], len(serving), len(up), len(healthy), len(healthy & up)


@st.composite
def histories(draw):
    events, joined, configured, now = [], set(), set(), 0
    for number, kind in draw(
        st.lists(st.tuples(st.integers(1, 6), st.sampled_from(["join", "configure", "remove", "restore"])), max_size=60)
    ):
        now += draw(st.integers(0, 5))
        if kind == "configure" and number not in configured:
            configured.add(number)
            events.append(configure(now, number))
        elif kind == "join" and number not in joined:
            joined.add(number)
            events.append(join(now, number, number in configured))
        elif kind in ("remove", "restore") and number in joined:
            events.append(move(kind, now, number, number in configured))
    return events


@given(histories())
def test_capacity_over_time_agrees_with_a_recount(events):
    over_time = capacity_in_service(data_of(events))
    columns = (over_time.t_us, over_time.targets, over_time.in_service, over_time.healthy, over_time.serving)
    expected = list(plain(events))
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == expected
    lost_us = sum(
        (after[0] - at[0]) * (at[3] - at[4]) for at, after in zip(expected, [*expected[1:], (1000,)], strict=True)
    ) if expected else 0  # fmt: skip
    assert over_time.lost_s(1000) == pytest.approx(lost_us / 1e6)
