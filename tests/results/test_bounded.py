"""A damaged run directory is refused or read in memory that follows from its rows, never from a number in it."""

import resource
import shutil
import subprocess
import sys
import tracemalloc

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from short_run import make_short_run
from synthetic import event, histories, line_of, row, trial_of

from leasebench.results.checks.tally import tally
from leasebench.results.evidence import columns, history, journal_table, parquet
from leasebench.results.evidence.events import ByVersion
from leasebench.results.evidence.history import HISTORY_SCHEMA, HistoryWriter, read_events
from leasebench.results.evidence.journal import COUNT_AT, HEADER_BYTES, MAGIC, Journal
from leasebench.results.evidence.journal_table import read_journal, read_raw_journal, write_journal
from leasebench.results.evidence.parquet import MOST_ROWS, MOST_VERSION
from leasebench.results.evidence.trial import read_trials
from leasebench.results.latency.phases import phase_samples
from leasebench.results.record.clock import ONE_HOST
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.record.journal import RowKind
from leasebench.results.record.process import Process
from leasebench.results.run import load
from leasebench.results.statistics.intervals import MOST_TABLES, fisher_p
from leasebench.results.store_rules.assumptions import broken_assumptions
from leasebench.results.summary.agreeing import agreement
from leasebench.results.summary.derivation import summarise
from leasebench.results.summary.story import story
from leasebench.results.witness.testimony import witnessed

MB = 1 << 20
MOST_MB = 48
"""Histograms take 40,000 counters a phase, whatever is in them."""
ADDRESS_SPACE = 3 << 30
HUGE = (1 << 24, 1 << 27, MOST_VERSION, 3_000_000_000, 1 << 40, (1 << 62) + 1)
EVENT_NUMBERS = ("version", "previous", "attempt", "fence", "active_endpoints", "expires_us")
ROW_NUMBERS = ("version", "seen", "attempt", "grant", "fence", "due_ns", "start_ns", "end_ns", "service_ns")


def peak_mb(act):
    """The most memory that `act` had at once; its arrays are counted, too."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1] / MB
    finally:
        tracemalloc.stop()


@given(histories(), st.data())
@settings(max_examples=60, deadline=None)
def test_no_number_of_an_event_or_a_journal_row_takes_memory(dicts, data):
    rows = [row("planner", RowKind.PUBLISH, version=one["version"]) for one in dicts if one["kind"] == "publish"]
    rows += [row("enactor-0", kind, version=1, seen=1) for kind in (RowKind.DISCOVER, RowKind.COMMIT, RowKind.WITHDRAW)]
    for target, names in ((dicts, EVENT_NUMBERS), (rows, ROW_NUMBERS)):
        for _ in range(data.draw(st.integers(0, 3)) if target else 0):
            data.draw(st.sampled_from(target))[data.draw(st.sampled_from(names))] = data.draw(st.sampled_from(HUGE))

    def derive():
        trial = trial_of(dicts, rows)
        tally(trial), broken_assumptions(trial), phase_samples(trial), story(trial), witnessed(trial)

    assert peak_mb(derive) < MOST_MB


@given(st.dictionaries(st.integers(-1, 1 << 62), st.integers(0, 99)), st.lists(st.integers(-1, 1 << 62)))
def test_a_value_by_version_is_what_a_dictionary_says(known, asked):
    versions, values = list(known), list(known.values())
    found = ByVersion(np.array([*versions, *versions], np.int64), np.array([*versions, *values], np.int64), -7)
    every = [*asked, *versions]
    assert found[np.array(every, np.int64)].tolist() == [known.get(one, -7) for one in every]
    assert len(found) == len(known)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_short_run(tmp_path_factory.mktemp("made") / "run")


@pytest.fixture
def run(made, tmp_path):
    """A copy of one run, to be damaged; nothing covers it, so that what is seen is what readers see by themselves."""
    return shutil.copytree(made, tmp_path / "run", ignore=shutil.ignore_patterns("SHA256SUMS"))


def damage(path, column, value):
    """Write one number into one column: of the last commit."""
    table = pq.read_table(path)
    values, kinds = table[column].to_pylist(), table["kind"].to_pylist()
    commit = "commit" if path.stem == "history" else int(RowKind.COMMIT)
    values[max(at for at, kind in enumerate(kinds) if kind == commit)] = value
    table = table.set_column(table.column_names.index(column), table.field(column), pa.array(values, pa.int64()))
    pq.write_table(table, path)


CHECK = "import sys; from leasebench.bench.cli import main; sys.argv = ['leasebench', 'check', sys.argv[1]]; main()"


def check(run):
    """`leasebench check` that may take 3 GB, libraries and threads included."""
    return subprocess.run(
        [sys.executable, "-c", CHECK, str(run)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE)),
        env={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(("name", "column"), [("history", "version"), ("history", "previous"), ("journal", "version")])
def test_a_version_that_no_plan_can_have_is_one_line_that_names_the_file(run, name, column):
    path = min(run.glob(f"trials/*/{name}.parquet"))
    damage(path, column, 3_000_000_000)
    ended = check(run)
    assert ended.returncode == 2, ended.stderr
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"leasebench: {path}: no {name}: 3,000,000,000 ")


def test_the_largest_version_that_is_allowed_is_read_in_little_memory(run):
    damage(min(run.glob("trials/*/history.parquet")), "version", MOST_VERSION)
    ended = check(run)
    assert ended.returncode == 5, "a plan was committed that nobody published"
    assert [len(ended.stderr.splitlines()), "summary.json" in ended.stderr] == [3, True]


def test_a_trial_that_is_larger_than_the_room_for_it_has_the_same_figures(made, monkeypatch):
    whole = summarise(made).as_json(), agreement(made)
    frame = read_journal(min(made.glob("trials/*/journal.parquet")))
    monkeypatch.setattr(columns, "ROOM_BYTES", 0)
    monkeypatch.setattr(columns, "BATCH_ROWS", 500)
    assert (summarise(made).as_json(), agreement(made)) == whole
    (trial, *_) = read_trials(min((made / "trials").iterdir()))
    assert len(trial.journal) == len(frame) > columns.BATCH_ROWS
    pd.testing.assert_frame_equal(trial.journal.frame, frame)
    commits = (frame["kind"] == RowKind.COMMIT).to_numpy()
    pd.testing.assert_frame_equal(trial.journal[commits], frame[commits])
    pd.testing.assert_frame_equal(trial.journal.iloc[-3:], frame.iloc[-3:])
    pd.testing.assert_series_equal(trial.journal.iloc[7], frame.iloc[7])
    assert trial.journal.groupby("process", observed=True).size().sum() == len(frame)


def test_a_small_file_of_very_many_rows_is_refused_before_a_row_is_read(run):
    path = min(run.glob("trials/*/history.parquet"))
    part = pq.read_table(path).slice(0, 1).take(pa.array(np.zeros(1 << 20, np.int64)))
    with pq.ParquetWriter(path, HISTORY_SCHEMA, compression="zstd") as writer:
        for _ in range(MOST_ROWS // len(part) + 1):
            writer.write_table(part)
    rows = pq.read_metadata(path).num_rows
    assert path.stat().st_size < 4 * MB
    ended = check(run)
    assert ended.returncode == 2, ended.stderr
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"leasebench: {path}: {rows:,} rows, ")
    assert f" {MOST_ROWS:,} " in line
    told = load(run)
    assert set(told.history["trial"]) == {2}, "the other trial's is there"
    assert any(f"{path}: {rows:,} rows" in problem for problem in told.problems)


def test_a_file_that_unpacks_to_very_much_is_refused(run, monkeypatch):
    monkeypatch.setattr(parquet, "MOST_BYTES", 1_000)
    for name in ("history", "journal"):
        path = min(run.glob(f"trials/*/{name}.parquet"))
        with pytest.raises(BadRunDirectory, match=f"{name}.parquet: [0-9,]+ bytes, .* 1,000 "):
            read_events(path, (), ()) if name == "history" else read_journal(path)


def test_a_journal_whose_columns_are_of_another_type_is_refused(run):
    path = min(run.glob("trials/*/journal.parquet"))
    table = pq.read_table(path)
    at = table.column_names.index("process")
    pq.write_table(table.set_column(at, "process", table["process"].cast(pa.string())), path)
    with pytest.raises(BadRunDirectory, match=r"no journal: the column process .* string"):
        read_journal(path)


def test_nothing_is_written_that_would_be_refused(tmp_path, monkeypatch):
    for module in (history, journal_table):
        monkeypatch.setattr(module, "MOST_ROWS", 2)
    line = line_of(event("publish", 1_000_002, version=1, previous=0, attempt=1))
    with HistoryWriter(tmp_path / "h.parquet") as writer:
        writer.append([line] * 2, "c0", "n0")
        with pytest.raises(BadRunDirectory, match="more than 2 events"):
            writer.append([line], "c0", "n0")
    paths = [tmp_path / f"c0.enactor-{number}.journal" for number in range(3)]
    for path in paths:
        journal = Journal(path, Process.parse(path.stem), ONE_HOST)
        journal.begin(RowKind.COMMIT, 1, 1, 1, 1, 1, 0)
        journal.close()
    with pytest.raises(BadRunDirectory, match="more than 2 operations"):
        write_journal(tmp_path / "journal.parquet", paths)


@pytest.mark.parametrize("count", [1 << 40, -1])
def test_a_journal_that_claims_more_records_than_it_holds_is_read_up_to_its_end(tmp_path, count):
    path = tmp_path / "c0.enactor-0.journal"
    header = bytearray(HEADER_BYTES)
    header[: len(MAGIC)] = MAGIC
    header[COUNT_AT : COUNT_AT + 8] = count.to_bytes(8, "little", signed=True)
    path.write_bytes(bytes(header) + bytes(3 * journal_table.JOURNAL_DTYPE.itemsize + 5))
    found = []
    assert peak_mb(lambda: found.append(read_raw_journal(path))) < 1
    assert len(found[0]) == (3 if count > 0 else 0)


def test_the_test_of_two_counts_takes_no_memory_by_their_size():
    large = 3_000_000_000
    assert peak_mb(lambda: fisher_p(large // 2, large, large // 2 + 40_000, large)) < 1
    assert 0.2 < fisher_p(large // 2, large, large // 2 + 40_000, large) < 0.4
    seen, of = MOST_TABLES, 2 * MOST_TABLES
    exact, approximate = fisher_p(seen - 1_000, of - 2, seen, of), fisher_p(seen + 1, of + 2, seen + 1_000, of + 2)
    assert exact == pytest.approx(approximate, rel=0.01), "where the one method ends and the other begins"
