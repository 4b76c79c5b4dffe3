"""The formulas of a lease storm and its simulation were made apart, and agree."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from leasebench.results.theory.lease_storm import LeaseStorm, collapse_at
from leasebench.results.theory.simulation import OLDEST_FIRST, StormPolicy, collapses, play

INTERVAL_S, TIMEOUT_S = 2.0, 0.3


def storm(load, outage_s=0.0, timeout_s=TIMEOUT_S, workers=2, service_s=0.01, interval_s=INTERVAL_S):
    hosts = round(load * workers / service_s * interval_s)
    return LeaseStorm(hosts, interval_s, workers, service_s, timeout_s, outage_s)


storms = st.builds(
    storm,
    load=st.floats(0.3, 0.9),
    timeout_s=st.floats(0.2, 0.5),
    workers=st.integers(1, 4),
    service_s=st.floats(0.004, 0.012),
)


def threshold(one, policy=OLDEST_FIRST, longest_s=3.0):
    """The shortest outage that the simulation does not recover from, to 2 %; inf if it always does."""
    low_s, high_s = 0.0, longest_s
    if not collapses(replace(one, outage_s=high_s), policy):
        return inf
    while high_s - low_s > 0.02 * high_s:
        middle_s = (low_s + high_s) / 2
        if collapses(replace(one, outage_s=middle_s), policy):
            high_s = middle_s
        else:
            low_s = middle_s
    return high_s


@settings(max_examples=12, deadline=None)
@given(storms)
def test_the_simulation_collapses_where_the_formula_says(one):
    assume(one.load * one.interval_s > 1.3 * one.timeout_s)
    assume(one.collapse_s < 0.8 * one.interval_s)
    assert threshold(one) == pytest.approx(one.collapse_s, rel=0.2)


@settings(max_examples=20, deadline=None)
@given(storms, st.floats(0.1, 3.0))
def test_the_backlog_is_what_the_formula_says(one, outage_s):
    one = replace(one, outage_s=outage_s)
    played = play(one, OLDEST_FIRST, INTERVAL_S, INTERVAL_S + outage_s + 3 * INTERVAL_S)
    end_s = INTERVAL_S + outage_s
    waiting = np.count_nonzero((played.queued_s < end_s) & (played.start_s >= end_s))
    assert waiting == pytest.approx(one.backlog, rel=0.2, abs=2 * one.workers)


@settings(max_examples=20, deadline=None)
@given(storms, st.floats(0.1, 0.9))
def test_no_work_is_in_vain_where_the_outage_is_shorter_than_the_time_out(one, share):
    one = replace(one, outage_s=share * (one.timeout_s - 2 * one.service_s))
    played = play(one, OLDEST_FIRST, INTERVAL_S, 4 * INTERVAL_S)
    assert played.done.all()
    longer = play(replace(one, outage_s=one.timeout_s * 1.1), OLDEST_FIRST, INTERVAL_S, 4 * INTERVAL_S)
    assert not longer.done.all()


@settings(max_examples=10, deadline=None)
@given(st.floats(0.4, 0.9))
def test_a_short_queue_of_all_hosts_recovers_from_every_outage(load):
    one = storm(load, outage_s=2.5, timeout_s=load * INTERVAL_S * 1.2)
    assert one.collapse_s == one.rule_of_thumb_s == inf
    assert not collapses(one)


REMEDIES = {
    "drop_expired": StormPolicy(drop_expired=True),
    "newest_first": StormPolicy(order="newest_first"),
    "admission": StormPolicy(max_queue=30),
}


@pytest.mark.parametrize("remedy", REMEDIES)
def test_a_policy_removes_the_collapse(remedy):
    one = storm(0.7, outage_s=1.2)
    assert collapses(one)
    assert not collapses(one, REMEDIES[remedy])


def test_dropping_what_has_expired_does_not_help_where_what_is_about_to_expire_is_served():
    # Oldest first serves what has just not run out yet: at a high load it has by the end of the service, all of it.
    nearly_full = storm(0.9, outage_s=1.2, timeout_s=0.25, service_s=0.004, workers=1)
    assert collapses(nearly_full, StormPolicy(drop_expired=True))
    assert not collapses(nearly_full, StormPolicy(order="newest_first"))


@given(st.floats(0.05, 0.99), st.floats(0.01, 10))
def test_collapse_begins_between_the_time_out_and_the_rule_of_thumb(load, timeout_s):
    assert timeout_s * 0.999 <= collapse_at(load, timeout_s) <= timeout_s / load * 1.001


def test_nothing_is_a_storm_without_hosts():
    with pytest.raises(ValueError, match="has hosts"):
        storm(0.0)
