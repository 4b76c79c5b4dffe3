import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference_log import read_hlog

from leasebench import load
from leasebench.results.charts.buckets import bucket_frame, figures_us, merge_buckets, pooled, quantile_us
from leasebench.results.latency.histograms import PERCENTILES, buckets, figures, histogram, merge

samples = st.lists(st.integers(1, 3_600_000_000_000) | st.integers(1, 2_000_000), max_size=60).map(
    lambda values: histogram(np.array(values, dtype=np.int64))
)
filled = samples.filter(lambda hist: hist.total_count)


@given(st.lists(samples, max_size=6))
def test_merged_buckets_are_those_of_the_merged_histograms(parts):
    merged = merge_buckets([buckets(part) for part in parts])
    expected = buckets(merge(parts))
    for ours, theirs in zip(merged, expected, strict=True):
        assert ours.tolist() == theirs.tolist()


@given(filled)
def test_figures_are_those_of_the_summary(hist):
    expected = figures(hist)
    found = figures_us(buckets(hist))
    assert {name: round(value, 3) for name, value in found.items()} == {name: expected[name] for name in PERCENTILES}


@given(filled, st.floats(0, 100))
def test_a_quantile_is_the_upper_end_of_a_bucket_that_holds_something_and_grows(hist, percentile):
    held = buckets(hist)
    value = quantile_us(held, percentile)
    assert round(value * 1000) in held.high_ns
    assert quantile_us(held, 0) <= value <= quantile_us(held, 100)
    assert round(quantile_us(held, 100) * 1000) == held.high_ns[-1]


@given(st.dictionaries(st.sampled_from(["slow", "fast", "middling"]), filled, min_size=1))
def test_a_frame_counts_up_to_a_hundred_percent(histograms):
    frame = bucket_frame({guard: buckets(hist) for guard, hist in histograms.items()})
    assert list(frame.columns) == ["guard", "low_us", "high_us", "count", "percentile"]
    assert list(dict.fromkeys(frame["guard"])) == list(histograms)
    for guard, part in frame.groupby("guard"):
        assert part["count"].sum() == histograms[guard].total_count
        assert part["percentile"].is_monotonic_increasing
        assert part["percentile"].iloc[-1] == 100
        assert (part["low_us"] <= part["high_us"]).all()


def test_pooled_trials_have_the_figures_of_the_summary(harmed_run):
    run = load(harmed_run)
    for scenario in run.scenarios:
        held = pooled(run, scenario, "commit", "service")
        assert list(held) == run.guards
        for guard, one in held.items():
            expected = run.cell(guard, scenario).latency("commit").model_dump(by_alias=True)
            assert {name: round(value, 3) for name, value in figures_us(one).items()} == {
                name: expected[name] for name in PERCENTILES
            }


def test_a_guard_without_the_phase_is_left_out(harmed_run):
    run = load(harmed_run)
    assert list(pooled(run, "stopped", "acquire", "service")) == ["txt_lock"]
    assert pooled(run, "stopped", "commit", "response") == {}


def test_a_log_holds_what_was_pooled(harmed_run):
    run = load(harmed_run)
    row = run.trials_of("txt_lock", "stopped")[0]
    logged = read_hlog(run.folders[row.number] / "latency.hlog")["txt_lock.stopped.commit.service"]
    assert pooled(run, "stopped", "commit", "service")["txt_lock"].counts.sum() == logged.total_count


def test_nothing_has_no_quantile():
    with pytest.raises(IndexError):
        quantile_us(merge_buckets([]), 50)
