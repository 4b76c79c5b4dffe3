"""A grid of scenarios: every combination of values once, each by its own name, and no other."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leasebench.bench.suite import load_suite, narrow
from leasebench.bench.variation import MAX_MEMBERS, variations
from leasebench.definitions import DefinitionError

HEAD = """
guards = ["monotonic"]
scenarios = ["storm", "steady"]
[scenario.storm]
about = "a grid"
expected = ["clean", "unproven"]
load = { enactors = 2 }
[[scenario.storm.faults]]
kind = "pause"
enactors = [0]
ms = 5.0
"""


def suite(tmp_path, vary):
    path = tmp_path / "grid.toml"
    path.write_text(f"{HEAD}[scenario.storm.vary]\n{vary}\n")
    return str(path)


def test_each_combination_is_a_scenario_that_is_named_by_its_values(tmp_path):
    vary = '"load.endpoints" = [2, 5]\n"faults.0.ms" = [0.5, 20]\n"load" = { few = {}, many = { enactors = 7 } }'
    found = load_suite(suite(tmp_path, vary))
    *storm, steady = found.scenarios
    names = [f"storm-{n}-{ms}-{text}" for n, ms, text in product((2, 5), ("0_5", "20"), ("few", "many"))]
    assert [one.name for one in storm] == names
    assert steady.name == "steady"
    assert (steady.family, steady.varied, steady.expected) == (None, None, None)
    last = storm[-1]
    assert (last.load.endpoints, last.load.enactors, last.parsed_faults[0].ms) == (5, 7, 20)
    assert (storm[0].load.endpoints, storm[0].load.enactors, storm[0].parsed_faults[0].ms) == (2, 2, 0.5)
    assert last.family == "storm"
    assert last.varied == {"load.endpoints": "5", "faults.0.ms": "20", "load": "many"}
    assert last.expected == ["clean", "unproven"]
    assert [one.name for one in narrow(found, scenarios=["storm"]).scenarios] == names
    assert [one.name for one in narrow(found, scenarios=[names[3], "steady"]).scenarios] == [names[3], "steady"]


REFUSED = {
    "an unknown key": ('"load.endpoint" = [1, 2]', ["scenario.storm.vary.'load.endpoint'", "did you mean endpoints"]),
    "an unknown key that leads through one": ('"loud.endpoints" = [1]', ["'loud.endpoints'", "did you mean load"]),
    "a kind that is not there": ('"programs.nobody.count" = [1]', ["'programs.nobody.count'", "unknown program kind"]),
    "an empty list": ('"load.endpoints" = []', ["'load.endpoints'", "one at least"]),
    "no list": ('"load.endpoints" = 3', ["'load.endpoints'", "must be a list of values"]),
    "nothing": ("", ["scenario.storm.vary", "must be a table of keys"]),
    "a fault that is not there": ('"faults.1.ms" = [1]', ["there is no number 1: the list has 1"]),
    "a number that is no table": ('"load.enactors.more" = [1]', ["'more' would be inside 2"]),
    "a value that is refused": ('"load.endpoints" = [2, 50000]', ["vary.'load.endpoints'", "10000", "storm-50000"]),
    "too many": (f'"load.endpoints" = {list(range(1, MAX_MEMBERS + 2))}', ["501", "fewer"]),
    "a table without a name": ('"load" = [{ enactors = 1 }]', ["need names"]),
    "a long name": ('"load.discover" = { %s = "told" }' % ("a" * 40), ["1 to 40", "name the values"]),
    "a value twice": ('"load.endpoints" = [2, 2]', ["has a value twice"]),
    "two of one name": (
        '"load.endpoints" = { a = 1, a-b = 2 }\n"faults.0.ms" = { b-c = 1, c = 2 }',
        ["name the values apart"],
    ),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_a_grid_is_refused_in_one_line_that_names_the_key_for(mistake, tmp_path):
    vary, told = REFUSED[mistake]
    with pytest.raises(DefinitionError) as caught:
        load_suite(suite(tmp_path, vary))
    message = str(caught.value)
    assert "\n" not in message
    for part in ("grid.toml:", "scenario.storm.vary", *told):
        assert part in message, message


def test_a_mistake_beside_the_grid_is_told_where_it_is(tmp_path):
    path = suite(tmp_path, '"load.endpoints" = [2, 3]')
    text = (tmp_path / "grid.toml").read_text().replace("ms = 5.0", "ms = 0.0")
    (tmp_path / "grid.toml").write_text(text)
    with pytest.raises(DefinitionError, match=r"scenario\.storm\.faults\.0\.ms") as caught:
        load_suite(path)
    assert "\n" not in str(caught.value)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.sampled_from("abcde"), st.lists(st.integers(0, 99), unique=True, min_size=1, max_size=3)))
def test_the_scenarios_are_the_product_of_the_values(axes):
    if not axes:
        return
    body = {"x": {"there": 1}, "vary": {f"x.{key}": values for key, values in axes.items()}}
    found = variations("g", body)
    assert body["x"] == {"there": 1}, "nothing that was there is changed"
    assert [tuple(one.body["x"][key] for key in axes) for one in found] == list(product(*axes.values()))
    assert all(one.body["x"]["there"] == 1 for one in found)
    assert len({one.name for one in found}) == len(found)


LIKE = """
guards = ["monotonic"]
scenarios = ["own"]
[scenario.own]
like = "NAME"
about = "as another, but for what stands here"
load.planner.rate_per_s = 7.0
"""


def test_a_scenario_may_be_laid_over_one_of_ours(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(LIKE.replace("NAME", "incident"))
    (own,), (theirs,) = load_suite(str(path)).scenarios, load_suite("incident").scenarios
    assert own.about != theirs.about
    assert (own.load.planner.rate_per_s, own.load.planner.burst_size) == (7.0, theirs.load.planner.burst_size)
    assert (own.load.rollback, own.faults) == (theirs.load.rollback, theirs.faults)


def test_the_scenario_that_it_is_like_has_to_be_one_of_ours(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(LIKE.replace("NAME", "incidnt"))
    with pytest.raises(DefinitionError, match=r"own\.toml:5: scenario\.own\.like: .*incident"):
        load_suite(str(path))
