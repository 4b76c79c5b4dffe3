"""A suite is either understood or refused: in one line that names the file, the key and the way out."""

from itertools import islice
from pathlib import Path
from random import Random

import pytest
from commands import leasebench, suite_text
from hypothesis import given
from hypothesis import strategies as st

from bench.engines.worker import due_times
from bench.suite import Arrivals, load_suite, narrow, scenario_files, suite_files
from leases.definitions import DefinitionError

GUARD = '[guard.mine]\nabout = "a"\ndecide = { check = "never" }\ncommit = "monotonic"\n'
SCENARIO = '[scenario.s]\nabout = "a"\n'
FAULT = SCENARIO + "[[scenario.s.faults]]\n"
MANAGED = (
    '[guard.mine]\nabout = "a"\ndecide = { check = "inside" }\ncommit = "unconditional"\nexclude = { manager = %s }\n'
)


def suite(rest: str = "", guards: str = '["monotonic"]', scenarios: str = '["steady"]') -> str:
    return f"guards = {guards}\nscenarios = {scenarios}\n{rest}"


REFUSED = {
    "broken TOML": ("guards = [\nscenarios = 1", ["line 2"]),
    "no scenarios": ('guards = ["monotonic"]', ["scenarios", "is missing"]),
    "an empty list of guards": (suite(guards="[]"), ["guards", "at least 1"]),
    "an unknown key": (suite("trails = 3"), ["trails", "did you mean trials"]),
    "an unknown key of a load": (
        suite(SCENARIO + "load = { enactor = 3 }"),
        ["scenario.s.load.enactor", "enactors"],
    ),
    "an unknown key of a guard": (suite(GUARD + "comit = 1"), ["guard.mine.comit", "did you mean commit"]),
    "an unknown guard": (suite(guards='["monotonik"]'), ["guards", "monotonik", "did you mean monotonic"]),
    "an unknown scenario": (suite(scenarios='["stedy"]'), ["scenarios", "stedy", "did you mean steady"]),
    "an unknown kind of fault": (
        suite(FAULT + 'kind = "pawse"', scenarios='["s"]'),
        ["scenario.s", "faults.0.kind", "pawse", "did you mean pause?"],
    ),
    "a fault without a kind": (suite(FAULT + "enactors = [0]"), ["scenario.s", "faults.0", "kind"]),
    "an unknown key of a fault": (
        suite(FAULT + 'kind = "pause"\nenactors = [0]\ntimes_ttl = 2\nspraed = 0.1'),
        ["faults.0.spraed", "did you mean spread?"],
    ),
    "a fault of an enactor that is not there": (
        suite(FAULT + 'kind = "slow"\nenactors = [3]\nmedian_ms = 2'),
        ["faults.0.enactors", "0 to 2"],
    ),
    "an unknown lease manager": (suite(MANAGED % '"rediss"'), ["guard.mine", "rediss", "did you mean redis"]),
    "a number in place of a name": (suite(guards="[1]"), ["guards.0", "string"]),
    "a word in place of a number": (suite('trials = "many"'), ["trials", "integer", "'many'"]),
    "a table that is none": (suite("guard = { mine = 3 }"), ["guard.mine", "must be a table"]),
    "a list in place of the guard tables": (suite("guard = [1]"), ["guard", "dictionary"]),
    "no trial at all": (suite("trials = 0"), ["trials", "greater than or equal to 1", "0"]),
    "no time at all": (suite("duration_s = 0.0"), ["duration_s", "greater than 0"]),
    "more enactors than there may be": (
        suite(SCENARIO + "load = { enactors = 65 }"),
        ["load.enactors", "64"],
    ),
    "arrivals that nobody knows": (
        suite(SCENARIO + 'load = { planner = { arrivals = "never" } }'),
        ["load.planner.arrivals", "poisson"],
    ),
    "a lease that hardly lives": (
        suite(MANAGED % '"redis", ttl_ms = 1'),
        ["guard.mine.exclude.ttl_ms", "50"],
    ),
    "a rule that needs a lease, without one": (
        suite('[guard.mine]\nabout = "a"\ndecide = { check = "never" }\ncommit = "fenced"'),
        ["guard.mine", "add an exclude table"],
    ),
    "a name that no key could bear": (suite('[guard."My Guard"]\nabout = "a"'), ["guard.'My Guard'.name"]),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_a_suite_is_refused_with_file_key_and_way_out_for(mistake, tmp_path):
    text, named = REFUSED[mistake]
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(DefinitionError) as caught:
        load_suite(str(path))
    message = str(caught.value)
    assert "\n" not in message
    for part in (str(path), *named):
        assert part in message, message


def test_a_file_that_is_missing_a_directory_or_no_text_is_refused(tmp_path):
    (tmp_path / "d.toml").mkdir()
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe\x00")
    for name, reason in (
        ("none.toml", "cannot be read"),
        ("d.toml", "cannot be read"),
        ("b.toml", "not UTF-8"),
    ):
        with pytest.raises(DefinitionError, match=reason):
            load_suite(str(tmp_path / name))


def test_a_suites_name_is_its_files_and_must_be_one_that_a_key_can_bear(tmp_path):
    path = tmp_path / "My Suite.toml"
    path.write_text(suite())
    with pytest.raises(DefinitionError, match="a suite's name is its file's"):
        load_suite(str(path))


def test_every_suite_and_scenario_that_comes_along_is_understood():
    for name in (*suite_files(), *scenario_files()):
        assert load_suite(name).name == name


def test_guards_and_scenarios_of_the_suites_own_are_found_beside_the_presets(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(suite_text("mine_open monotonic"))
    loaded = load_suite(str(path))
    assert [guard.name for guard in loaded.guards] == ["mine_open", "monotonic"]
    assert [scenario.name for scenario in loaded.scenarios] == ["calm"]
    narrowed = narrow(loaded, guards=["compare_and_set", "mine_open", "mine_open"], trials=4, duration_s=0.5)
    assert [guard.name for guard in narrowed.guards] == ["compare_and_set", "mine_open"]
    assert (narrowed.trials, narrowed.duration_s) == (4, 0.5)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["quik"], "did you mean quick"),
        (["none.toml"], "none.toml: cannot be read"),
        (["quick", "--guard", "monotonik"], "did you mean monotonic"),
        (["quick", "--scenario", "stedy"], "did you mean steady"),
        (["quick", "--server", "imbedded"], "embedded"),
    ],
)
def test_a_name_that_is_not_known_is_one_line_and_2_and_nothing_is_started(arguments, named, tmp_path):
    temporary = tmp_path / "t"
    temporary.mkdir()
    ran = leasebench("run", *arguments, cwd=tmp_path, env={"TMPDIR": str(temporary)})
    assert ran.returncode == 2, ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    assert named in ran.stderr
    assert not list(temporary.iterdir())
    assert not Path(tmp_path / "runs").exists()


@pytest.mark.parametrize("option", [["--trials", "0"], ["--duration", "0"], ["--seed", "-1"], ["--nonsense"]])
def test_an_option_out_of_range_is_2(option, tmp_path):
    ran = leasebench("run", *option, cwd=tmp_path)
    assert ran.returncode == 2
    assert not (tmp_path / "runs").exists()


@given(
    kind=st.sampled_from(["steady", "poisson", "burst"]),
    rate=st.floats(0.5, 5_000),
    burst=st.integers(1, 50),
    seed=st.integers(0, 2**48),
)
def test_plans_are_due_in_order_and_at_the_mean_rate_that_was_asked_for(kind, rate, burst, seed):
    count = 1_000
    arrivals = Arrivals(arrivals=kind, rate_per_s=rate, burst_size=burst)
    due = list(islice(due_times(arrivals, Random(seed)), count))
    assert due == sorted(due)
    assert due[0] >= 0
    # A Poisson process of 1,000 arrivals strays by 3 % (one sigma); six of them.
    slack = {"steady": 0.001, "poisson": 0.19, "burst": burst / count}[kind]
    assert due[-1] / 1e9 == pytest.approx(count / rate, rel=slack + 0.001)


@given(burst=st.integers(2, 20))
def test_the_plans_of_a_burst_are_due_at_one_instant(burst):
    arrivals = Arrivals(arrivals="burst", rate_per_s=100, burst_size=burst)
    due = list(islice(due_times(arrivals, Random(1)), 5 * burst))
    assert len(set(due)) == 5
