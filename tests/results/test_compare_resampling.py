from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leasebench.results.compare.quantities import COST, LATENCIES, THROUGHPUT, latency
from leasebench.results.compare.resampling import LogRatio, estimate, paired_ratio, ratio, resamples
from leasebench.results.compare.samples import Histograms, Sample, counted, histograms
from leasebench.results.latency.histograms import buckets, figures, histogram, merge
from leasebench.results.statistics.intervals import student_quantile

P50, P99, P999 = LATENCIES[:3]
COMPARISONS = 1000
TRIAL_SD, OPERATION_SD = 0.1, 0.5
BINS = 1600


def sample_of(parts, **counts):
    """A sample whose commits took the nanoseconds of `parts`, one array a trial."""
    held = histograms([buckets(histogram(np.asarray(part, np.int64))) if len(part) else None for part in parts])
    every = {name: np.full(len(parts), counts.get(name, 1.0)) for name in counted()}
    return Sample("guard", "scenario", tuple(range(len(parts))), every, {("commit", "service"): held})


def drawn(rng, trials, operations, tail_sd=0.0, slower=0.0):
    """Log-normal operations, with a log-normal effect of the trial; the tails of trials differ with `tail_sd`.

    On a grid as fine as half a percent, because encoding millions of values is all that would take time.
    """
    logs = (
        slower + TRIAL_SD * rng.standard_normal((trials, 1)) + OPERATION_SD * rng.standard_normal((trials, operations))
    )
    if tail_sd:
        slow = rng.random((trials, operations)) < 0.03 * np.exp(tail_sd * rng.standard_normal((trials, 1)))
        logs += slow * (1 + tail_sd * rng.standard_normal((trials, operations)))
    bins = np.clip(((logs + 4) * 200).astype(np.int64), 0, BINS - 1) + BINS * np.arange(trials)[:, None]
    counts = np.bincount(bins.ravel(), minlength=trials * BINS).reshape(trials, BINS).T.astype(np.float64)
    held = Histograms(100 * np.exp(np.arange(1, BINS + 1) / 200 - 4), np.cumsum(counts, axis=0))
    return replace(sample_of([[1]] * trials), histograms={("commit", "service"): held})


def claimed(trials, operations, comparisons, tail_sd=0.0):
    """How often a difference was claimed at 5 % between two samples of the same kind, by way and quantity."""
    rng = np.random.default_rng(trials)
    claims = dict.fromkeys(product((ratio, paired_ratio), (P50, P99, P999)), 0)
    known = [quantity for quantity in (P50, P99, P999) if trials * operations >= quantity.operations_needed]
    for _ in range(comparisons):
        one, other = (drawn(rng, trials, operations, tail_sd) for _ in "ab")
        for find, quantity in product((ratio, paired_ratio), known):
            claims[find, quantity] += find(one, other, quantity).p() < 0.05
    return {way: count / comparisons for way, count in claims.items()}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(1, 10**9), min_size=1, max_size=40), min_size=1, max_size=4))
def test_the_figure_of_all_trials_is_that_of_their_merged_histograms(parts):
    expected = figures(merge([histogram(np.array(part, np.int64)) for part in parts]))
    for name in ("p50", "p90", "p99", "p99.9"):
        assert sample_of(parts).figure(latency("commit", name)) == pytest.approx(expected[name], abs=1e-3)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(1, 10**6), min_size=1, max_size=30), min_size=2, max_size=4), st.integers(0, 9**4))
def test_a_resample_is_the_merger_of_the_trials_that_it_holds(parts, at):
    weights, _ = resamples(len(parts))
    row = weights[at % len(weights)]
    taken = [part for part, count in zip(parts, row, strict=True) for _ in range(int(count))]
    expected = figures(merge([histogram(np.array(part, np.int64)) for part in taken]))["p99"]
    assert sample_of(parts).figures(P99, np.stack([row, row]))[0] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("trials", [2, 3, 6, 7, 20])
def test_resamples_hold_as_many_trials_and_their_chances_add_up(trials):
    weights, chances = resamples(trials)
    assert (weights.sum(axis=1) == trials).all()
    assert chances.sum() == pytest.approx(1)
    assert chances @ weights == pytest.approx(np.ones(trials), abs=0.1)


def test_of_a_mean_the_error_is_the_ordinary_one():
    values = np.array([100.0, 110.0, 120.0, 95.0, 105.0])
    sample = sample_of([[1]] * 5)
    sample.counts["commits"][:] = values
    found = estimate(sample, THROUGHPUT)
    assert found.se == pytest.approx(values.std(ddof=1) / np.sqrt(5) / values.mean(), rel=0.02)
    assert found.df == 4


@pytest.mark.parametrize("trials", [3, 5, 10])
def test_two_samples_of_the_same_kind_differ_at_five_percent_in_hardly_more(trials):
    rates = claimed(trials, 400, COMPARISONS)
    for find, quantity in product((ratio, paired_ratio), (P50, P99)):
        assert 0.005 <= rates[find, quantity] <= 0.08
        assert rates[find, quantity] >= 0.02 or quantity is P99


def test_a_tail_that_one_trial_makes_is_not_mistaken_for_a_known_one():
    assert claimed(10, 2000, 300, tail_sd=0.5)[ratio, P999] <= 0.08


@pytest.mark.parametrize("trials", [3, 5, 10])
def test_intervals_hold_the_true_ratio_about_as_often_as_they_say(trials):
    rng = np.random.default_rng(7)
    held = 0
    for _ in range(500):
        low, high = ratio(drawn(rng, trials, 300), drawn(rng, trials, 300, slower=0.4), P50).interval()
        held += low <= np.exp(0.4) <= high
    assert 0.93 <= held / 500 <= 0.99


def test_a_real_difference_is_found():
    rng = np.random.default_rng(5)
    found = ratio(drawn(rng, 5, 400), drawn(rng, 5, 400, slower=np.log(2)), P50)
    assert found.p() < 0.001
    assert found.p(tolerance=1.05) < 0.01
    assert found.p(tolerance=2.5) == 1
    assert found.interval()[0] > 1.5


def test_rounds_that_both_share_take_out_what_disturbs_both():
    rng = np.random.default_rng(9)
    shifts = np.exp(0.5 * rng.standard_normal(6))
    one, other = (
        sample_of([100_000 * shift * np.exp(0.1 * rng.standard_normal(200)) for shift in shifts]) for _ in "ab"
    )
    assert paired_ratio(one, other, P50).se < ratio(one, other, P50).se / 5
    assert 1 < paired_ratio(one, other, P50).df < 5


def test_cells_with_other_rounds_are_compared_as_independent():
    one, other = sample_of([[5], [6], [7]]), sample_of([[5], [6]])
    assert paired_ratio(one, other, P50) == ratio(one, other, P50)


def test_one_trial_has_no_interval_and_no_operations_have_no_figure():
    one = sample_of([[5, 6, 7]])
    assert estimate(one, P50) is None
    assert ratio(one, one, P50) is None
    assert one.figure(latency("acquire", "p50")) is None
    assert paired_ratio(sample_of([[5], []]), sample_of([[5], [6]]), P50) is None


def test_a_figure_is_never_known_better_than_its_bucket():
    same = sample_of([[1_000_000] * 50] * 5)
    assert ratio(same, same, P50).se >= 2**-10 / np.sqrt(12)


def test_a_cost_is_the_sum_of_the_medians_that_there_are():
    sample = sample_of([[1000] * 9, [1000] * 9])
    assert sample.figure(COST) == pytest.approx(1, rel=1e-3)
    acquired = {("acquire", "service"): sample.histograms["commit", "service"]}
    both = Sample("g", "s", sample.rounds, sample.counts, sample.histograms | acquired)
    assert both.figure(COST) == pytest.approx(2, rel=1e-3)
    assert Sample("g", "s", sample.rounds, sample.counts, acquired).figure(COST) is None


@given(st.floats(-3, 3), st.floats(0.01, 1), st.floats(1, 50))
def test_an_interval_leaves_out_one_exactly_where_the_p_value_is_below_five_percent(log, se, df):
    found = LogRatio(log, se, df)
    low, high = found.interval()
    reach = student_quantile(df) * se
    if abs(abs(log) - reach) > 1e-9:
        assert (found.p() < 0.05) == (not low <= 1 <= high)
