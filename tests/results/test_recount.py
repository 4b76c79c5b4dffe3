"""Every figure of `summary.json` is what a second count says that shares no code with the first: on real runs."""

import copy
import json
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from recount import BEHIND, SPREADS_BEHIND, Trial, disagreements, disturbances, recount, spread
from recount_latencies import figures_of_buckets, logged
from troubled_run import SCENARIOS, make_run

from leasebench import load
from leasebench.results.checks.harm import ViolationKind
from leasebench.results.display.phrases import duration
from leasebench.results.explain import explain
from leasebench.results.explain.facts import gather
from leasebench.results.reading.violations import matching

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def troubled_run(tmp_path_factory):
    """A run of many troubles; not to be written into."""
    return make_run(tmp_path_factory.mktemp("troubled"), SCENARIOS, trials=1, duration_s=1.0)


@pytest.fixture(scope="module")
def recounted(troubled_run):
    """What is counted in it, and what is written there."""
    return recount(troubled_run), json.loads((troubled_run / "summary.json").read_text())


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """A run of two trials of three cells each, under a guard: the directory."""
    return make_run(tmp_path_factory.mktemp("several"), {"cells": ["last_writer_wins"]}, trials=2, duration_s=0.6)


def cell(summary, guard, scenario):
    return next(one for one in summary["cells"] if (one["guard"], one["scenario"]) == (guard, scenario))


def test_the_recount_shares_no_code_with_what_it_recounts():
    """Not even by way of what it imports."""
    code = "import recount, sys; print([name for name in sys.modules if name.partition('.')[0] == 'leasebench'])"
    ended = subprocess.run([sys.executable, "-c", code], cwd=HERE, capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"


def test_every_figure_of_a_run_of_many_troubles_is_recounted(recounted):
    mine, written = recounted
    assert list(disagreements(mine, written)) == []


def test_every_figure_of_several_trials_of_several_cells_is_recounted(several):
    mine, written = recount(several), json.loads((several / "summary.json").read_text())
    assert list(disagreements(mine, written)) == []
    (own,) = written["cells"]
    timed = [one for one in written["trials"] if one["number"] not in disturbances(several)] or written["trials"]
    facts = [json.loads(path.read_text()) for path in several.glob("trials/*/trial.json")]
    seconds = sum(one["load_s"] for one in facts if one["number"] in {each["number"] for each in timed})
    commits = sum(one["commits"] for one in timed)
    assert (own["trials"], own["throughput"]) == (2, pytest.approx(commits / seconds, abs=0.1))


def test_the_troubles_left_something_to_count(recounted):
    """What is zero everywhere would agree with anything."""
    _, written = recounted
    assert {(one["guard"], one["scenario"]) for one in written["cells"]} == {
        (guard, scenario) for scenario, guards in SCENARIOS.items() for guard in guards
    }
    seen = Counter()
    for one in written["cells"]:
        for name, figure in one.items():
            if isinstance(figure, dict) and "n" in figure:
                seen[name] += figure["n"]
            elif isinstance(figure, int):
                seen[name] += figure
    assert {name for name, count in seen.items() if not count} <= {*SELDOM, *BEHIND, *SPREADS_BEHIND}
    assert {"stale", "clean"} <= {one["verdict"] for one in written["cells"]}


SELDOM = {
    "lock_line_us",
    "stuck", "stale_spells_unrepaired", "races_missing", "wedged", "wedged_ms", "repairs", "below_peak",
    "never_told", "told_before", "told_at", "told_wrongly", "unresumed", "writes_repeated",
    "violated_cells", "bystander_cells", "bystander_unknown", "bystander_leases_lapsed", "bystander_freshness_ms",
    "waits_in_vain", "starved", "commits_beside", "beside_ms",
}  # fmt: skip
"""What a short run need not show; random histories are gone through for these in `test_checks`."""


def leaves(value, path=()):
    """Every place in a summary that holds one figure, word or nothing."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list) and value:
        for place, inner in enumerate(value):
            yield from leaves(inner, (*path, place))
    else:
        yield path, value


def changed(value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1 if isinstance(value, int) else value * 1.01 + 0.001
    return "another" if value is None or isinstance(value, str) else [1]


def test_each_figure_that_is_changed_in_a_summary_is_seen(several):
    mine, written = recount(several), json.loads((several / "summary.json").read_text())
    places = [(path, value) for path, value in leaves(written) if path[-1] != "what" and "witness" not in path]
    assert len(places) > 200
    for path, value in places:
        spoilt = copy.deepcopy(written)
        inner = spoilt
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = changed(value)
        (line,) = disagreements(mine, spoilt)
        assert str(path[-1]) in line


def test_a_figure_that_the_recount_does_not_know_is_seen(several):
    mine, written = recount(several), json.loads((several / "summary.json").read_text())
    written["cells"][0]["invented"] = None
    written["trials"][0]["invented_ms"] = {"p50": None, "p99": None, "max": None, "n": 0}
    del written["cells"][0]["races"]
    assert list(disagreements(mine, written)) == [
        ".cells[0].invented: written only",
        ".cells[0].races: recounted only",
        ".trials[0].invented_ms: written only",
    ]


def test_the_histograms_of_a_cell_hold_what_its_summary_says(troubled_run, several):
    for run in (troubled_run, several):
        summary, disturbed = json.loads((run / "summary.json").read_text()), disturbances(run)
        for own in summary["cells"]:
            held = {}
            folders = list(run.glob(f"trials/*-{own['guard']}-{own['scenario']}"))
            for folder in [one for one in folders if int(one.name[:4]) not in disturbed] or folders:
                for key, counts in logged(folder).items():
                    held[key] = held.get(key, Counter()) + counts
            told = {
                (phase, side): figures
                for phase, sides in own["latency_us"].items()
                for side, figures in sides.items()
                if figures and figures["n"]
            }
            assert {key: figures_of_buckets(counts) for key, counts in held.items()} == told


class TestTheLagOfAnOverwrite:
    """An operator's new version is put in force, written again by others, and undone by one that was slow."""

    @pytest.fixture
    def own(self, recounted):
        return cell(recounted[1], "last_writer_wins", "operator_rollback")

    @pytest.fixture
    def facts(self, troubled_run):
        run = load(troubled_run)
        found = matching(run, "last_writer_wins", "operator_rollback")
        return [gather(run, one) for one in found if one.kind is ViolationKind.STALE]

    def test_is_the_same_in_the_summary_and_in_each_explanation(self, own, facts):
        lags = [1000 * (one.writer.at_s - one.newer.at_s) for one in facts]
        assert len(lags) == own["stale_overwrites"] > 5
        assert spread(lags) == pytest.approx(own["overwrite_lag_ms"], abs=0.002)
        assert any(one.rewritten for one in facts), "else the last write would be the first"

    def test_is_told_in_words_as_it_is_counted(self, troubled_run, facts):
        run = load(troubled_run)
        for one in facts[:5]:
            lag = duration(one.writer.at_s - one.newer.at_s)
            assert f", {lag} after " in explain(run, one.violation).headline

    def test_is_the_same_as_plainly_counted_from_the_first_write_of_the_newer_version(self, troubled_run, facts):
        suite = tomllib.loads((troubled_run / "suite.toml").read_text())
        (folder,) = troubled_run.glob("trials/*-last_writer_wins-operator_rollback")
        (own,) = Trial(folder, suite).cells
        lags = [1000 * (one.writer.at_s - one.newer.at_s) for one in facts]
        assert lags == pytest.approx(own.samples["overwrite_lag_ms"])
