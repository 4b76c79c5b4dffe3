"""Where a measurement and an exploration exclude each other, one of the two is wrong, and that is said."""

import json
from types import SimpleNamespace

import cells
import pytest
from facts_in import facts_in
from large_run import write_large_run

import leasebench
from leasebench.bench.scenario import Scenario
from leasebench.registry import plugins
from leasebench.results.charts import Subject
from leasebench.results.compare.circumstances import differing
from leasebench.results.reading.explored import contradictions, missing
from leasebench.results.record.explored import Explored, read_explored
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.record.names import EXPLORED_FILE
from leasebench.results.record.suite import SUITE, GuardTable, ScenarioTable, SuiteRecord
from leasebench.results.report.write import write_report

MONOTONIC = {
    "name": "mine",
    "about": "mine",
    "decide": {"pick": "before", "check": "never"},
    "commit": "monotonic",
    "clean": {"rule": "by_age", "referential": False},
}
LOCK = {
    **MONOTONIC,
    "decide": {"pick": "inside", "check": "inside"},
    "exclude": {"manager": "redis", "scope": "endpoint", "ttl_ms": 100, "renewal": "none", "on_loss": "retry"},
    "commit": "fence_registered",
}
HOLDS = {"holds": True, "shortest_trace": None}


def explored(guard=MONOTONIC, properties=("stale_overwrite", "dangling", "wedged"), exhaustive=True, **scope):
    """What `explored.json` holds of one guard: the properties hold in the default scope, with changes."""
    sizes = {"enactors": 2, "plans": 5, "endpoints": 1, "expiry": True, "crashes": 0, "messages": 0, "rollback": False}
    return {
        "guard": guard["name"],
        "table": {name: value for name, value in guard.items() if name != "name"},
        "scope": sizes | scope,
        "states": 4440,
        "transitions": 9644,
        "seconds": 0.3,
        "exhaustive": exhaustive,
        "properties": dict.fromkeys(properties, HOLDS),
    }


def met(*found, guard=MONOTONIC, scenario=None, **cell):
    """The contradictions between what was explored and one cell in which a stale overwrite was measured."""
    counts = {"stale_overwrites": 3, "dangling": 0, "wedged": 0, "unknown": 0, "failures": [], "faults": {}}
    row = cells.cell("mine", "calm", **counts | cell)
    calm = {"name": "calm", "guards": ["mine"], "trouble": "none", "load": {}, **(scenario or {})}
    suite = SUITE.validate_python({"name": "s", "trials": 1, "guards": [guard], "scenarios": [calm]})
    return contradictions(cells.summary(row), suite, Explored.model_validate({"schema": 1, "guards": list(found)}))


def test_a_measured_stale_overwrite_contradicts_an_exploration_that_excludes_it():
    (found,) = met(explored())
    assert (found.guard, found.scenario, found.seen) == ("mine", "calm", 3)
    assert str(found).startswith("mine under calm: 3 stale_overwrites measured")
    assert facts_in(str(found)) == ["3", "4,440", "2", "5", "1"]


@pytest.mark.parametrize(("figure", "name"), [("dangling", "dangling"), ("wedged", "wedged")])
def test_so_does_an_endpoint_that_became_empty_and_a_cell_that_was_wedged(figure, name):
    (found,) = met(explored(), **{"stale_overwrites": 0, figure: 2})
    assert (found.property, found.seen) == (name, 2)


def test_what_was_not_measured_contradicts_nothing():
    assert met(explored(), stale_overwrites=0) == []


@pytest.mark.parametrize(
    "found",
    [
        explored(properties=["dangling"]),
        explored(exhaustive=False),
        {**explored(), "properties": {"stale_overwrite": {"holds": False, "shortest_trace": 8}}},
        {**explored(), "properties": {"stale_overwrite": {"holds": None, "shortest_trace": None}}},
        {**explored(), "guard": "another"},
        explored({**MONOTONIC, "commit": "unconditional"}),
        explored({**MONOTONIC, "clean": {"rule": "skip_active", "referential": False}}),
    ],
)
def test_what_was_not_proved_of_this_guard_is_not_contradicted(found):
    assert met(found) == []


def test_a_guard_that_differs_in_times_and_words_alone_is_the_same_one():
    other = {**LOCK, "about": "other words", "exclude": {**LOCK["exclude"], "ttl_ms": 600_000}}
    assert len(met(explored(LOCK), guard=other)) == 1


def test_a_lease_may_have_expired_in_any_scenario():
    assert met(explored(LOCK, expiry=False), guard=LOCK) == []
    assert len(met(explored(expiry=False))) == 1, "a guard without a lease has none that expires"


@pytest.mark.parametrize(
    "scenario",
    [
        {"trouble": "lease_server"},
        {"trouble": "store"},
        {"faults": [{"kind": "flush"}]},
        {"faults": [{"kind": "a_fault_of_another_package"}]},
        {"faults": [{"kind": "of_a_newer_version", "effect": "unheard_of"}]},
        {"faults": [{"kind": "crash", "enactors": [0], "effect": "crash"}]},
        {"faults": [{"kind": "late_write", "effect": "commits"}]},
        {"load": {"client_retries": 3}},
        {"load": {"operator": {"look_ms": 20.0}}},
    ],
)
def test_what_the_exploration_did_not_have_may_be_the_reason(scenario):
    assert met(explored(), scenario=scenario) == []


def test_a_reply_that_did_not_come_may_be_the_reason():
    assert met(explored(), unknown=1) == []
    assert len(met(explored(messages=1), unknown=1)) == 1


def test_what_the_exploration_had_is_no_excuse():
    """Whatever the fault is called: what counts is what it says of itself."""
    faults = [{"kind": f"of_another_package_{effect}", "effect": effect} for effect in ("timing", "crash", "commits")]
    assert len(met(explored(crashes=1, messages=1), scenario={"trouble": "timing", "faults": faults})) == 1
    assert met(explored(messages=1), scenario={"trouble": "timing", "faults": faults}) == []
    assert met(explored(crashes=1), scenario={"trouble": "timing", "faults": faults}) == []


def test_a_suite_keeps_what_each_fault_may_do():
    tables = [
        {"kind": "pause", "ms": 5.0, "enactors": [0]},
        {"kind": "slow", "median_ms": 2.0, "enactors": [0]},
        {"kind": "crash", "before": "commit", "enactors": [0]},
        {"kind": "delay", "ms": 5.0, "enactors": [0]},
        {"kind": "delay", "ms": 5.0, "on": "commit", "enactors": [0]},
        {"kind": "late_write", "ms": 5.0, "enactors": [0]},
        {"kind": "partition", "ms": 5.0, "enactors": [0]},
        {"kind": "flush"},
    ]
    effects = ["timing", "timing", "crash", "requests", "commits", "commits", "requests", "other"]
    scenario = Scenario(name="s", about="s", guards=["mine"], faults=tables)
    recorded = ScenarioTable.model_validate(scenario.model_dump(mode="json", exclude_none=True))
    assert [fault.effect for fault in recorded.faults] == effects
    given = [fault.model_dump(mode="json", exclude_unset=True, exclude={"effect"}) for fault in recorded.faults]
    assert given == tables


def test_a_run_that_does_not_say_it_is_otherwise_the_same():
    """One of version 0.1 has no effects in its suite."""
    runs = []
    for told in ({}, {"effect": "timing"}):
        scenario = {"name": "s", "guards": ["mine"], "faults": [{"kind": "pause", "ms": 5.0} | told]}
        suite = SUITE.validate_python({"name": "s", "trials": 1, "guards": [MONOTONIC], "scenarios": [scenario]})
        runs.append(SimpleNamespace(manifest=None, suite=suite))
    assert not [line for line in differing(*runs) if "scenario" in line]
    runs[0].suite.scenarios[0].faults[0].__pydantic_extra__["ms"] = 6.0
    assert [line for line in differing(*runs) if "scenario" in line] == ["scenario: defined otherwise: s (faults)"]


def test_a_network_that_touches_more_than_commits_was_not_explored():
    scenario = {"trouble": "timing", "faults": [{"kind": "partition", "effect": "requests"}]}
    assert met(explored(crashes=1, messages=1), scenario=scenario) == []


def test_a_rollback_record_forbids_commits_where_plans_in_force_can_be_deleted():
    can_dangle = explored(properties=["stale_overwrite"], rollback=True)
    assert met(can_dangle) == []
    assert len(met(can_dangle, scenario={"load": {"rollback": True}})) == 1
    assert len(met(explored(rollback=True))) == 1, "nothing dangles: it never forbids anything"


def test_one_scope_that_has_it_all_is_enough():
    found = met(explored(), explored(crashes=1), scenario={"faults": [{"kind": "crash", "effect": "crash"}]})
    assert [each.explored.scope.crashes for each in found] == [1]


def test_a_history_that_can_not_be_trusted_contradicts_nothing():
    assert met(explored(), failures=["trial 1: endpoint e000 changed outside the history"]) == []


def test_a_run_that_was_not_explored_is_contradicted_by_nothing(tmp_path):
    assert read_explored(tmp_path) is None
    suite = SuiteRecord(name="s", trials=1, guards=(), scenarios=())
    assert contradictions(cells.summary(cells.cell()), suite, None) == []


def test_what_was_missing_is_told_in_phrases():
    found = Explored.model_validate({"schema": 1, "guards": [explored(LOCK, expiry=False)]}).guards[0]
    faults = [{"kind": "restart"}, {"kind": "crash", "effect": "crash"}]
    table = {"name": "s", "guards": [], "trouble": "store", "faults": faults, "load": {"client_retries": 1}}
    guard, scenario = GuardTable.model_validate(LOCK), ScenarioTable.model_validate(table)
    assert list(missing(found, guard, scenario, cells.cell(unknown=2))) == [
        "a scenario whose trouble is store",
        "the fault restart",
        "clients that repeat their requests",
        "leases that may expire",
        "a crash",
        "a commit in flight",
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("not json", "cannot be read"),
        ("[]", "holds no JSON object"),
        ('{"schema": 2, "guards": []}', "schema 2; this leasebench reads schema 1"),
        ('{"schema": 1}', "the key guards is missing"),
        (
            json.dumps({"schema": 1, "guards": [{**explored(), "scope": {}}]}),
            r"the key guards\.0\.scope\.enactors",
        ),
    ],
)
def test_a_bad_file_is_named(tmp_path, content, says):
    (tmp_path / EXPLORED_FILE).write_text(content)
    with pytest.raises(BadRunDirectory, match=rf"explored\.json: {says}"):
        read_explored(tmp_path)


class TestARunThatCarriesIt:
    """The second layer of the heat map, and the loud word where the two exclude each other."""

    @pytest.fixture
    def place(self, tmp_path):
        write_large_run(tmp_path / "r", ("loose", "tight"), 4_000)
        return tmp_path / "r"

    def carry(self, place, answers, guard="loose"):
        table = leasebench.load(place).suite.guard(guard).model_dump(mode="json", exclude_unset=True)
        entry = explored(table) | {"properties": answers}
        (place / EXPLORED_FILE).write_text(json.dumps({"schema": 1, "guards": [entry]}))
        return leasebench.load(place)

    def second_layer(self, run):
        spec = plugins("results.charts")["verdict_heatmap"].draw(Subject(run))
        rows = next(iter(spec["datasets"].values())) if "datasets" in spec else spec["data"]["values"]
        return {(row["guard"], row["scenario"]): row for row in rows if row["scenario"].startswith("explored")}

    def test_the_heat_map_has_no_second_layer_without_it(self, place):
        assert self.second_layer(leasebench.load(place)) == {}

    def test_the_heat_map_shows_what_can_happen_and_in_how_many_steps(self, place):
        answers = {"stale_overwrite": {"holds": False, "shortest_trace": 10}, "dangling": HOLDS}
        rows = self.second_layer(self.carry(place, answers))
        assert rows["loose", "explored: stale"]["verdict"] == "stale"
        assert rows["loose", "explored: stale"]["letter"] == "10"
        assert rows["loose", "explored: empty"]["verdict"] == "clean"

    def test_what_was_measured_and_can_not_happen_is_said_by_run_and_report(self, place):
        run = self.carry(place, {"stale_overwrite": HOLDS, "dangling": HOLDS})
        (found,) = run.contradictions()
        assert "loose under steady" in str(found)
        write_report(run, place / "report.html")
        assert str(found) in (place / "report.html").read_text()

    def test_what_was_found_possible_contradicts_nothing(self, place):
        run = self.carry(place, {"stale_overwrite": {"holds": False, "shortest_trace": 10}})
        assert run.contradictions() == []

    def test_a_broken_file_is_told_and_the_rest_is_read(self, place):
        (place / EXPLORED_FILE).write_text("{")
        run = leasebench.load(place)
        assert run.explored is None
        assert run.contradictions() == []
        (problem,) = run.problems
        assert problem.startswith(str(place / EXPLORED_FILE))
