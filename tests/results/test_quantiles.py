"""Which percentiles are shown of n samples: a claim about binomial counts, held against the counts themselves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from leasebench.results.record.summary import Percentiles
from leasebench.results.statistics.quantiles import (
    MIN_BEYOND,
    TAILS,
    farthest,
    is_supported,
    least_shown,
    samples_needed,
)


@pytest.mark.parametrize(("percentile", "needed"), [(50, 20), (90, 100), (99, 1_000), (99.9, 10_000), (99.99, 100_000)])
def test_so_many_samples_leave_ten_beyond(percentile, needed):
    assert samples_needed(percentile) == needed
    assert is_supported(percentile, needed)
    assert percentile == 50 or not is_supported(percentile, needed - 1)


def test_a_p999_of_two_hundred_is_not_shown():
    figures = Percentiles.model_validate({"p50": 1.0, "p90": 2.0, "p99": 3.0, "p99.9": 3.0, "p99.99": 3.0, "n": 200})
    assert [figures.shown(name) for name in ("p50", "p90", "p99", "p99.9", "p99.99")] == [1.0, 2.0, None, None, None]


@pytest.mark.parametrize("percentile", [90.0, 99.0, 99.9])
def test_with_ten_beyond_the_share_beyond_is_known_to_a_factor_of_two(percentile):
    n = samples_needed(percentile)
    share = 1 - percentile / 100
    # If the true share beyond were twice as large, or half as large, ten or so beyond would be a rare sight.
    assert binom.cdf(MIN_BEYOND, n, 2 * share) < 0.025
    assert binom.sf(MIN_BEYOND - 1, n, share / 2.1) < 0.05


@given(st.floats(50.1, 99.999), st.integers(0, 10**7))
def test_what_is_shown_of_some_samples_is_shown_of_more(percentile, n):
    assert not is_supported(percentile, n) or is_supported(percentile, n + 1)
    assert is_supported(percentile, n) == (n >= least_shown(percentile))


@given(st.lists(st.integers(0, 5_000), max_size=12))
def test_one_percentile_suits_at_least_half_of_those_that_have_samples(counts):
    name = farthest(counts)
    some = np.array([n for n in counts if n])
    assert name in TAILS
    if len(some):
        assert np.mean([is_supported(float(name[1:]), n) for n in some]) >= 0.5
    else:
        assert name == "p99"
