import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leasebench import load
from leasebench.results.evidence.clocks import Clocks
from leasebench.results.evidence.overtime import BINS, COLUMNS, LEVELS_PER_DECADE, LOWEST_NS, over_time
from leasebench.results.record.journal import RowKind, RowOutcome

STEP = 10 ** (1 / LEVELS_PER_DECADE)
BEGIN_NS, END_NS = 1_000_000_000, 1_000_000_000 + BINS * 10_000_000

rows = st.tuples(
    st.sampled_from([RowKind.COMMIT, RowKind.COMMIT, RowKind.COMMIT, RowKind.CHECK, RowKind.RENEW]),
    st.sampled_from(list(RowOutcome)),
    st.integers(BEGIN_NS - 20_000_000, END_NS + 20_000_000),
    st.integers(1, 200_000_000_000) | st.integers(LOWEST_NS, 3_000_000),
    st.integers(0, 5),
    st.integers(0, 5),
)


def binned(made, piece):
    """The bins of a journal that is read in pieces."""
    frame = pd.DataFrame(made, columns=COLUMNS).astype(np.int64)
    pieces = [frame.iloc[low : low + piece] for low in range(0, max(len(frame), 1), piece)]
    return over_time(BEGIN_NS, END_NS, pieces, Clocks())


def plain_bins(made):
    """The answered commits of each bin, one after the other: (outcome, stale, service_ns)."""
    bins = [[] for _ in range(BINS)]
    for kind, outcome, end_ns, service_ns, version, seen in made:
        if kind is RowKind.COMMIT and outcome in (RowOutcome.DONE, RowOutcome.REFUSED):
            at = int((end_ns - BEGIN_NS) / (END_NS - BEGIN_NS) * BINS)
            bins[min(max(at, 0), BINS - 1)].append((outcome, seen > version, service_ns))
    return bins


@given(st.lists(rows, max_size=60), st.integers(1, 20))
def test_bins_hold_what_a_plain_count_finds(made, piece):
    found = binned(made, piece)
    for number, held in enumerate(plain_bins(made)):
        done = [stale for outcome, stale, _ in held if outcome is RowOutcome.DONE]
        assert found.commits[number] == len(done)
        assert found.stale[number] == sum(done)
        assert found.refused[number] == len(held) - len(done)


@given(st.lists(rows, max_size=60), st.integers(1, 20))
def test_quantiles_are_at_most_a_step_above_the_nearest_rank_and_never_above_the_longest(made, piece):
    found = binned(made, piece)
    for number, held in enumerate(plain_bins(made)):
        times = sorted(service_ns / 1000 for _, _, service_ns in held)
        for share, seen in ((0.5, found.p50_us[number]), (0.99, found.p99_us[number])):
            if not times:
                assert np.isnan(seen)
                continue
            exact = times[max(int(np.ceil(share * len(times))), 1) - 1]
            assert seen <= times[-1]
            if exact < 1e8:  # 100 s: the highest level
                assert exact * (1 - 1e-9) <= seen <= max(exact, LOWEST_NS / 1000) * STEP * (1 + 1e-9)
        assert (np.isnan(found.max_us[number]) and not times) or found.max_us[number] == times[-1]


@pytest.mark.parametrize(("begin", "end"), [(0, 0), (5, 0), (5, 5)])
def test_a_load_that_never_began_has_no_bins(begin, end):
    assert over_time(begin, end, [], Clocks()) is None


def test_a_real_trial_has_the_counts_of_its_history(harmed_run):
    run = load(harmed_run)
    for row in run.summary.trials:
        found, facts = run.moments(row.number).over_time, run.facts(row.number)
        assert row.count("unknown") == 0
        assert found.commits.sum() == row.count("commits")
        assert found.stale.sum() == row.count("stale_overwrites")
        assert found.from_s[0] == 0
        assert found.bin_s * BINS == pytest.approx((facts.end_ns - facts.start_ns) / 1e9)
