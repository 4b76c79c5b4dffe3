"""A run that was killed or failed goes on as it was planned: nothing that ended well is touched, nothing gets lost."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from commands import Started, leasebench, read, suite_text, trial_facts, until

from leasebench.bench.resume import must_be_the_same_ground, unfinished
from leasebench.bench.run import plan_trials
from leasebench.bench.rundir import sole_use
from leasebench.bench.suite import load_suite
from leasebench.definitions import DefinitionError
from leasebench.results.record.manifest import Manifest, read_manifest

SEED = 5
TRIALS = 4


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> Path:
    """The directory of a run whose harness was killed amid its second trial, as `r`."""
    place = tmp_path_factory.mktemp("killed")
    (place / "tiny.toml").write_text(suite_text(trials=2, duration_s=0.2))
    temporary = Path(tempfile.mkdtemp(prefix="lbt", dir="/tmp"))
    run = Started("run", "tiny.toml", "--out", "r", "--seed", SEED, cwd=place, temporary=temporary)
    try:
        until(lambda: any((place / "r").glob("trials/0002-*/c0.enactor-1.journal")), "the second trial goes on")
        run.family()
        run.process.kill()
        run.ended()
    finally:
        run.clear()
        shutil.rmtree(temporary)
    return place


@pytest.fixture(scope="module")
def resumed(killed) -> Path:
    """The same run, gone on with: its directory `r`, and beside it `before`, what the kill had left."""
    shutil.copytree(killed / "r", killed / "before")
    ran = leasebench("run", "--resume", "r", cwd=killed)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.startswith(f"tiny: 3 of {TRIALS} trials are left (1 cut off, kept in r/aside), seed {SEED}, ")
    return killed


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def copied(run: Path, to: Path) -> Path:
    return Path(shutil.copytree(run, to / "r"))


def edited(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(read(path) | changes))


class TestKilled:
    def test_ends_with_the_trials_of_an_uninterrupted_run(self, resumed):
        planned = plan_trials(load_suite(str(resumed / "tiny.toml")), SEED)
        assert [(facts["number"], facts["guard"], facts["seed"]) for facts in trial_facts(resumed / "r")] == [
            (plan.number, plan.guard.name, plan.seed) for plan in planned
        ]

    def test_keeps_what_had_ended_well_as_it_was(self, resumed):
        (kept,) = (resumed / "before/trials").glob("0001-*")
        assert content(resumed / "r/trials" / kept.name) == content(kept)

    def test_keeps_what_was_left_of_the_trial_that_was_cut_off(self, resumed):
        (left,) = (resumed / "before/trials").glob("0002-*")
        (aside,) = (resumed / "r/aside").iterdir()
        assert aside.name == left.name
        assert content(aside) == content(left)

    def test_says_in_the_manifest_when_and_on_what_it_went_on(self, resumed):
        before, after = read_manifest(resumed / "before"), read_manifest(resumed / "r")
        (session,) = after.resumed
        assert before.resumed == ()
        assert (after.began, after.seed, after.versions) == (before.began, before.seed, before.versions)
        assert (session.versions, session.machine, session.trials_left) == (after.versions, after.machine, 3)
        (again,) = session.again
        assert (again.number, again.reason) == (2, "cut off")

    def test_has_a_summary_that_is_whole_and_tells_of_the_trial_that_was_run_again(self, resumed):
        summary = read(resumed / "r/summary.json")
        assert summary["complete"]
        assert [row["number"] for row in summary["trials"]] == [1, 2, 3, 4]
        (replaced,) = summary["replaced"]
        assert (replaced["number"], replaced["reason"]) == (2, "cut off")
        assert (resumed / "r" / replaced["kept"]).is_dir()

    def test_is_read_by_check_and_report(self, resumed):
        checked = leasebench("check", "r", cwd=resumed)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert "run again: trial 2 " in checked.stdout
        assert leasebench("report", "r", cwd=resumed).returncode == 0

    def test_is_complete_then_and_refused_in_one_line(self, resumed):
        again = leasebench("run", "--resume", "r", cwd=resumed)
        assert (again.returncode, again.stdout) == (2, "")
        assert again.stderr.startswith("leasebench: r: is complete")
        assert len(again.stderr.splitlines()) == 1


def test_a_trial_that_failed_is_run_again_and_the_failure_kept_and_told(resumed, tmp_path):
    run = copied(resumed / "r", tmp_path)
    (failed,) = run.glob("trials/0003-*")
    edited(failed / "trial.json", status="failed", reason="the disk was full")
    ran = leasebench("run", "--resume", "r", cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"run again: trial 3 ({failed.name[5:].replace('-', ' under ')}) failed: the disk was full" in ran.stdout
    assert read(run / "aside" / failed.name / "trial.json")["reason"] == "the disk was full"
    assert [facts["status"] for facts in trial_facts(run)] == ["ok"] * TRIALS
    assert leasebench("check", "r", cwd=tmp_path).returncode == 0


@pytest.fixture
def left(killed, resumed, tmp_path) -> Path:
    """A copy of what the kill had left."""
    return copied(resumed / "before", tmp_path)


class TestRefused:
    def test_where_another_command_is_at_work(self, left):
        before = content(left)
        with sole_use(left):
            ran = leasebench("run", "--resume", left.name, cwd=left.parent)
        assert ran.returncode == 2
        assert "r: a command is running trials into it" in ran.stderr
        assert content(left) == before

    def test_where_the_ground_is_another(self, left):
        manifest = read(left / "manifest.json")
        edited(left / "manifest.json", versions=manifest["versions"] | {"leasebench": "0.0.1"})
        before = content(left)
        ran = leasebench("run", "--resume", left.name, cwd=left.parent)
        assert ran.returncode == 2
        assert "version: leasebench was 0.0.1, is " in ran.stderr
        assert len(ran.stderr.splitlines()) == 1
        assert content(left) == before

    @pytest.mark.parametrize(
        ("part", "key", "other"),
        [
            ("versions", "redis", "1.0"),
            ("server", "version", "1.0"),
            ("server", "kind", "external"),
            ("machine", "cores", 999),
        ],
    )
    def test_with_the_part_that_differs_of_the(self, part, key, other, left):
        was = read_manifest(left)
        now = Manifest.model_validate({**was.model_dump(by_alias=True), part: {**was.model_dump()[part], key: other}})
        must_be_the_same_ground(left, was, was)
        with pytest.raises(DefinitionError, match=f"{key} was .*, is {other}"):
            must_be_the_same_ground(left, was, now)

    def test_where_a_trial_is_not_the_planned_one(self, left):
        (first,) = left.glob("trials/0001-*/trial.json")
        edited(first, seed=1)
        with pytest.raises(DefinitionError, match="not the trial that the suite and the seed of the run plan there"):
            unfinished(left)

    def test_where_a_trial_is_damaged(self, left):
        (first,) = left.glob("trials/0001-*/trial.json")
        first.write_text("{")
        with pytest.raises(DefinitionError, match=r"trial\.json: cannot be read"):
            unfinished(left)

    def test_where_it_is_no_run(self, tmp_path):
        with pytest.raises(DefinitionError, match="not a run directory"):
            unfinished(tmp_path)

    def test_with_another_plan(self, left):
        ran = leasebench("run", "--resume", left.name, "--trials", 9, cwd=left.parent)
        assert (ran.returncode, len(ran.stderr.splitlines())) == (2, 1)


def test_a_trial_that_was_cut_off_before_it_wrote_anything_is_run_again_too(left):
    (second,) = left.glob("trials/0002-*")
    shutil.rmtree(second)
    second.mkdir()
    assert unfinished(left).begun == {2: "cut off"}
    second.rmdir()
    assert unfinished(left).begun == {}
    assert [plan.number for plan in unfinished(left).left] == [2, 3, 4]
