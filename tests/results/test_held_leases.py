"""Host leases over time, from events alone."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leasebench.results.checks.host_leases import held_again
from leasebench.results.evidence.host_leases import HeldLeases, Spans, held_over_time, spans_of

S = 1_000_000
events = st.lists(
    st.tuples(
        st.integers(0, 50),
        st.sampled_from(["grant", "renew", "release", "reject", "launch"]),
        st.sampled_from(["host-0", "host-1", "host-12", "e000", ""]),
        st.integers(1, 20),
    ),
    max_size=40,
)


def data_of(rows):
    rows = sorted(rows, key=lambda row: row[0])
    frame = pd.DataFrame(rows, columns=["t_us", "kind", "lease", "expires_us"])
    holds = frame["kind"].isin(["grant", "renew"])
    frame["expires_us"] = np.where(holds, frame["t_us"] + frame["expires_us"], -1).astype(np.int64)
    frame["t_us"] = frame["t_us"].astype(np.int64)
    return frame.astype({"kind": "category", "lease": "category"})


def held_plainly(data, at_us):
    """Go through the events of each host, one after the other."""
    until = {}
    for row in data.itertuples():
        if row.t_us > at_us or not str(row.lease).startswith("host-"):
            continue
        if row.kind in ("grant", "renew"):
            until[row.lease] = row.expires_us
        elif row.kind == "release":
            until[row.lease] = 0
    return sum(end > at_us for end in until.values())


@given(events)
@settings(max_examples=60, deadline=None)
def test_as_many_are_held_as_the_events_of_each_host_say(rows):
    data = data_of(rows)
    at = np.arange(0, 80, 3)
    assert spans_of(data).held_at(at).tolist() == [held_plainly(data, now) for now in at]


def test_over_time_begins_with_the_first_event_and_ends_with_the_last():
    data = data_of([(2 * S, "grant", "host-1", S), (3 * S, "grant", "host-2", 5 * S), (5 * S, "launch", "host-2", 1)])
    t_s, held = held_over_time(data, 500)
    assert t_s.tolist() == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0]
    assert held.tolist() == [1, 1, 1, 1, 1, 1, 1]
    assert [len(part) for part in held_over_time(data.iloc[:0], 500)] == [0, 0]


def test_a_lease_that_is_renewed_in_time_does_not_lapse():
    data = data_of([(0, "grant", "host-1", 10), (5, "renew", "host-1", 10), (20, "grant", "host-1", 10)])
    assert spans_of(data).lapsed.tolist() == [False, True, True]
    assert HeldLeases(1, spans_of(data), 0, 29).lapsed == 1, "the last one runs out after the end"


def held(*levels, hosts=100):
    """Held leases that stand at each level for one second, all begun and ended with it."""
    begin = np.concatenate([np.full(level, at * S) for at, level in enumerate(levels)]).astype(np.int64)
    spans = Spans(begin, begin + S, np.zeros(len(begin), dtype=bool))
    return HeldLeases(hosts, spans, 0, len(levels) * S - 1)


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ((0, 100, 100), (None, False)),
        ((0, 100, 40, 40, 60, 99, 100), (1.01, False)),
        ((100, 0, 50, 98), (None, True)),
        ((0, 50, 20, 90), (None, False)),
        ((100, 98, 99), (0.01, False)),
    ],
    ids=["no outage", "recovered", "never", "never whole before", "a short dip"],
)
def test_the_time_to_hold_them_again_runs_from_the_last_instant_of_the_minimum(levels, expected):
    took_s, never = held_again(held(*levels))
    assert never == expected[1]
    assert took_s == (None if expected[0] is None else pytest.approx(expected[0], abs=0.001))
