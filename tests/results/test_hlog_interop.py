"""Our histogram logs, read by an implementation that shares no line with ours: the npm package hdr-histogram-js.

CI installs it; elsewhere: npm install --no-save --no-package-lock --prefix tests/node
"""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from reference_log import read_hlog
from short_run import GUARDS, make_short_run

from leasebench.results.export.hgrm import percentile_distribution
from leasebench.results.latency.histograms import (
    HIGHEST_NS,
    PERCENTILES,
    buckets,
    figures,
    histogram,
    merge,
    tag,
    write_hlog,
)

READER = Path(__file__).parents[1] / "node"
START_S, LASTED_S = 1_760_942_880.25, 2.5
HOUR_NS = HIGHEST_NS

if shutil.which("node") is None:
    pytest.skip("needs node", allow_module_level=True)
if not (READER / "node_modules" / "hdr-histogram-js").is_dir():
    pytest.skip(f"needs hdr-histogram-js: npm install --prefix {READER}", allow_module_level=True)

values_ns = st.lists(
    st.sampled_from([1, 2, 2047, 2048, 4096, HOUR_NS - 1, HOUR_NS]) | st.integers(1, 50_000) | st.integers(1, HOUR_NS),
    min_size=1,
    max_size=80,
)
"""A few values, often of the edges; each may be repeated, so that counts are many."""
repeats = st.integers(1, 2_000)


@pytest.fixture(scope="module")
def other():
    """Ask the other implementation what it finds in a log."""
    with subprocess.Popen(
        ["node", READER / "read.js"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:

        def read(path):
            reader.stdin.write(f"{path}\n")
            reader.stdin.flush()
            return json.loads(reader.stdout.readline())

        yield read
        reader.stdin.close()


def in_figures(found):
    """What the other implementation found, in the words of `figures`."""
    named = dict(zip(PERCENTILES, (value / 1000 for value in found["values_ns"]), strict=True))
    return {**{name: round(value, 3) for name, value in named.items()}, "max": round(found["max_ns"] / 1000, 3),
            "n": found["n"]}  # fmt: skip


def lines(text, unit_ns):
    """The lines of a percentile distribution: nanoseconds and counts, and the shares with their inverses."""
    words = [line.split() for line in text.splitlines()[2:] if line and not line.startswith("#")]
    whole = [(round(float(value) * unit_ns), int(count)) for value, _, count, *_ in words]
    return whole, [float(word) for _, share, _, *inverse in words for word in (share, *inverse)]


def agree(found, histograms):
    assert found.keys() == histograms.keys()
    for name, one in histograms.items():
        assert in_figures(found[name]) == figures(one), name
        whole, shares = lines(percentile_distribution(buckets(one)), 1e6)
        other_whole, other_shares = lines(found[name]["distribution"], 1)
        assert whole == other_whole, name
        # JavaScript rounds the halves of the last digit up, Python to even.
        assert shares == pytest.approx(other_shares, rel=0, abs=1.5e-12), name


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values_ns, repeats, values_ns)
@example([1], 1, [HOUR_NS])
@example([1, HOUR_NS], 1, [7] * 7)
@example([1_000_000], 2_000, list(range(1, 1_500)))
def test_it_finds_the_same_percentiles_in_any_histogram(other, tmp_path, few, times, others):
    written = {
        tag("one", "steady", "commit", "service"): histogram(np.repeat(np.array(few, np.int64), times)),
        tag("one", "steady", "plan", "response"): histogram(np.array(others, np.int64)),
    }
    path = tmp_path / "latency.hlog"
    write_hlog(path, written, START_S, START_S + LASTED_S)
    agree(other(path), written)


def test_it_dates_an_interval_as_it_was_written(other, tmp_path):
    path, name = tmp_path / "latency.hlog", tag("one", "steady", "commit", "service")
    write_hlog(path, {name: histogram(np.array([5]))}, START_S, START_S + LASTED_S)
    found = other(path)[name]
    assert (found["start_ms"], found["end_ms"]) == (START_S * 1000, (START_S + LASTED_S) * 1000)


def test_it_adds_up_the_intervals_of_one_tag_as_we_do(other, tmp_path):
    path, name = tmp_path / "latency.hlog", tag("one", "steady", "commit", "service")
    parts = [histogram(np.array(values)) for values in ([5, 900], [70_000], [5, 3_000_000_000])]
    text = ""
    for part in parts:
        write_hlog(path, {name: part}, START_S, START_S + LASTED_S)
        text += path.read_text()
    path.write_text(text)
    agree(other(path), {name: merge(parts)})


def test_it_reads_every_log_of_a_real_run(other, tmp_path):
    found = {}
    for path in make_short_run(tmp_path / "run").glob("trials/*/latency.hlog"):
        held = read_hlog(path)
        agree(other(path), held)
        found |= held
    assert {tag(guard, "steady", phase, "service") for guard in GUARDS for phase in ("commit", "plan")} <= found.keys()
