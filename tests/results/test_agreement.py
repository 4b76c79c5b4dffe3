"""`check --deep`: a latency that was changed in one place is told, whichever place that is."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from short_run import make_short_run

from leasebench.bench.closing import close_run, close_trial, reopen_run
from leasebench.results.evidence import trial as read_back
from leasebench.results.evidence.disturbance import Disturbance
from leasebench.results.evidence.trial import read_trials
from leasebench.results.latency.agreement import Agreement, figures_of, row_times, samples_of
from leasebench.results.latency.histograms import buckets, figures, histogram, tag, untag, write_hlog
from leasebench.results.latency.phases import phase_samples
from leasebench.results.record.journal import RowKind, RowOutcome
from leasebench.results.record.trial import read_facts
from leasebench.results.summary.agreeing import agreement
from leasebench.results.summary.derivation import summarise

ROWS_TRIED = 60


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return make_short_run(tmp_path_factory.mktemp("recorded") / "r")


@pytest.fixture
def run(recorded, tmp_path):
    """A copy that a test may spoil."""
    return shutil.copytree(recorded, tmp_path / "r", ignore=shutil.ignore_patterns("SHA256SUMS"))


def folder_of(run):
    return min(run.glob("trials/*"))


def check(run, *words):
    command = [sys.executable, "-m", "leasebench", "check", str(run), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def rewrite_log(folder, change):
    """Write the log anew from the journals, with `change` done to the samples of each phase and side."""
    facts = read_facts(folder)
    (trial,) = read_trials(folder)
    samples = {key: change(key, values) for key, values in phase_samples(trial).items()}
    held = {tag(facts.guard, facts.scenario, *key): histogram(values) for key, values in samples.items()}
    write_hlog(folder / "latency.hlog", held, facts.began, facts.began + 1)


def move(folder, column, by_ns, kind=RowKind.COMMIT, place=0):
    """Move one instant of one row of a journal."""
    path = folder / "journal.parquet"
    table = pq.read_table(path)
    rows = np.flatnonzero((table["kind"].to_numpy() == kind) & (table["outcome"].to_numpy() == RowOutcome.DONE))
    values = table[column].to_numpy().copy()
    values[rows[place]] += by_ns
    at = table.column_names.index(column)
    pq.write_table(table.set_column(at, column, pa.array(values)), path)


def test_a_run_that_nobody_touched_agrees_with_itself(recorded):
    found = agreement(recorded)
    assert found.wrong == []
    assert found.samples > 100
    assert found.rows > 100


def test_a_percentile_that_was_edited_is_told_though_all_checksums_hold(run):
    path = run / "summary.json"
    summary = json.loads(path.read_text())
    summary["cells"][0]["latency_us"]["commit"]["service"]["p99"] = 1.5
    path.write_text(json.dumps(summary))
    for folder in run.glob("trials/*"):
        close_trial(folder)
    reopen_run(run)
    close_run(run)
    checked = check(run, "--deep")
    assert checked.returncode == 2
    assert "files are as they were recorded" in " ".join(checked.stdout.split())
    assert "commit service p99 is 1.5" in checked.stderr


def test_a_log_that_lost_records_is_told_and_only_by_the_deep_check(run):
    rewrite_log(folder_of(run), lambda key, values: values[:-3] if key == ("commit", "service") else values)
    assert check(run).returncode == 0
    checked = check(run, "--deep")
    assert checked.returncode == 2
    assert "commit service times" in checked.stderr
    assert "in the log" in checked.stderr


def test_a_log_in_which_one_latency_was_made_shorter_is_told(run):
    rewrite_log(folder_of(run), lambda _, values: np.sort(values) // (1 + (np.arange(len(values)) == len(values) - 1)))
    assert any("are not those of the journals" in line for line in agreement(run).wrong)


def test_a_log_that_is_missing_or_of_another_guard_is_told(run):
    log = folder_of(run) / "latency.hlog"
    text = log.read_text()
    name = next(line.split(",")[0].removeprefix("Tag=") for line in text.splitlines() if line.startswith("Tag="))
    log.write_text(text.replace(f"Tag={untag(name).guard}.", "Tag=another_guard."))
    assert any("another guard" in line for line in agreement(run).wrong)
    log.unlink()
    assert any("is missing" in line for line in agreement(run).wrong)


@pytest.mark.parametrize("column", ["start_ns", "end_ns", "service_ns"])
def test_a_journal_row_whose_time_was_moved_is_told(run, column):
    move(folder_of(run), column, -20_000)
    assert any("lasted another time" in line for line in agreement(run).wrong)


def test_a_row_that_was_moved_whole_or_lengthened_in_all_columns_is_told(run):
    for column in ("end_ns", "service_ns"):
        move(folder_of(run), column, 500_000_000)
    told = agreement(run).wrong
    assert any("began before the one of its process ended" in line for line in told)
    assert any("in the log" in line or "are not those of the journals" in line for line in told)


def test_what_no_fault_did_is_told(run):
    (folder_of(run) / "faults.json").write_text(
        json.dumps([{"fault": "pause", "hit": True, "start_ns": 7, "end_ns": 9}])
    )
    assert any("what faults did" in line for line in agreement(run).wrong)


def test_any_row_may_be_moved_and_is_told(recorded):
    (stored,) = read_trials(folder_of(recorded))
    trial = replace(stored, journal=stored.journal.copy())
    rng = np.random.default_rng(1)
    rows = np.flatnonzero(trial.journal["end_ns"].to_numpy() != 0)
    for at in rng.choice(rows, ROWS_TRIED).tolist():
        kept = trial.journal.loc[at, "end_ns"]
        # Of one that waited, the service time is a part only: it is cut below that.
        trial.journal.loc[at, "end_ns"] = trial.journal.loc[at, "start_ns"] + trial.journal.loc[at, "service_ns"] - 1
        found = Agreement()
        row_times([trial], folder_of(recorded), found)
        trial.journal.loc[at, "end_ns"] = kept
        assert len(found.wrong) == 1


@pytest.mark.parametrize("disturbed", [(), (1,), (1, 9), (2, 9)])
def test_the_latencies_of_disturbed_trials_count_only_where_there_are_no_others(run, monkeypatch, disturbed):
    first, again = folder_of(run), run / "trials" / "0009-again"
    shutil.copytree(first, again)
    facts = json.loads((again / "trial.json").read_text()) | {"number": 9}
    (again / "trial.json").write_text(json.dumps(facts))
    for column in ("end_ns", "service_ns"):
        move(again, column, 1_000)
    rewrite_log(again, lambda _, values: values)
    noise = (Disturbance("noise", "noise"),)
    monkeypatch.setattr(read_back, "disturbances", lambda facts, *_: noise if facts.number in disturbed else ())
    (run / "summary.json").write_text(json.dumps(summarise(run).as_json()))
    assert agreement(run).wrong == []


def test_figures_of_buckets_are_those_of_the_histogram(recorded):
    trials = read_trials(folder_of(recorded))
    for key, held in samples_of(trials).items():
        assert figures_of(held) == figures(histogram(phase_samples(trials[0])[key]))
    rng = np.random.default_rng(2)
    for size in (1, 2, 3, 100, 1000):
        one = histogram(rng.lognormal(10, 2, size).astype(np.int64))
        assert figures_of(buckets(one)) == figures(one)
