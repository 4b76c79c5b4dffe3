"""The suite of a run is a suite: it can be run again, with the seed of that run or a new one."""

import json
from pathlib import Path

import pytest
from commands import leasebench, suite_text, trial_facts

from leasebench.bench.repeating import resolved_text, seed_of
from leasebench.bench.scenario import scenario_files
from leasebench.bench.suite import Skipped, Suite, load_suite, narrow, suite_files
from leasebench.definitions import DefinitionError
from leasebench.results.record.names import MANIFEST_FILE, SUITE_FILE

OWN = """
guards = ["mine", "redis_lock"]
scenarios = ["storm", "nearer", "steady"]
trials = 3
duration_s = 0.5
[guard.mine]
about = "only a newer version is written"
decide = { check = "once" }
exclude = { manager = "redis", renewal = "watchdog", wait = { poll_ms = 3.0 } }
commit = "monotonic"
expect = { default = ["clean"], storm-2 = ["stale", "clean"] }
[scenario.storm]
about = "pauses"
expected = ["unproven"]
load = { planner = { rate_per_s = 30.0 }, work = { median_ms = 1.0 } }
[[scenario.storm.faults]]
kind = "pause"
enactors = [0]
times_ttl = 1.5
[scenario.storm.vary]
"faults.0.times_ttl" = [1, 2, 3.5]
"load.endpoints" = { few = 2, many = 16 }
[scenario.nearer]
like = "incident"
load = { endpoints = 3 }
"""


def written(suite: Suite, run: Path) -> Path:
    """A run directory with the resolved suite in it."""
    run.mkdir(exist_ok=True)
    (run / SUITE_FILE).write_text(resolved_text(suite))
    return run


def alike(first: Suite, second: Suite) -> bool:
    """Whether two suites are the same, but for the words that they were asked for with."""
    return first == second.model_copy(update={"asked_for": first.asked_for})


@pytest.mark.parametrize("name", [*suite_files(), *scenario_files()])
def test_the_resolved_suite_is_the_same_suite_again_for(name, tmp_path):
    suite = load_suite(name)
    again = load_suite(str(written(suite, tmp_path / "r") / SUITE_FILE))
    assert alike(suite, again)
    assert again.asked_for == [str(tmp_path / "r" / SUITE_FILE)]


def test_own_guards_grids_and_scenarios_laid_over_ours_are_the_same_again(tmp_path):
    (tmp_path / "own.toml").write_text(OWN)
    suite = narrow(load_suite(str(tmp_path / "own.toml")), trials=2, duration_s=0.7)
    again = load_suite(str(written(suite, tmp_path / "r")))
    assert alike(suite, again)
    assert len(again.scenarios) == 6 + 2
    assert again.scenarios[0].family == "storm"
    assert (again.trials, again.duration_s) == (2, 0.7)


def test_what_was_skipped_is_skipped_again_with_its_reason(tmp_path):
    left_out = {"guard": "monotonic", "scenario": "steady", "reason": "no tool for it"}
    suite = load_suite("steady").model_copy(update={"skipped": [Skipped.model_validate(left_out)]})
    again = load_suite(str(written(suite, tmp_path / "r")))
    assert [one.model_dump() for one in again.skipped] == [left_out]


def test_a_mistake_that_was_edited_in_is_told_with_its_line(tmp_path):
    text = resolved_text(load_suite("steady")).replace("endpoints = 8", "endpoints = 0")
    (tmp_path / SUITE_FILE).write_text(text)
    line = text.splitlines().index("endpoints = 0") + 1
    with pytest.raises(DefinitionError, match=rf"suite.toml:{line}: scenarios.0.load.endpoints"):
        load_suite(str(tmp_path))


def test_forced_traces_are_no_suite_to_race_in(tmp_path):
    suite = load_suite("steady").model_copy(update={"asked_for": ["--schedule", "traces"]})
    with pytest.raises(DefinitionError, match="leasebench run --schedule traces forces them again"):
        load_suite(str(written(suite, tmp_path)))


def test_a_suite_of_ours_is_meant_also_where_a_directory_has_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(load_suite("steady"), tmp_path / "burst")
    assert [one.name for one in load_suite("burst").scenarios] == ["burst"]
    assert [one.name for one in load_suite("./burst").scenarios] == ["steady"]


def test_a_run_whose_seed_is_not_known_is_refused_with_the_way_out(tmp_path):
    run = written(load_suite("steady"), tmp_path / "r")
    (run / MANIFEST_FILE).write_text(json.dumps({"schema": 1}))
    with pytest.raises(DefinitionError, match=r"suite\.toml takes a new seed"):
        seed_of(run)


def test_a_run_is_repeated_from_its_directory_trial_by_trial_and_from_its_file_with_a_new_seed(tmp_path):
    (tmp_path / "tiny.toml").write_text(suite_text(trials=2, duration_s=0.1))
    for name, again in (("r", "tiny.toml"), ("same", "r"), ("other", "r/suite.toml")):
        ran = leasebench("run", again, "--out", name, cwd=tmp_path)
        assert ran.returncode in (0, 1, 4), ran.stdout + ran.stderr
    drawn = {
        name: [(facts["guard"], facts["seed"]) for facts in trial_facts(tmp_path / name)]
        for name in ("r", "same", "other")
    }
    assert drawn["same"] == drawn["r"]
    assert len({seed for _, seed in drawn["r"] + drawn["other"]}) == 8
