"""The harness's own parts: journal, checks, histograms, and a run directory read back."""

import itertools
import tracemalloc
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from leasebench import load
from leasebench.enactors.store.events import KINDS
from leasebench.registry import plugins
from leasebench.results.evidence.events import Events
from leasebench.results.evidence.journal import RECORD_BYTES, Journal
from leasebench.results.evidence.trial import Trial
from leasebench.results.latency.histograms import PHASES, figures, histogram, merge, tag, write_hlog
from leasebench.results.latency.hlog import read_buckets
from leasebench.results.record.clock import ONE_HOST
from leasebench.results.record.journal import RowKind, RowOutcome
from leasebench.results.record.process import Process
from leasebench.results.record.trial import LeaseTerms, TrialFacts
from leasebench.results.summary.derivation import summarise

EVENTS = 5_000_000
ENDPOINTS = tuple(f"e{n:03d}" for n in range(64))
ENACTORS = tuple(f"enactor-{n}" for n in range(4))


def synthetic_trial(events: int, *, leases: bool) -> Trial:
    """A long history of commits, two in a hundred of them stale, under publications; and a short journal.

    With `leases` two of three events are a grant and its release.
    """
    rng = np.random.default_rng(1)
    publish = np.arange(events) % 257 == 0
    published = np.cumsum(publish)
    lag = np.where(rng.random(events) < 0.02, 3, 0)
    version = np.where(publish, published, np.maximum(published - lag, 1)).astype(np.int64)
    endpoint = np.where(publish, -1, np.arange(events) % len(ENDPOINTS)).astype(np.int16)
    previous = np.zeros(events, dtype=np.int64)
    for number in range(len(ENDPOINTS)):
        own = np.flatnonzero(endpoint == number)
        previous[own] = np.concatenate(([0], version[own][:-1]))
    none = np.full(events, -1, dtype=np.int64)
    code = np.full(events, -1, dtype=np.int16)
    history = Events(
        t_us=np.arange(events, dtype=np.int64) * 20,
        kind=np.where(publish, KINDS.index("publish"), KINDS.index("commit")).astype(np.int16),
        endpoint=endpoint, version=version, previous=previous,
        enactor=(np.arange(events) % len(ENACTORS)).astype(np.int16),
        attempt=np.arange(events, dtype=np.int64), lease=code, token=none.astype(np.int32), fence=none,
        expires_us=none, reason=code, active_endpoints=none,
        endpoints=ENDPOINTS, enactors=ENACTORS, reasons=(),
    )  # fmt: skip
    if leases:
        grant, release = np.arange(events) % 3 == 1, np.arange(events) % 3 == 2
        history = replace(
            history,
            kind=np.select([grant, release], [KINDS.index("grant"), KINDS.index("release")], history.kind).astype(
                np.int16
            ),
            lease=(np.arange(events) // 3 % len(ENDPOINTS)).astype(np.int16),
            token=(np.arange(events) // 3).astype(np.int32),
            expires_us=np.arange(events, dtype=np.int64) * 20 + 100_000,
        )
    columns = ("start_ns", "due_ns", "attempt", "version", "grant", "kind", "endpoint", "end_ns", "service_ns",
               "seen", "fence", "outcome", "reason")  # fmt: skip
    journal = pd.DataFrame({name: np.ones(4, dtype=np.int64) for name in columns})
    journal["process"] = pd.Categorical(["enactor-0"] * 4)
    journal["kind"] = int(RowKind.WORK)
    facts = TrialFacts(
        number=1, guard="a", scenario="b", status="ok", history=True, cells=("c0",), endpoints=ENDPOINTS,
        enactors=ENACTORS, min_races=1, settle_s=1.0, expected=(),
        lease=LeaseTerms(ttl_ms=100, audited=True) if leases else None,
    )  # fmt: skip
    return Trial(facts, "c0", history, journal)


@pytest.mark.benchmark(group="checks")
@pytest.mark.parametrize("leases", [False, True], ids=["commits", "leases"])
def test_all_checks_over_five_million_events(benchmark, leases):
    trial = synthetic_trial(EVENTS, leases=leases)
    held = sum(value.nbytes for value in vars(trial.events).values() if isinstance(value, np.ndarray))

    def check():
        fresh = Trial(trial.facts, trial.cell, Events(**vars(trial.events) | {}), trial.journal)
        return [plugin.run(fresh) for plugin in plugins("results.checks").values()]

    tracemalloc.start()
    check()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    benchmark.extra_info["bytes_per_event"] = round((held + peak) / EVENTS, 1)
    findings = benchmark.pedantic(check, rounds=3)
    if benchmark.stats:
        benchmark.extra_info["million_events_per_s"] = round(EVENTS / benchmark.stats.stats.median / 1e6, 1)
    assert sum(found.counts.get("commits", 0) for found in findings) > 0
    assert (held + peak) / EVENTS < 200


@pytest.mark.benchmark(group="journal")
def test_one_record_of_the_journal(benchmark, tmp_path):
    attempts = itertools.count(1)
    journal = Journal(tmp_path / "j.journal", Process("enactor", 0, "c0"), ONE_HOST)

    def record():
        journal.begin(RowKind.COMMIT, 1, 0, next(attempts), 7, 0, 3)
        journal.end(2, 1, 6, 0, RowOutcome.DONE, 0)

    benchmark.pedantic(record, rounds=20, iterations=5_000)
    journal.close()
    assert (tmp_path / "j.journal").stat().st_size % RECORD_BYTES == 4096 % RECORD_BYTES


@pytest.mark.benchmark(group="histograms")
def test_filling_and_merging_histograms(benchmark):
    values = np.random.default_rng(1).lognormal(11, 0.5, 100_000).astype(np.int64)
    merged = benchmark(lambda: merge([histogram(values), histogram(values)]))
    assert merged.get_total_count() == 200_000


def logged():
    """What a busy trial's log holds: a histogram of every phase."""
    rng = np.random.default_rng(1)
    values = rng.lognormal(11, 0.5, (len(PHASES), 100_000)).astype(np.int64)
    return {tag("a", "b", phase, "service"): histogram(own) for phase, own in zip(PHASES, values, strict=True)}


@pytest.mark.benchmark(group="histograms")
def test_the_figures_of_a_histogram(benchmark):
    merged = merge(logged().values())
    assert benchmark(figures, merged)["n"] == len(PHASES) * 100_000


@pytest.mark.benchmark(group="histogram logs")
def test_writing_a_histogram_log(benchmark, tmp_path):
    path, held = tmp_path / "latency.hlog", logged()
    benchmark(write_hlog, path, held, 1.7e9, 1.7e9 + 5)
    assert [".".join(tag) for tag, _ in read_buckets(path)] == list(held)


@pytest.mark.benchmark(group="histogram logs")
def test_reading_a_histogram_log(benchmark, tmp_path):
    path, held = tmp_path / "latency.hlog", logged()
    write_hlog(path, held, 1.7e9, 1.7e9 + 5)
    read = benchmark(lambda: dict(read_buckets(path)))
    assert [one.counts.sum() for one in read.values()] == [one.total_count for one in held.values()]


@pytest.fixture
def run(benchmark, large_run, tmp_path):
    """A run directory of two trials; of two million events where it is timed."""
    path = tmp_path / "run"
    large_run(path, ("loose", "tight"), 1_000_000 if benchmark.enabled else 5_000)
    return path


@pytest.mark.benchmark(group="run directory")
def test_deriving_the_summary_of_a_run(benchmark, run):
    summary = benchmark.pedantic(summarise, (run,), rounds=3)
    loose, tight = summary.cells
    assert (loose.verdict, tight.count("stale_overwrites")) == ("stale", 0)
    assert loose.count("commits") == tight.count("commits") > 0
    if benchmark.stats:
        events = sum(cell.count("attempts") for cell in summary.cells)
        benchmark.extra_info["million_commits_per_s"] = round(events / benchmark.stats.stats.median / 1e6, 2)


@pytest.mark.benchmark(group="run directory")
def test_loading_a_run_with_its_summary_and_latencies(benchmark, run):
    def read():
        loaded = load(run)
        return loaded.summary, [loaded.latencies(number) for number in loaded.folders]

    summary, latencies = benchmark.pedantic(read, rounds=20)
    assert len(summary.trials) == 2
    assert all(held["commit", "service"].counts.sum() for held in latencies)
