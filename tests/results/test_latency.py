import math
from datetime import UTC, datetime
from fractions import Fraction

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from hypothesis import example, given, settings
from hypothesis import strategies as st
from reference_log import read_hlog

from leasebench.results.latency.histograms import (
    HIGHEST_NS,
    LOWEST_NS,
    PERCENTILES,
    PHASES,
    SIGNIFICANT_DIGITS,
    buckets,
    figures,
    histogram,
    merge,
    rank,
    tag,
    untag,
    write_hlog,
)
from leasebench.results.latency.hlog import read_buckets

START_S = datetime(2025, 10, 20, 6, 48, tzinfo=UTC).timestamp()
ONE, TWO = tag("fenced", "steady", "commit", "service"), tag("fenced", "steady", "commit", "response")

edges = st.sampled_from([1, 2, 1023, 1024, 2047, 2048, 2049, 4095, 4096, HIGHEST_NS - 1, HIGHEST_NS])
latencies = st.lists(edges | st.integers(1, 10_000) | st.integers(1, HIGHEST_NS), max_size=60)
any_values = st.lists(st.integers(-(2**40), 2**62) | edges, max_size=60)


def array(values):
    return np.array(values, np.int64)


def one_by_one(values):
    hist = HdrHistogram(LOWEST_NS, HIGHEST_NS, SIGNIFICANT_DIGITS)
    for value in values:
        assert hist.record_value(value)
    return hist


def state(hist):
    return hist.total_count, hist.min_value, hist.max_value, hist.encode()


@given(latencies)
def test_filling_in_bulk_is_recording_one_by_one(values):
    assert state(histogram(array(values))) == state(one_by_one(values))


def test_every_power_of_two_finds_its_bucket():
    powers = [2**power + step for power in range(1, 41) for step in (-1, 0, 1)]
    assert state(histogram(array(powers))) == state(one_by_one(powers))


@given(any_values)
def test_values_beyond_the_bounds_count_as_the_bounds(values):
    clamped = [min(max(value, LOWEST_NS), HIGHEST_NS) for value in values]
    assert state(histogram(array(values))) == state(one_by_one(clamped))


@given(st.lists(latencies, max_size=4))
def test_merging_is_recording_everything_in_one(samples):
    together = [value for values in samples for value in values]
    parts = [histogram(array(values)) for values in samples]
    assert state(merge(parts)) == state(one_by_one(together))
    assert [state(part) for part in parts] == [state(one_by_one(values)) for values in samples]


def test_histograms_of_other_bounds_are_not_merged():
    with pytest.raises(ValueError, match="cannot be merged"):
        merge([HdrHistogram(1, 1000, 3)])


@given(latencies.filter(bool))
def test_figures_are_the_smallest_values_with_so_many_percent_at_or_below_them(values):
    hist, rising = histogram(array(values)), sorted(values)
    ranks = {name: math.ceil(Fraction(str(p)) * len(values) / 100) for name, p in PERCENTILES.items()}
    at = {name: hist.get_highest_equivalent_value(rising[place - 1]) for name, place in ranks.items()}
    expected = {name: round(value / 1000, 3) for name, value in at.items()}
    assert figures(hist) == {**expected, "max": round(hist.get_max_value() / 1000, 3), "n": len(values)}


@given(st.sampled_from([0.0, *PERCENTILES.values(), 100.0]), st.integers(1, 10**9))
@example(99.9, 1000)
@example(99.99, 10_000)
def test_a_rank_is_exact_although_it_is_reckoned_in_floats(percentile, total):
    assert rank(percentile, total) == max(math.ceil(Fraction(str(percentile)) * total / 100), 1)


def test_a_percentile_is_rounded_up_not_to_the_nearest():
    assert rank(90, 7) == 7
    assert rank(99.9, 1700) == 1699


def test_figures_of_nothing_are_none():
    assert figures(histogram(array([]))) == {**dict.fromkeys((*PERCENTILES, "max")), "n": 0}


@given(latencies)
def test_buckets_are_the_librarys(values):
    hist = one_by_one(values)
    held = buckets(hist)
    assert held.counts.sum() == len(values)
    for low, high, count in zip(*held, strict=True):
        assert hist.get_count_at_value(int(low)) == count
        assert hist.get_lowest_equivalent_value(int(high)) == low
        assert hist.get_highest_equivalent_value(int(low)) == high


def test_a_tag_comes_apart_again():
    assert untag(ONE) == ("fenced", "steady", "commit", "service")
    assert all(untag(tag("a", "b", phase, "response")).phase == phase for phase in PHASES)


@pytest.mark.parametrize(
    "parts",
    [("a.b", "s", "commit", "service"), ("A", "s", "commit", "service"), ("a", "s", "commit", "both")],
)
def test_a_tag_refuses_what_it_cannot_carry(parts):
    with pytest.raises(ValueError, match="is no"):
        tag(*parts)


def test_text_of_another_form_is_no_tag():
    with pytest.raises(ValueError, match="not a tag"):
        untag("fenced.steady.commit")


@settings(max_examples=25, deadline=None)
@given(latencies.filter(bool), latencies)
def test_a_log_gives_back_what_was_written(tmp_path_factory, one, two):
    path = tmp_path_factory.mktemp("log") / "latency.hlog"
    written = {ONE: histogram(array(one)), TWO: histogram(array(two))}
    write_hlog(path, written, START_S, START_S + 5)
    read = read_hlog(path)
    assert read.keys() == {name for name, hist in written.items() if hist.total_count}
    for name, hist in read.items():
        assert hist.encode() == written[name].encode()
        assert figures(hist) == figures(written[name])


def test_a_log_is_hdrhistograms_own_format(tmp_path):
    path = tmp_path / "latency.hlog"
    hist = histogram(array([1_000_000, 2_000_000]))
    write_hlog(path, {ONE: hist}, START_S, START_S + 2.5)
    version, base, start, legend, line = path.read_text().splitlines()
    assert version == "#[Histogram log format version 1.3]"
    assert base == f"#[BaseTime: {START_S:.3f} (seconds since epoch)]"
    assert start == f"#[StartTime: {START_S:.3f} (seconds since epoch), 2025-10-20T06:48:00.000+00:00]"
    assert legend.startswith('"StartTimestamp"')
    assert line == f"Tag={ONE},0.000,2.500,{hist.get_max_value() / 1e6:.3f},{hist.encode().decode()}"


def test_the_start_is_dated_to_the_same_millisecond_in_seconds_and_in_words(tmp_path):
    path = tmp_path / "latency.hlog"
    write_hlog(path, {}, START_S + 0.0479, START_S + 1)
    assert f"{START_S + 0.048:.3f} (seconds since epoch), 2025-10-20T06:48:00.048+00:00]" in path.read_text()


def test_the_librarys_reader_reads_a_log(tmp_path):
    path = tmp_path / "latency.hlog"
    hist = histogram(array([1_000_000, 2_000_000]))
    write_hlog(path, {ONE: hist}, START_S, START_S + 2.5)
    reader = HistogramLogReader(str(path), HdrHistogram(LOWEST_NS, HIGHEST_NS, SIGNIFICANT_DIGITS))
    read = reader.get_next_interval_histogram()
    reader.close()
    assert (read.get_tag(), read.encode()) == (ONE, hist.encode())
    assert read.get_start_time_stamp() == START_S * 1000
    assert read.get_end_time_stamp() == START_S * 1000 + 2500


def test_lines_of_one_tag_are_merged(tmp_path):
    path = tmp_path / "latency.hlog"
    write_hlog(path, {ONE: histogram(array([1000, 2000]))}, START_S, START_S + 1)
    text = path.read_text()
    write_hlog(path, {ONE: histogram(array([3000]))}, START_S, START_S + 1)
    path.write_text(text + path.read_text())
    assert read_hlog(path)[ONE].encode() == histogram(array([1000, 2000, 3000])).encode()


def broken_lines():
    payload = histogram(array([1000])).encode().decode()
    foreign = HdrHistogram(1, 1000, 3).encode().decode()
    prefix = f"Tag={ONE},0.000,1.000,1.000,"
    return {
        "garbage": "what is this",
        "cut off": prefix + payload[:20],
        "flipped": prefix + payload[:-8] + "AAAA" + payload[-4:],
        "no payload": prefix,
        "no base64": prefix + "%%%",
        "not compressed": prefix + "SGVsbG8gd29ybGQh",
        "no tag": f"0.000,1.000,1.000,{payload}",
        "other bounds": prefix + foreign,
    }


@pytest.mark.parametrize("line", broken_lines().values(), ids=broken_lines().keys())
def test_a_broken_line_is_named(tmp_path, line):
    path = tmp_path / "latency.hlog"
    write_hlog(path, {TWO: histogram(array([1000]))}, START_S, START_S + 1)
    path.write_text(f"{path.read_text()}{line}\n")
    with pytest.raises(ValueError, match=r"latency\.hlog:6: "):
        list(read_buckets(path))
