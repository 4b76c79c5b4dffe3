from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from leasebench.results.statistics.intervals import (
    difference_interval,
    exact_interval,
    fisher_p,
    holm,
    ratio_interval,
    student_p,
    student_quantile,
    welch_df,
    welch_p,
)

counts = st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
values = st.lists(st.floats(-100, 100), min_size=2, max_size=8).map(lambda one: np.round(np.array(one), 3))


@settings(deadline=None)
@given(counts, counts)
def test_fishers_p_is_that_of_scipy(one, other):
    table = [[one[0], one[1] - one[0]], [other[0], other[1] - other[0]]]
    assert fisher_p(*one, *other) == pytest.approx(stats.fisher_exact(table).pvalue, rel=1e-6, abs=1e-12)


def test_fishers_p_of_nothing_and_of_everything_is_one():
    assert fisher_p(0, 5, 0, 7) == pytest.approx(1)
    assert fisher_p(5, 5, 7, 7) == pytest.approx(1)
    assert fisher_p(0, 0, 3, 7) == pytest.approx(1)


@settings(deadline=None)
@given(values, values)
def test_welchs_p_is_that_of_scipy(one, other):
    found = welch_p(one, other)
    if found is None:
        assert one.std() == other.std() == 0
    elif min(one.std(), other.std()) > 1e-3:  # scipy warns of less
        assert found == pytest.approx(stats.ttest_ind(one, other, equal_var=False).pvalue, rel=1e-5, abs=1e-9)


def test_welch_says_nothing_of_single_values_or_without_variance():
    assert welch_p(np.array([1.0]), np.array([2.0, 3.0])) is None
    assert welch_p(np.array([1.0, 1.0]), np.array([2.0, 2.0])) is None


@given(st.floats(0.5, 200), st.floats(-20, 20))
def test_students_t_is_that_of_scipy(df, t):
    assert student_p(t, df) == pytest.approx(2 * stats.t.sf(abs(t), df), rel=1e-6)
    assert student_p(student_quantile(df), df) == pytest.approx(0.05)


def test_equal_groups_have_the_degrees_of_freedom_of_both():
    assert welch_df([2.0, 2.0], [4, 4]) == pytest.approx(8)
    assert welch_df([2.0, 0.0], [4, 9]) == pytest.approx(4)
    assert welch_df([0.0, 0.0], [4, 9]) == 4


@given(st.lists(st.floats(0, 1), max_size=30))
def test_holm_only_ever_raises_p_values_and_keeps_their_order(p_values):
    adjusted = holm(p_values)
    assert all(after >= before for before, after in zip(p_values, adjusted, strict=True))
    assert all(0 <= one <= 1 for one in adjusted)
    in_order = [after for _, after in sorted(zip(p_values, adjusted, strict=True))]
    assert in_order == sorted(in_order)


def test_holm_is_the_papers_step_down():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


def test_holm_claims_something_false_in_at_most_five_percent_of_families():
    rng = np.random.default_rng(3)
    families = [min(holm(rng.random(20).tolist())) < 0.05 for _ in range(4000)]
    assert np.mean(families) == pytest.approx(0.05, abs=0.012)


@given(counts, counts)
def test_intervals_of_differences_and_ratios_hold_what_was_seen(one, other):
    rate, other_rate = one[0] / one[1], other[0] / other[1]
    ends, other_ends = exact_interval(*one), exact_interval(*other)
    low, high = difference_interval(rate, ends, other_rate, other_ends)
    assert -1 - 1e-9 <= low <= other_rate - rate <= high <= 1 + 1e-9
    low, high = ratio_interval(ends, other_ends)
    if rate:
        assert low <= other_rate / rate <= high
    else:
        assert high == inf


def test_newcombes_interval_of_two_equal_rates_holds_zero_and_of_far_ones_does_not():
    low, high = difference_interval(0.5, exact_interval(50, 100), 0.5, exact_interval(50, 100))
    assert low < 0 < high
    low, high = difference_interval(0.1, exact_interval(10, 100), 0.5, exact_interval(50, 100))
    assert 0.25 < low < 0.4 < high < 0.55
