import json
import shutil
from itertools import pairwise

import jsonschema
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import binomtest
from shown import shown
from synthetic import ENACTORS, ENDPOINTS, FACTS, event, line_of
from tape import Tape, write_run

from leasebench.results.checks.verdict import judge
from leasebench.results.evidence.history import HistoryWriter
from leasebench.results.evidence.journal import Journal
from leasebench.results.evidence.journal_table import write_journal
from leasebench.results.record.clock import ONE_HOST
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.record.journal import NO_ENDPOINT, RowKind, RowOutcome
from leasebench.results.record.process import Process
from leasebench.results.record.summary import UNSAID, CellSummary, Spread, Summary, json_schema
from leasebench.results.statistics.clustered import clustered_interval, from_json
from leasebench.results.statistics.intervals import exact_interval, upper_bound_of_zero
from leasebench.results.summary.derivation import as_written, differences, read_summary, summarise, unfinished, unlike
from leasebench.results.tables.run_table import tables
from leasebench.verdict import SAFE, Verdict

MS = 1000
SUITE = """\
name = "tiny"
trials = 1
[[guards]]
name = "loose"
[[guards]]
name = "tight"
[[scenarios]]
name = "steady"
guards = ["loose", "tight"]
"""
HARMS = ("stale_overwrites", "dangling", "wedged", "stuck")


class TestStatistics:
    @given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
    @example((0, 1))
    @example((1, 1))
    def test_the_exact_interval_is_that_of_scipy(self, made):
        seen, trials = made
        expected = binomtest(seen, trials).proportion_ci(0.95, method="exact")
        assert exact_interval(seen, trials) == pytest.approx((expected.low, expected.high), abs=1e-8)

    @given(st.integers(1, 500), st.floats(0, 1))
    def test_an_interval_holds_its_rate_also_where_the_successes_are_no_whole_number(self, trials, rate):
        low, high = exact_interval(rate * trials, trials)
        assert 0 <= low <= rate + 1e-9
        assert rate - 1e-9 <= high <= 1

    def test_without_trials_there_is_no_interval_and_no_bound(self):
        assert exact_interval(0, 0) is None
        assert upper_bound_of_zero(0) is None

    def test_zero_of_59_bounds_the_rate_below_five_percent(self):
        assert upper_bound_of_zero(59) < 0.05 < upper_bound_of_zero(58)

    @given(st.integers(1, 3000))
    def test_the_bound_of_zero_is_the_one_sided_exact_one(self, trials):
        expected = binomtest(0, trials, alternative="less").proportion_ci(0.95, method="exact").high
        assert upper_bound_of_zero(trials) == pytest.approx(expected)

    @given(st.lists(st.floats(0, 1e6), min_size=1))
    def test_a_spread_is_made_of_values_that_were_seen(self, values):
        found = Spread.of(np.array(values))
        assert found.n == len(values)
        assert {found.p50, found.p99, found.max} <= {round(value, 3) for value in values}
        assert found.p50 <= found.p99 <= found.max == round(max(values), 3)

    def test_a_spread_of_nothing_is_null(self):
        assert Spread.of(np.array([])) == Spread(p50=None, p99=None, max=None, n=0)


class TestVerdict:
    def test_the_order_is_from_the_worst_to_the_best(self):
        order = ["failed", "stale", "dangling", "wedged", "stuck", "metastable", "slow"]
        order += ["unproven", "recovers", "clean"]
        assert [verdict.value for verdict in Verdict] == order
        assert all(worse.rank < better.rank for worse, better in pairwise(Verdict))

    @given(st.fixed_dictionaries(dict.fromkeys((*HARMS, "raced_applications"), st.integers(0, 3))))
    def test_the_worst_that_was_counted_wins(self, counts):
        harm = next((name for name in HARMS if counts[name]), None)
        verdict = judge(counts, failed=False, min_races=2)
        assert judge(counts, failed=True, min_races=2) is Verdict.FAILED
        assert (verdict in SAFE) == (harm is None)
        if harm:
            assert verdict.value == ("stale" if harm == "stale_overwrites" else harm)
        else:
            assert (verdict is Verdict.CLEAN) == (counts["raced_applications"] >= 2)

    def test_exclusion_stands_beside_the_verdict_and_never_in_it(self):
        counts = {"raced_applications": 5, "double_holds": 9, "exclusion_violations": 9}
        assert judge(counts, failed=False, min_races=5) is Verdict.CLEAN


def commits(one, version, previous, kind="commit", first=0, **more):
    """The plan at every endpoint, by one enactor, 1 ms apart."""
    for number, name in enumerate(ENDPOINTS, first):
        facts = {"endpoint": name, "enactor": ENACTORS[one], "version": version, "previous": previous}
        yield event(kind, 0, attempt=10 * version + number, **facts, **more)


def history(outcome):
    """Three plans, each overtaken by the next; enactor-0 comes late with the old one and hears `outcome`."""
    dicts, at = [], 0
    for version in (1, 2, 3):
        dicts.append(event("publish", 0, version=version, previous=version - 1, enactor="planner", attempt=version))
        dicts += commits(1, version, at)
        at = version
        if version > 1 and outcome == "stale":
            dicts += commits(0, version - 1, at)
            dicts += commits(1, version, version - 1, first=5)
        elif version > 1:
            dicts += commits(0, version - 1, at, "reject", reason="not_newer")
    return [one | {"t_us": (number + 1) * MS} for number, one in enumerate(dicts)]


def write_trial(run, number, guard, outcome, **facts):
    """A trial directory as a run leaves it."""
    folder = run / "trials" / f"{number:04}-{guard}-steady"
    folder.mkdir(parents=True)
    names = {"number": number, "guard": guard}
    (folder / "trial.json").write_text(json.dumps(FACTS | names | {"min_races": 2} | facts))
    dicts = history(outcome)
    with HistoryWriter(folder / "history.parquet") as writer:
        writer.append([line_of(one) for one in dicts], "c0", "n0")
    journals = []
    for process in ("planner", *ENACTORS):
        journals.append(folder / f"c0.{process}.journal")
        journal = Journal(journals[-1], Process.parse(f"c0.{process}"), ONE_HOST)
        for one in dicts:
            if one["enactor"] == process:
                kind = RowKind.PUBLISH if one["kind"] == "publish" else RowKind.COMMIT
                outcome = RowOutcome.REFUSED if one["kind"] == "reject" else RowOutcome.DONE
                start_ns = one["t_us"] * 1000
                endpoint = ENDPOINTS.index(one["endpoint"]) if one["endpoint"] else NO_ENDPOINT
                due_ns = start_ns - 500_000 if kind is RowKind.PUBLISH else 0
                journal.begin(kind, start_ns, due_ns, one["attempt"], one["version"], 0, endpoint)
                journal.end(start_ns + 100_000, 100_000, one["previous"], 0, outcome, 0)
        journal.begin(RowKind.PLAN, 1, 0, 99, 3, 0, NO_ENDPOINT)
        journal.end(2_000_001, 2_000_000, 0, 0, RowOutcome.DONE, 0)
        journal.close()
    write_journal(folder / "journal.parquet", journals)
    for path in journals:
        path.unlink()
    return folder


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    run = tmp_path_factory.mktemp("run")
    (run / "suite.toml").write_text(SUITE)
    write_trial(run, 1, "tight", "blocked")
    write_trial(run, 2, "loose", "stale", expected=["stale", "unproven"])
    return run


@pytest.fixture
def run(original, tmp_path):
    return shutil.copytree(original, tmp_path / "run", ignore=shutil.ignore_patterns("SHA256SUMS"))


def edit_facts(run, number, **changes):
    path = next((run / "trials").glob(f"{number:04}-*/trial.json"))
    facts = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in facts.items() if value != "remove"}))
    return path


def derived(run):
    """What `summary.json` should hold."""
    return json.loads(json.dumps(summarise(run).as_json(), allow_nan=False))


class TestSummary:
    def test_the_figures_are_those_of_the_history(self, run):
        summary = derived(run)
        assert (summary["schema"], summary["suite"], summary["complete"]) == (1, "tiny", True)
        loose, tight = summary["cells"]
        assert (loose["guard"], loose["verdict"], loose["as_expected"]) == ("loose", "stale", True)
        assert (loose["stale_overwrites"], loose["races"], loose["raced_applications"]) == (6, 6, 2)
        assert (loose["commits"], loose["attempts"], loose["leak_rate"]) == (21, 21, 1.0)
        assert loose["leak_rate_ci"] == pytest.approx(exact_interval(2, 2), abs=1e-6)
        assert loose["leak_rate_bound"] is None
        assert loose["races_by_application"] == {"3/3": 2}
        assert loose["commits_by_application"] == {"0/3": 1, "0/6": 2, "3/3": 2}
        assert loose["stale_per_1000_ci"] == pytest.approx(
            [1000 * end for end in clustered_interval(from_json({"0/3": 1, "0/6": 2, "3/3": 2}))], abs=1e-3
        )
        assert loose["stale_per_1000"] == pytest.approx(6000 / 21, abs=1e-3)
        assert loose["regression_depth"] == {"p50": 1, "p99": 1, "max": 1, "n": 6}
        assert loose["overwrite_lag_ms"]["p50"] == 3
        assert loose["throughput"] == 10.5
        assert (tight["guard"], tight["verdict"], tight["as_expected"]) == ("tight", "clean", True)
        assert (tight["blocked"], tight["exposures"], tight["leak_rate"]) == (6, 6, 0.0)
        assert tight["leak_rate_bound"] == pytest.approx(upper_bound_of_zero(2), abs=1e-6)
        assert (tight["races_by_application"], tight["leak_rate_ci"][0]) == ({"0/3": 2}, 0)
        assert (tight["applications"], tight["stuck"], tight["failures"]) == (4, 0, [])
        assert tight["latency_us"]["commit"]["service"]["p50"] == pytest.approx(100, rel=0.01)

    def test_a_summary_validates_against_the_schema_beside_it(self, run):
        summary = json.loads(json.dumps(derived(run), allow_nan=False))
        jsonschema.validate(summary, json_schema())
        for missing in ("verdict", "leak_rate_ci", "stuck"):
            broken = json.loads(json.dumps(summary))
            del broken["cells"][0][missing]
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate(broken, json_schema())

    def test_every_field_of_the_schema_is_written_under_its_name(self, run):
        assert set(CellSummary.model_fields) - {*UNSAID} <= set(derived(run)["cells"][0])

    def test_the_same_run_gives_the_same_summary(self, run):
        written = json.loads(json.dumps(derived(run)))
        assert differences(written, derived(run)) == []

    def test_what_an_earlier_version_did_not_look_for_is_no_difference(self, run):
        written = json.loads(json.dumps(derived(run)))
        assert unlike(written, summarise(run)) == []
        written["trials"][0]["witness"]["covered"] += 1
        assert len(unlike(written, summarise(run))) == 1
        del written["trials"][0]["witness"]
        assert unlike(written, summarise(run)) == []

    def test_a_changed_figure_is_found_and_named(self, run):
        written = json.loads(json.dumps(derived(run)))
        written["cells"][0]["stale_overwrites"] = 0
        written["cells"][1]["freshness_ms"]["p50"] = None
        written["cells"][1]["expected"].append("stale")
        del written["cells"][1]["races"]
        found = differences(written, derived(run))
        assert found[0] == "cells[0].stale_overwrites: 0 != 6"
        assert [line.partition(":")[0] for line in found[1:]] == [
            "cells[1].expected",
            "cells[1].freshness_ms.p50",
            "cells[1].races",
        ]

    def test_a_key_that_is_too_much_is_found_even_if_null(self, run):
        written = json.loads(json.dumps(derived(run)))
        written["cells"][0]["invented"] = 3
        assert differences(written, derived(run)) == ["cells[0].invented: 3 != 'missing'"]

    def test_a_trial_that_was_cut_off_is_left_out_and_reported(self, run):
        path = edit_facts(run, 1, status="running", history=False)
        (path.parent / "history.parquet").unlink()
        (path.parent / "journal.parquet").unlink()
        journal = Journal(path.parent / "c0.enactor-0.journal", Process("enactor", 0, "c0"), ONE_HOST)
        for number in range(3):
            journal.begin(RowKind.COMMIT, 1, 0, number, 1, 0, 0)
        (path.parent / "c0.enactor-1.journal").write_bytes(b"cut before its header was written")
        summary = derived(run)
        journal_lines = list(unfinished(run))
        journal.close()
        assert [cell["guard"] for cell in summary["cells"]] == ["loose"]
        assert not summary["complete"]
        assert len(journal_lines) == 1
        assert journal_lines[0].startswith("0001-tight-steady: cut off; its journals hold 3 operations")

    def test_a_finished_run_has_nothing_unfinished(self, run):
        assert list(unfinished(run)) == []

    def test_a_failed_trial_without_a_history_fails_its_cell(self, run):
        path = edit_facts(run, 1, status="failed", history=False, reason="the server died")
        (path.parent / "history.parquet").unlink()
        summary = derived(run)
        tight = summary["cells"][1]
        assert (tight["verdict"], tight["as_expected"]) == ("failed", False)
        assert tight["failures"] == ["trial 1: the server died"]
        assert (tight["commits"], tight["leak_rate"], tight["throughput"]) == (0, None, None)
        jsonschema.validate(json.loads(json.dumps(summary, allow_nan=False)), json_schema())

    def test_a_history_that_breaks_an_assumption_fails_its_cell(self, run):
        path = edit_facts(run, 1).parent / "history.parquet"
        with HistoryWriter(path) as writer:
            writer.append([line_of(one) for one in history("stale")[1:]], "c0", "n0")
        tight = derived(run)["cells"][1]
        assert tight["verdict"] == "failed"
        assert "published" in tight["failures"][0]

    def test_trials_of_one_cell_are_summed_and_pooled(self, run):
        write_trial(run, 3, "tight", "blocked")
        tight = derived(run)["cells"][1]
        assert (tight["trials"], tight["blocked"], tight["raced_applications"]) == (2, 12, 4)
        assert tight["convergence_ms"]["n"] == 2
        assert tight["throughput"] == 4.5

    def test_the_cells_of_a_trial_share_its_seconds(self, tmp_path):
        first, second = Tape(cell="c0"), Tape(cell="c1")
        for tape, commits in ((first, 30), (second, 20)):
            tape.publish(0, 1)
            for number in range(commits):
                tape.commit(1 + number, 0, 1)
        summary = json.loads((write_run(tmp_path, first, second, load_s=2.0) / "summary.json").read_text())
        assert summary["cells"][0]["commits"] == 50
        assert summary["cells"][0]["throughput"] == 25.0
        assert summary["trials"][0]["throughput"] == 25.0


class TestBadRunDirectory:
    def test_a_newer_schema_is_refused(self, run):
        (run / "summary.json").write_text(json.dumps(derived(run) | {"schema": 2}))
        with pytest.raises(BadRunDirectory, match=r"summary\.json: schema 2; this leasebench reads schema 1"):
            read_summary(run)

    @pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"cells": []}'])
    def test_a_summary_that_is_none_is_refused(self, run, text):
        (run / "summary.json").write_text(text)
        with pytest.raises(BadRunDirectory, match=r"summary\.json"):
            read_summary(run)

    def test_a_summary_that_is_there_is_read(self, run):
        with pytest.raises(BadRunDirectory, match=r"summary\.json: is missing"):
            read_summary(run)
        (run / "summary.json").write_text(json.dumps(derived(run)))
        assert differences(as_written(run), derived(run)) == []
        assert read_summary(run) == summarise(run)

    def test_a_directory_without_a_suite_is_no_run(self, tmp_path):
        with pytest.raises(BadRunDirectory, match="not a run directory"):
            summarise(tmp_path)

    @pytest.mark.parametrize("text", ["name = ", 'name = "tiny"', SUITE.replace("trials", "tries")])
    def test_a_suite_that_is_none_is_refused(self, run, text):
        (run / "suite.toml").write_text(text)
        with pytest.raises(BadRunDirectory, match=r"suite\.toml"):
            derived(run)

    @pytest.mark.parametrize("name", ["history.parquet", "journal.parquet"])
    def test_a_trial_without_its_files_is_refused(self, run, name):
        next((run / "trials").glob(f"0001-*/{name}")).unlink()
        with pytest.raises(BadRunDirectory, match=rf"0001-tight-steady/{name}: is missing"):
            derived(run)

    @pytest.mark.parametrize("key", ["guard", "status", "endpoints", "history", "min_races", "expected", "settle_s"])
    def test_a_trial_without_a_fact_is_refused(self, run, key):
        edit_facts(run, 1, **{key: "remove"})
        with pytest.raises(BadRunDirectory, match=rf"trial\.json: the key {key} "):
            derived(run)

    @pytest.mark.parametrize("text", ["", "[]", "3", "{"])
    def test_facts_that_are_none_are_refused(self, run, text):
        edit_facts(run, 1).write_text(text)
        with pytest.raises(BadRunDirectory, match=r"trial\.json"):
            derived(run)

    def test_a_trial_of_another_guard_is_refused(self, run):
        edit_facts(run, 1, guard="stranger")
        with pytest.raises(BadRunDirectory, match="stranger under steady "):
            derived(run)


def rendered(summary):
    return "\n".join(line for table in shown(tables(summary)) for line in table)


class TestWhatIsSaid:
    def test_the_table_has_a_row_a_guard(self, run):
        text = rendered(summarise(run))
        loose = next(line for line in text.splitlines() if line.startswith("loose"))
        tight = next(line for line in text.splitlines() if line.startswith("tight"))
        assert "steady" in text
        assert "6/6" in loose
        assert "1.00 [0.16, 1.00]" in loose
        assert "0/6" in tight
        assert "0, below 0.78" in tight
        assert "!" not in text

    def test_a_rate_stands_in_the_table_only_where_the_load_is_closed(self, run):
        assert "per s" not in rendered(summarise(run))
        found = derived(run)
        for cell in found["cells"]:
            cell |= {"scenario": "saturation", "throughput": 1000.0, "commits": 10, "attempts": 25}
        text = rendered(Summary.model_validate(found))
        assert "attempts" in text
        assert all("2,500" in line for line in text.splitlines() if line.startswith(("loose", "tight")))

    def test_the_table_marks_what_was_not_expected_and_renders_without_figures(self, run):
        edit_facts(run, 1, status="failed", history=False, reason="[red]the server died")
        tight = next(line for line in rendered(summarise(run)).splitlines() if line.startswith("tight"))
        assert "failed !" in tight
        assert "no races" in tight
