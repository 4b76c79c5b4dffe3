import itertools
import json
import shutil

import pytest
from hypothesis import given, settings
from synthetic import ENDPOINTS, trials
from tape import Tape, write_run

from leasebench import load
from leasebench.results.checks.dangling import dangling
from leasebench.results.checks.harm import ViolationKind
from leasebench.results.checks.overwrites import overwrites
from leasebench.results.display.numbering import COUNTED, numbers
from leasebench.results.reading.violations import found_in, in_force, matching, violation, writes_between


class TestOfAnyHistory:
    @given(trials())
    @settings(max_examples=200)
    def test_there_are_as_many_as_the_checks_count_in_the_order_of_the_history(self, made):
        trial, _, _ = made
        found = list(found_in(trial.events))
        kinds = [kind for kind, _, _ in found]
        assert kinds.count(ViolationKind.STALE) == overwrites(trial).counts["stale_overwrites"]
        assert kinds.count(ViolationKind.DANGLING) == dangling(trial).counts["dangling"]
        positions = [position for _, position, _ in found]
        assert positions == sorted(positions)
        assert len({*found}) == len(found)

    @given(trials())
    @settings(max_examples=200)
    def test_a_stale_one_is_a_commit_below_what_was_in_force_and_a_dangling_one_leaves_a_deleted_plan_there(self, made):
        trial, dicts, _ = made
        for kind, position, endpoint in found_in(trial.events):
            if kind is ViolationKind.STALE:
                assert dicts[position]["kind"] == "commit"
                assert dicts[position]["endpoint"] == ENDPOINTS[endpoint]
                assert dicts[position]["version"] < dicts[position]["previous"]
            else:
                gone = {one["version"] for one in dicts[: position + 1] if one["kind"] == "delete"}
                assert in_force(trial.events, endpoint, position) in gone

    @given(trials())
    def test_what_was_in_force_is_what_the_last_write_left(self, made):
        trial, dicts, _ = made
        for number, name in enumerate(ENDPOINTS):
            left = {}
            for position, one in enumerate(dicts):
                if one["kind"] in ("commit", "repair") and one["endpoint"] == name:
                    assert in_force(trial.events, number, position) == one["version"]
                    left[position] = one["version"]
            since, version = writes_between(trial.events, number, 0, len(dicts))
            put = dict(zip(since.tolist(), version.tolist(), strict=True))
            assert left.items() <= put.items()


def harmed(cell):
    """Two stale overwrites, and a plan that is deleted while two endpoints point at it."""
    tape = Tape(cell=cell)
    for version in (1, 2, 3):
        tape.publish(version, version)
    for endpoint in (0, 1):
        tape.commit(10 + endpoint, 1, 2, endpoint=endpoint)
    for endpoint in (0, 1):
        tape.commit(20 + endpoint, 0, 1, endpoint=endpoint)
    tape.delete(30, 2, 1)
    tape.commit(40, 2, 3, endpoint=2)
    return tape


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """Three trials: of two cells with four violations each, of none, and of a cell with four."""
    place = write_run(tmp_path_factory.mktemp("numbered") / "run", harmed("c0"), harmed("c1"))
    quiet = Tape()
    quiet.publish(1, 1)
    quiet.commit(10, 1, 1)
    others = (
        (2, write_run(tmp_path_factory.mktemp("quiet"), quiet, number=2)),
        (3, write_run(tmp_path_factory.mktemp("loud"), harmed("c0"), number=3)),
    )
    for number, other in others:
        (folder,) = other.glob("trials/*")
        shutil.copytree(folder, place / "trials" / f"{number:04}-some_guard-steady")
    (place / "summary.json").unlink()
    (place / "summary.json").write_text(json.dumps(load(place).summary.as_json()))
    return place


@pytest.fixture
def place(original, tmp_path):
    return shutil.copytree(original, tmp_path / "run", ignore=shutil.ignore_patterns("SHA256SUMS"))


class TestNumbers:
    def test_run_on_through_trials_and_cells(self, original):
        run = load(original)
        assert numbers(run.summary) == {1: range(1, 9), 2: range(9, 9), 3: range(9, 13)}
        every = list(matching(run))
        assert [one.number for one in every] == list(range(1, 13))
        assert [one.trial for one in every] == [1] * 8 + [3] * 4
        assert [one.cell for one in every] == ["c0"] * 4 + ["c1"] * 4 + ["c0"] * 4
        assert run.problems == []

    def test_lead_to_the_same_violation_as_counting_does(self, original):
        run = load(original)
        for one in matching(run):
            assert violation(load(original), one.number) == one
        assert violation(run, 13) is None

    def test_say_what_happened_where_and_when(self, original):
        stale, _, empty, _ = itertools.islice(matching(load(original)), 4)
        assert (stale.kind, stale.endpoint, stale.enactor, stale.version, stale.over) == (
            ViolationKind.STALE, "e0", "enactor-0", 1, 2,
        )  # fmt: skip
        assert stale.t_s == pytest.approx(0.019)
        assert (empty.kind, empty.endpoint, empty.enactor, empty.version, empty.over) == (
            ViolationKind.DANGLING, "e0", "enactor-2", 1, 0,
        )  # fmt: skip
        assert empty.t_s == pytest.approx(0.029)

    def test_lead_to_a_trial_without_a_look_at_the_others(self, place):
        for path in place.glob("trials/000[12]-*/*.parquet"):
            path.write_text("broken")
        run = load(place)
        assert violation(run, 10).trial == 3
        assert run.problems == []

    def test_of_a_trial_that_cannot_be_read_lead_nowhere_and_the_file_is_named(self, place):
        (history,) = place.glob("trials/0003-*/history.parquet")
        history.write_bytes(history.read_bytes()[:200])
        run = load(place)
        assert violation(run, 10) is None
        (problem,) = run.problems
        assert problem.startswith(f"{history}: cannot be read")
        assert [one.number for one in matching(run)] == list(range(1, 9))


class TestMatching:
    def test_narrows_by_trial_guard_and_scenario(self, original):
        run = load(original)
        assert {one.trial for one in matching(run, trial=3)} == {3}
        assert len(list(matching(run, guard="some_guard", scenario="steady"))) == 12
        assert list(matching(run, guard="another")) == []

    def test_does_not_read_trials_without_a_violation(self, place):
        shutil.rmtree(next(place.glob("trials/0002-*")))
        run = load(place)
        assert len(list(matching(run))) == 12
        assert run.problems == []

    def test_reads_the_row_it_is_given(self, original):
        run = load(original)
        assert [one.number for one in matching(run, trial=run.summary.trials[2].number)] == [9, 10, 11, 12]


def test_what_is_counted_are_the_counts_of_the_two_checks():
    assert set(COUNTED) == {"stale_overwrites", "dangling"}
