import base64
import re
import zlib
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leasebench.results.latency.histograms import HIGHEST_NS, buckets, histogram, tag, write_hlog
from leasebench.results.latency.hlog import COUNTERS, HEADER, OUTER, decode, read_buckets

ONE, TWO = tag("fenced", "steady", "commit", "service"), tag("fenced", "steady", "commit", "response")
latencies = st.lists(st.integers(1, 10_000) | st.integers(1, HIGHEST_NS), max_size=80)


def sample(values):
    return histogram(np.array(values, np.int64))


def text(values):
    return sample(values).encode().decode()


def repacked(values, change):
    """The encoding of `values` with its inner bytes changed, and a right outer length."""
    packed = base64.b64decode(text(values))
    inner = zlib.compress(change(zlib.decompress(packed[OUTER.size :])))
    return base64.b64encode(packed[:4] + len(inner).to_bytes(4, "big") + inner).decode()


@settings(max_examples=60, deadline=None)
@given(latencies.filter(bool))
def test_buckets_are_those_of_the_librarys_decoder(values):
    hist = sample(values)
    for ours, theirs in zip(decode(text(values)), buckets(hist), strict=True):
        assert ours.tolist() == theirs.tolist()


def test_the_array_is_as_long_as_the_librarys():
    assert sample([1]).counts_len == COUNTERS


def test_large_counts_are_read_whole():
    hist = sample([5] * 3)
    hist.counts[5] = hist.total_count = 2**40
    assert decode(hist.encode().decode()).counts.tolist() == [2**40]


def test_a_log_is_read_interval_by_interval(tmp_path):
    path = tmp_path / "latency.hlog"
    write_hlog(path, {ONE: sample([5, 7]), TWO: sample([9])}, 1.0, 2.0)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[-1], ""]))
    found = list(read_buckets(path))
    assert [key.side for key, _ in found] == ["service", "response", "response"]
    assert found[0][1].low_ns.tolist() == [5, 7]


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "AAAA",
        text([5, 7])[:-8],
        text([5, 7])[:24] + "AAAA" + text([5, 7])[28:],
        repacked([5, 7], lambda plain: plain[:-1]),
        repacked([5, 7], lambda plain: b"\0" * 4 + plain[4:]),
        repacked([5, 7], lambda plain: plain[:12] + b"\0\0\0\2" + plain[16:]),
        repacked([5], lambda plain: plain[:4] + b"\0\0\0\3" + plain[8 : HEADER.size] + b"\xff\xff\x7f"),
        repacked([5], lambda plain: plain[:4] + b"\0\0\0\1" + plain[8 : HEADER.size] + b"\xff"),
    ],
)
def test_what_is_damaged_is_refused_with_file_and_line(tmp_path, payload):
    path = tmp_path / "latency.hlog"
    path.write_text(f"#comment\nTag={ONE},0.000,1.000,2.000,{payload}\n")
    with pytest.raises(ValueError, match=re.escape(f"{path}:2: ")):
        list(read_buckets(path))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 60), st.integers(0, 255))
def test_a_changed_byte_is_refused_or_read_but_never_anything_else(at, byte):
    packed = bytearray(base64.b64decode(text([5, 700, 70_000])))
    packed[at % len(packed)] = byte
    with suppress(ValueError, zlib.error):
        decode(base64.b64encode(bytes(packed)).decode())
