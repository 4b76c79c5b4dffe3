"""How long each system took to recover, from figures over time that are made up here."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leasebench.results.checks.cascade import Cascade, StepSeries, milestones

NONE = np.array([])
UNTIL_S = 20.0


def series(*steps):
    t_s, value = np.array(steps, dtype=float).reshape(-1, 2).T
    return StepSeries(t_s, value)


def made(**given):
    kept = {
        "until_s": UNTIL_S, "empty": (), "versions": None, "held": None, "launched": NONE, "refused": NONE,
        "backlog": None, "serving": None, "actions": (),
    }  # fmt: skip
    return Cascade(**(kept | given))


def test_each_system_has_recovered_when_it_is_for_good_as_it_was_before():
    found = made(
        empty=((4.0, 9.0), (10.0, 10.5)),
        held=series((0, 0.5), (2, 1), (6, 0.4), (8, 1), (9, 0.98), (15, 1)),
        launched=np.array([5.0, 16.0]),
        refused=np.array([1.0, 7.0, 14.5]),
        backlog=series((1, 5), (2, 0), (12, 30), (16, 5), (17, 0), (18, 4)),
        serving=series((0, 1), (13, 0.7), (18, 1)),
    )
    assert dict(milestones(found)) == {
        "cascade_record_s": 5.0,
        "cascade_leases_s": 11.0,
        "cascade_launches_s": 10.5,
        "cascade_network_s": 13.0,
        "cascade_capacity_s": 14.0,
    }


def test_without_an_empty_record_there_is_nothing_to_recover_from():
    assert dict(milestones(made(held=series((0, 0.0), (3, 0.5)), refused=np.array([1.0])))) == {}


def test_what_was_never_other_than_before_has_no_figure_and_what_never_recovers_has_the_end():
    found = made(empty=((4.0, 5.0),), held=series((0, 1), (6, 0.2)), serving=series((0, 1)), backlog=series((1, 2)))
    assert dict(milestones(found)) == {"cascade_record_s": 1.0, "cascade_leases_s": UNTIL_S - 4.0}


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.floats(0, 40))
def test_the_last_odd_instant_is_found_as_by_going_through_all(odd, after_s):
    found = series(*((at, 0) for at in range(len(odd))))
    until_s = float(len(odd))
    ends = [at + 1.0 for at, one in enumerate(odd) if one and at + 1 > after_s]
    assert found.last_s(np.array(odd), after_s, until_s) == (pytest.approx(ends[-1]) if ends else None)
