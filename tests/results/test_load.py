"""A run directory in memory: what its frames hold, and what is left of it where it is damaged."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from reference_log import read_hlog
from short_run import GUARDS, make_short_run
from tape import Tape, write_run

from leasebench import load
from leasebench.results.evidence.history import read_events
from leasebench.results.evidence.journal_table import read_journal
from leasebench.results.explain import explain
from leasebench.results.reading.violations import matching
from leasebench.results.record.file import BadRunDirectory


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return make_short_run(tmp_path_factory.mktemp("short") / "run")


@pytest.fixture
def place(original, tmp_path):
    """A copy of the run, to be spoilt."""
    return shutil.copytree(original, tmp_path / "run", ignore=shutil.ignore_patterns("SHA256SUMS"))


@pytest.fixture
def stale(tmp_path):
    """A trial with a stale overwrite."""
    tape = Tape()
    for version in (1, 2):
        tape.publish(version, version)
    tape.commit(10, 1, 2)
    tape.commit(20, 0, 1)
    return write_run(tmp_path / "stale", tape)


class TestFrames:
    @pytest.fixture(scope="class")
    @classmethod
    def run(cls, original):
        return load(original)

    def test_cells_are_the_rows_of_the_summary_laid_flat(self, run):
        assert list(run.cells["guard"]) == list(GUARDS)
        for (_, row), cell in zip(run.cells.iterrows(), run.summary.cells, strict=True):
            assert row["commits"] == cell.count("commits")
            assert row["freshness_ms_p50"] == cell.spread("freshness_ms").p50
            assert row["commit_service_p99_us"] == cell.latency("commit").p99
            assert row["commit_service_n"] == cell.latency("commit").n
        nested = [name for name in run.cells if run.cells[name].map(lambda value: isinstance(value, dict)).any()]
        assert nested == ["faults", "races_by_application", "commits_by_application"]

    def test_trials_have_a_row_each(self, run):
        assert list(run.trials["number"]) == [1, 2]
        assert set(run.trials["guard"]) == set(GUARDS)
        assert int(run.trials["commits"].sum()) == int(run.cells["commits"].sum())

    def test_history_and_journal_hold_every_row_of_every_trial(self, run):
        for number, folder in run.folders.items():
            facts = run.facts(number)
            events = read_events(folder / "history.parquet", facts.endpoints, facts.enactors)
            assert (run.history["trial"] == number).sum() == len(events)
            assert (run.journal["trial"] == number).sum() == len(read_journal(folder / "journal.parquet"))
        commits = run.history[run.history["kind"] == "commit"].groupby("trial").size()
        assert commits.to_dict() == run.trials.set_index("number")["commits"].to_dict()

    def test_latency_counts_what_the_logs_count(self, run):
        for number, folder in run.folders.items():
            own = run.latency[run.latency["trial"] == number]
            for name, hist in read_hlog(folder / "latency.hlog").items():
                _, _, phase, side = name.split(".")
                part = own[(own["phase"] == phase) & (own["side"] == side)]
                assert part["count"].sum() == hist.total_count
                assert (part["low_us"] <= part["high_us"]).all()

    def test_nothing_was_wrong(self, run):
        assert run.problems == []

    def test_a_cell_is_found_by_its_place(self, run):
        assert run.cell("monotonic", "steady").guard == "monotonic"
        assert run.cell("monotonic", "incident") is None
        assert [row.guard for row in run.trials_of("monotonic", "steady")] == ["monotonic"]

    def test_a_chart_comes_as_an_altair_object(self, run):
        drawn = run.chart("latency_histogram", scenario="steady", phase="commit")
        assert drawn.to_dict()["config"]["background"] == "#ffffff"
        assert run.chart("latency_histogram", scenario="steady", phase="nothing") is None
        with pytest.raises(KeyError):
            run.chart("no_such_chart")


class TestDamage:
    def test_a_directory_that_is_none_is_named(self, tmp_path):
        empty = tmp_path / "empty"
        empty.mkdir()
        for path in (empty, tmp_path / "missing"):
            with pytest.raises(BadRunDirectory, match=f"{path}: not a run directory"):
                load(path)

    @pytest.mark.parametrize("text", ["not toml [", "name = 1\n", "\x00"])
    def test_a_foreign_directory_is_named(self, tmp_path, text):
        (tmp_path / "suite.toml").write_text(text)
        with pytest.raises(BadRunDirectory, match=str(tmp_path / "suite.toml")):
            load(tmp_path)

    @pytest.mark.parametrize("name", ["manifest.json", "summary.json"])
    def test_a_newer_schema_is_said_to_be_one_and_the_rest_is_read(self, place, name):
        content = json.loads((place / name).read_text()) | {"schema": 2}
        (place / name).write_text(json.dumps(content))
        run = load(place)
        assert len(run.trials) == 2
        assert run.problems == [f"{place / name}: schema 2; this leasebench reads schema 1"]
        assert int(run.trials["commits"].min()) > 0

    @pytest.mark.parametrize(
        "content", ["", "[]", '{"schema": 1}', '{"schema": 1, "cells": 3, "trials": 4}', "{", "\x00"]
    )
    def test_a_summary_that_is_none_is_derived_anew(self, place, content):
        before = json.loads((place / "summary.json").read_text())
        (place / "summary.json").write_text(content)
        run = load(place)
        assert run.summary.as_json()["cells"] == before["cells"]
        assert len(run.trials) == 2

    def test_a_run_that_did_not_end_counts_the_trials_that_did(self, place):
        (place / "summary.json").unlink()
        (second,) = place.glob("trials/0002-*/trial.json")
        second.write_text(json.dumps(json.loads(second.read_text()) | {"status": "running"}))
        run = load(place)
        assert list(run.trials["number"]) == [1]
        assert not run.summary.complete
        (problem,) = run.problems
        assert problem.startswith(f"{place}: no summary.json")

    @pytest.mark.parametrize("name", ["history.parquet", "journal.parquet"])
    @pytest.mark.parametrize("damage", ["cut", "missing", "empty", "foreign"])
    def test_one_damaged_file_is_named_once_and_the_other_trial_is_read(self, place, name, damage):
        (path,) = place.glob(f"trials/0001-*/{name}")
        if damage == "cut":
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        elif damage == "missing":
            path.unlink()
        elif damage == "empty":
            path.write_bytes(b"")
        else:
            pd.DataFrame({"a": [1]}).to_parquet(path)
        run = load(place)
        assert run.trial(1) == []
        assert run.trial(1) == []
        assert len(run.trial(2)) == 1
        (problem,) = run.problems
        assert problem.startswith(str(path))
        assert "\n" not in problem
        frame = run.history if name == "history.parquet" else run.journal
        assert set(frame["trial"]) == {2}

    def test_a_trial_without_its_facts_is_named(self, place):
        (path,) = place.glob("trials/0001-*/trial.json")
        path.write_text("{}")
        run = load(place)
        assert run.facts(1) is None
        assert run.trial(1) == []
        assert run.moments(1) is None
        assert run.problems == [f"{path}: the key number is missing"]

    def test_a_trial_whose_facts_are_gone_is_none(self, place):
        (path,) = place.glob("trials/0001-*/trial.json")
        path.unlink()
        run = load(place)
        assert run.facts(1) is None
        assert run.problems == [f"{place}: has no trial 1"]
        assert list(run.folders) == [2]

    @pytest.mark.parametrize("content", ["", "Tag=a.b.c.d,0,1,2,xyz\n", "Tag=x,0.0,1.0,1.0,HISTFAAA\n", "\x00\xff"])
    def test_a_damaged_log_leaves_no_latencies_and_is_named(self, place, content):
        (path,) = place.glob("trials/0001-*/latency.hlog")
        path.write_text(content)
        run = load(place)
        assert run.latencies(1) == {}
        assert run.latencies(2)
        assert run.problems == [] if content == "" else str(path) in run.problems[0]

    def test_a_chart_of_a_damaged_trial_raises_or_is_none_and_names_the_file(self, place):
        (path,) = place.glob("trials/0001-*/journal.parquet")
        path.write_bytes(b"PAR1")
        guard = load(place).summary.trials[0].guard
        with pytest.raises(BadRunDirectory, match=str(path)):
            load(place).chart("latency_over_time", scenario="steady", guard=guard, trial=1)

    def test_an_explanation_of_a_trial_that_is_gone_is_none(self, stale):
        run = load(stale)
        one = next(matching(run))
        shutil.rmtree(run.folders[1])
        again = load(stale)
        assert explain(again, one) is None
        assert again.problems == [f"{stale}: has no trial 1"]

    def test_faults_that_are_no_list_are_named(self, stale):
        run = load(stale)
        (path,) = stale.glob("trials/*/faults.json")
        path.write_text('{"a": 1}')
        with pytest.raises(BadRunDirectory, match=str(path)):
            explain(run, next(matching(run)))


class TestMoments:
    def test_a_part_of_the_journal_is_what_is_under_way_then(self, original):
        run = load(original)
        moments = run.moments(1)
        whole = read_journal(run.folders[1] / "journal.parquet")
        begin = moments.facts.start_ns + 100_000_000
        part = moments.journal(begin, begin + 50_000_000)
        ends = np.maximum(whole["end_ns"], whole["start_ns"])
        expected = whole[(whole["start_ns"] < begin + 50_000_000) & (ends >= begin)]
        assert 0 < len(part) < len(whole)
        assert part["start_ns"].tolist() == expected["start_ns"].tolist()

    def test_a_long_journal_is_read_in_pieces_to_the_same_end(self, original, monkeypatch):
        begin = load(original).facts(1).start_ns + 100_000_000
        once = load(original).moments(1).journal(begin, begin + 50_000_000)
        monkeypatch.setattr("leasebench.results.evidence.moment.WHOLE_ROWS", 0)
        monkeypatch.setattr("leasebench.results.evidence.moment.BATCH_ROWS", 100)
        pieces = load(original).moments(1).journal(begin, begin + 50_000_000)
        assert pieces.to_dict("records") == once.to_dict("records")

    def test_the_two_clocks_are_laid_on_each_other_within_a_call(self, original):
        moments = load(original).moments(1)
        (trial,) = load(original).trial(1)
        offset = moments.offset("c0")
        commits = np.flatnonzero(trial.events.of("commit"))
        own = {(int(trial.events.enactor[at]), int(trial.events.attempt[at])): at for at in commits}
        rows = np.flatnonzero(trial.journal["kind"] == 5)
        near = 0
        for row in rows.tolist():
            one = trial.journal.iloc[row]
            at = own.get((int(trial.process_enactor[row]), int(one["attempt"])))
            if at is not None:
                when = int(trial.events.t_us[at]) * 1000 + offset.value_ns
                near += int(one["start_ns"]) - 500_000 <= when <= int(one["end_ns"]) + 500_000
        assert near >= 0.95 * len(commits)

    def test_the_last_trial_that_was_opened_stays_open_and_only_that(self, original):
        run = load(original)
        first = run.moments(1)
        assert run.moments(1) is first
        run.moments(2)
        assert run.moments(1) is not first
