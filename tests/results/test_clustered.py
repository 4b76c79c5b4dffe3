"""The interval of a rate over clustered events: that it holds, simulated, and that it is no wider than it must be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from leasebench.results.statistics.clustered import (
    NO_CLUSTERS,
    added,
    as_json,
    clustered_ends,
    clustered_interval,
    clusters_of,
    from_json,
)
from leasebench.results.statistics.intervals import exact_interval

REPEATS = 3000
ENOUGH = 0.93
"""Of the nominal 0.95; the standard error of a coverage of 0.95 over REPEATS is 0.004."""

tables = st.dictionaries(
    st.integers(1, 20).flatmap(lambda events: st.tuples(st.just(events), st.integers(0, events))),
    st.integers(1, 30),
    max_size=8,
).map(lambda kinds: added(np.array([[(*kind, number) for kind, number in kinds.items()]]).reshape(1, -1, 3)))


def equal(rng, shape):
    """Twenty races each."""
    return np.full(shape, 20)


def unequal(rng, shape):
    """Mostly few races, now and then many."""
    return np.minimum(rng.geometric(0.2, shape), 40)


def independent(sizes, rate):
    """Each race leaks by itself."""

    def draw(rng, shape):
        races = sizes(rng, shape)
        return races, rng.binomial(races, rate), rate

    return draw


def correlated(sizes, rate, correlation):
    """Each application leaks at a rate of its own: two of its races are correlated so much (beta-binomial)."""
    spread = (1 - correlation) / correlation

    def draw(rng, shape):
        races = sizes(rng, shape)
        return races, rng.binomial(races, rng.beta(rate * spread, (1 - rate) * spread, shape)), rate

    return draw


def all_at_once(sizes, rate):
    """An application leaks all of its races, or none."""

    def draw(rng, shape):
        races = sizes(rng, shape)
        return races, races * (rng.random(shape) < rate), rate

    return draw


def the_large_ones(rate, large=20, small=1.3):
    """One application in so many races twenty times and leaks each time; the others race once or twice and hold."""

    def draw(rng, shape):
        leaks = rng.random(shape) < rate
        races = np.where(leaks, large, 1 + (rng.random(shape) < small - 1))
        return races, races * leaks, rate * large / (rate * large + (1 - rate) * small)

    return draw


def some_all_and_others_a_few(sizes, rate, others):
    """An application leaks all of its races, or a few by chance: those hide that none leaked all of them."""

    def draw(rng, shape):
        races = sizes(rng, shape)
        leaks = rng.random(shape) < rate
        return races, np.where(leaks, races, rng.binomial(races, others)), rate + (1 - rate) * others

    return draw


SITUATIONS = {
    "independent, near 0": independent(equal, 0.005),
    "independent, 2 %": independent(unequal, 0.02),
    "independent, half": independent(equal, 0.5),
    "independent, unequal, half": independent(unequal, 0.5),
    "independent, near 1": independent(equal, 0.995),
    "somewhat correlated": correlated(equal, 0.1, 0.1),
    "correlated, 2 %": correlated(equal, 0.02, 0.3),
    "correlated": correlated(equal, 0.1, 0.6),
    "correlated, unequal": correlated(unequal, 0.1, 0.6),
    "nearly all at once, 2 %": correlated(unequal, 0.02, 0.9),
    "nearly all at once, half": correlated(equal, 0.5, 0.9),
    "nearly all at once, 98 %": correlated(unequal, 0.98, 0.9),
    "one in ten leaks all": all_at_once(equal, 0.1),
    "one in ten leaks all, unequal": all_at_once(unequal, 0.1),
    "nine in ten leak all, unequal": all_at_once(unequal, 0.9),
    "one in ten leaks all, the others 2 %": some_all_and_others_a_few(equal, 0.1, 0.02),
    "one in ten leaks all, the others 2 %, unequal": some_all_and_others_a_few(unequal, 0.1, 0.02),
}
APPLICATIONS = (10, 30, 200)


def by_the_rate_of_so_many_applications(races, stale):
    """The interval that counts each application as one event, whatever it leaked."""
    ends = [exact_interval(rate * races.shape[1], races.shape[1]) for rate in stale.sum(1) / races.sum(1)]
    return np.array(ends).T


def simulated(draw, applications, interval=None):
    """The coverage of the interval, its mean width, and the width that 95 % of the estimates themselves have."""
    races, stale, rate = draw(np.random.default_rng(7), (REPEATS, applications))
    low, high = interval(races, stale) if interval else clustered_ends(races, stale, np.ones_like(races))
    held = (low <= rate + 1e-12) & (rate - 1e-12 <= high)
    estimates = np.quantile(stale.sum(1) / races.sum(1), [0.025, 0.975])
    return held.mean(), (high - low).mean(), estimates[1] - estimates[0]


class TestCoverage:
    @pytest.mark.parametrize("applications", APPLICATIONS)
    @pytest.mark.parametrize("draw", SITUATIONS.values(), ids=SITUATIONS)
    def test_it_holds_however_much_the_races_of_an_application_hang_together(self, draw, applications):
        coverage, _, _ = simulated(draw, applications)
        assert coverage >= ENOUGH

    @pytest.mark.parametrize("applications", [30, 60, 200])
    def test_it_holds_where_those_that_leak_are_those_that_race_most(self, applications):
        coverage, _, _ = simulated(the_large_ones(0.1), applications)
        assert coverage >= ENOUGH
        old, _, _ = simulated(the_large_ones(0.1), applications, by_the_rate_of_so_many_applications)
        assert old < 0.85, "each application as one event does not hold here"

    def test_of_ten_applications_it_holds_then_where_any_leaked(self):
        """In a third of all runs no application of that kind is among ten, and no interval can tell of it."""
        races, stale, rate = the_large_ones(0.1)(np.random.default_rng(7), (REPEATS, 10))
        some = stale.any(1)
        assert some.mean() == pytest.approx(1 - 0.9**10, abs=0.03)
        low, high = clustered_ends(races[some], stale[some], np.ones_like(races[some]))
        assert np.mean((low <= rate) & (rate <= high)) >= ENOUGH


class TestWidth:
    @pytest.mark.parametrize("applications", [60, 200])
    @pytest.mark.parametrize("what", ["independent, half", "independent, 2 %", "somewhat correlated"])
    def test_independent_leaks_are_told_far_more_sharply_than_by_application(self, what, applications):
        _, width, _ = simulated(SITUATIONS[what], applications)
        _, old, _ = simulated(SITUATIONS[what], applications, by_the_rate_of_so_many_applications)
        assert width < old / 1.6

    @pytest.mark.parametrize("what", SITUATIONS)
    def test_of_many_applications_it_is_about_as_wide_as_the_estimates_are_spread(self, what):
        _, width, spread = simulated(SITUATIONS[what], 200)
        assert 0.95 * spread < width < 1.45 * spread


class TestInterval:
    @given(tables.filter(len))
    def test_it_holds_what_was_seen_and_lies_between_nothing_and_everything(self, clusters):
        events, seen, number = clusters.T
        low, high = clustered_interval(clusters)
        assert 0 <= low <= (seen @ number) / (events @ number) + 1e-9
        assert (seen @ number) / (events @ number) - 1e-9 <= high <= 1

    @given(tables.filter(len))
    def test_it_is_the_same_for_what_was_seen_and_what_was_not(self, clusters):
        events, seen, number = clusters.T
        low, high = clustered_interval(clusters)
        other_low, other_high = clustered_interval(np.column_stack([events, events - seen, number]))
        assert (1 - other_high, 1 - other_low) == pytest.approx((low, high), abs=1e-9)

    @given(tables.filter(len))
    def test_a_table_of_kinds_is_the_same_as_its_clusters_one_by_one(self, clusters):
        one_by_one = np.repeat(clusters, clusters[:, 2], axis=0)
        one_by_one[:, 2] = 1
        assert clustered_interval(one_by_one) == pytest.approx(clustered_interval(clusters), abs=1e-6)

    @given(tables.filter(len))
    def test_never_narrower_than_if_all_events_were_independent(self, clusters):
        events, seen, number = clusters.T
        if number.sum() >= 4:
            exact = binomtest(int(seen @ number), int(events @ number)).proportion_ci(0.95, method="exact")
            low, high = clustered_interval(clusters)
            assert low <= exact.low + 1e-9
            assert high >= exact.high - 1e-9

    @pytest.mark.parametrize("number", [1, 2, 5, 59, 200])
    def test_where_nothing_leaked_or_everything_each_application_is_one_event(self, number):
        assert clustered_interval(np.array([[8, 0, number]])) == pytest.approx(exact_interval(0, number))
        assert clustered_interval(np.array([[8, 8, number]])) == pytest.approx(exact_interval(number, number))

    def test_of_a_few_applications_no_variance_is_believed(self):
        assert clustered_interval(np.array([[8, 4, 3]])) == pytest.approx(exact_interval(1.5, 3))

    def test_without_events_there_is_none(self):
        assert clustered_interval(NO_CLUSTERS) is None


class TestTables:
    @given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=40))
    def test_clusters_are_counted_by_how_many_events_they_have_and_how_many_were_seen(self, made):
        events = np.array([cluster for cluster, _ in made], dtype=np.int64)
        seen = np.array([seen for _, seen in made], dtype=bool)
        kinds = {}
        for cluster in set(events.tolist()):
            kind = (int((events == cluster).sum()), int(seen[events == cluster].sum()))
            kinds[kind] = kinds.get(kind, 0) + 1
        assert {(events, seen): number for events, seen, number in clusters_of(events, seen).tolist()} == kinds

    @given(tables, tables)
    def test_tables_are_added_kind_by_kind(self, one, other):
        kinds = {}
        for events, seen, number in [*one.tolist(), *other.tolist()]:
            kinds[events, seen] = kinds.get((events, seen), 0) + number
        assert added([one, other]).tolist() == [[*kind, number] for kind, number in sorted(kinds.items())]

    @given(tables)
    def test_what_is_written_is_read_again(self, clusters):
        assert from_json(as_json(clusters)).tolist() == clusters.tolist()

    def test_it_is_written_as_seen_of_events(self):
        assert as_json(np.array([[8, 3, 2]])) == {"3/8": 2}
