"""What the command line lays over a suite: single values and sweeps."""

import json
from itertools import pairwise

import altair as alt
import pytest
from commands import leasebench, suite_text
from hypothesis import given
from hypothesis import strategies as st

from leasebench.bench.parameters import parameter
from leasebench.bench.run import plan_trials
from leasebench.bench.suite import load_suite, narrow
from leasebench.bench.sweep import MOST_VALUES, laid_over, parse_sweep
from leasebench.definitions import DefinitionError
from leasebench.results.charts import Subject
from leasebench.results.charts.scaling import PLUGIN as SCALING
from leasebench.results.charts.sweep import PLUGIN
from leasebench.results.evidence.core_time import core_time
from leasebench.results.reading.sweeps import swept_lines
from leasebench.results.record.health import ProcessHealth, TrialHealth
from leasebench.results.record.journal import RowKind
from leasebench.results.run import load
from leasebench.verdict import Verdict


def values(text):
    return list(parse_sweep(text).values.values())


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("ttl_ms=50,100,200,500", "ttl_ms", [50, 100, 200, 500]),
        ("ttl=50ms,0.2s,2s", "ttl_ms", [50, 200, 2000]),
        ("enactors=2..32", "enactors", [2, 4, 8, 16, 32]),
        ("enactors=2..20", "enactors", [2, 4, 8, 16, 20]),
        ("pause=10..1000x10", "pause_ms", [10, 100, 1000]),
        ("pause=20..120+25", "pause_ms", [20, 45, 70, 95, 120]),
        ("hold=0.5..4", "work_ms", [0.5, 1, 2, 4]),
        ("pause=100ms..1sx3", "pause_ms", [100, 300, 900, 1000]),
        ("load.planner.rate_per_s=10,20", "rate_per_s", [10, 20]),
        ("load.resume=start_over,checkpoint", "load.resume", ["start_over", "checkpoint"]),
        ("load.rollback=true,false", "load.rollback", [True, False]),
        ("faults.0.every_s=100ms,2s", "faults.0.every_s", [0.1, 2]),
    ],
)
def test_values_are_a_list_or_a_range(text, name, expected):
    assert parse_sweep(text).parameter.name == name
    assert values(text) == expected


@given(first=st.integers(1, 1000), more=st.integers(1, 10**6), factor=st.integers(2, 9))
def test_a_range_begins_with_its_first_ends_with_its_last_and_grows(first, more, factor):
    found = values(f"enactors={first}..{first + more}x{factor}")
    assert (found[0], found[-1]) == (first, first + more)
    assert found == sorted(set(found))
    assert all(later <= factor * earlier for earlier, later in pairwise(found))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ttl_ms", "KEY=VALUES"),
        ("=1,2", "KEY=VALUES"),
        ("ttl_ms=", "KEY=VALUES"),
        ("ttl_mss=1,2", "did you mean ttl_ms"),
        ("pause=50", "two at least"),
        ("enactors=2,2", "twice"),
        ("enactors=2s,4s", "no time"),
        ("enactors=8..2", "below the last"),
        ("enactors=0..8", "above 0"),
        ("enactors=1..8x1", "more than 1"),
        ("enactors=1..8+0", "more than 0"),
        ("enactors=1..", "FIRST..LAST"),
        ("ttl=often,never", "100ms"),
        (f"enactors=1..{MOST_VALUES + 1}+1", f"more than {MOST_VALUES}"),
    ],
)
def test_a_sweep_that_makes_no_sense_is_one_line_with_the_way_out(text, told):
    with pytest.raises(DefinitionError) as error:
        parse_sweep(text)
    assert told in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def over(suite="pause_before_commit", *sweeps, scenarios=(), **set_to):
    return laid_over(load_suite(suite), set_to, sweeps, scenarios)


class TestSingleValues:
    def test_stand_in_every_scenario_and_in_the_words_of_the_command(self):
        suite = over("quick", ttl="2s", enactors="4", endpoints="5", rate="12.5")
        assert {scenario.ttl_ms for scenario in suite.scenarios} == {2000}
        loads = [scenario.load for scenario in suite.scenarios]
        assert {(load.enactors, load.endpoints, load.planner.rate_per_s) for load in loads} == {(4, 5, 12.5)}
        assert suite.asked_for == [
            *("quick", "--ttl", "2s", "--enactors", "4", "--endpoints", "5", "--rate", "12.5"),
        ]  # fmt: skip
        assert [scenario.name for scenario in suite.scenarios] == ["steady", "slow_enactor", "pause_before_commit"]
        assert {plan.ttl_ms for plan in plan_trials(suite, 1)} == {2000}

    def test_leave_a_suite_as_it_is_where_nothing_is_set(self):
        suite = load_suite("quick")
        assert laid_over(suite, {}, [], []) is suite

    @pytest.mark.parametrize(
        ("suite", "set_to", "told"),
        [
            ("pause_before_commit", {"enactors": "1"}, "pause_before_commit with --enactors 1: faults.0.enactors"),
            ("pause_before_commit", {"ttl": "5"}, "greater than or equal to 50"),
            ("lease_storm_quick", {"enactors": "3"}, "no enactors"),
            ("lease_storm_quick", {"rate": "3"}, "no enactors"),
            ("steady", {"ttl": "soon"}, "100ms"),
        ],
    )
    def test_that_can_not_be_set_are_one_line(self, suite, set_to, told):
        with pytest.raises(DefinitionError) as error:
            over(suite, **set_to)
        assert told in str(error.value)
        assert len(str(error.value).splitlines()) == 1


class TestSweeps:
    def test_make_a_scenario_of_each_value(self):
        suite = over("steady", "enactors=2..8")
        assert [scenario.name for scenario in suite.scenarios] == ["steady-2", "steady-4", "steady-8"]
        assert [scenario.load.enactors for scenario in suite.scenarios] == [2, 4, 8]
        assert {scenario.family for scenario in suite.scenarios} == {"steady"}
        assert [scenario.varied for scenario in suite.scenarios] == [{"enactors": text} for text in "248"]
        assert (suite.swept, suite.asked_for) == (["enactors"], ["steady", "--sweep", "enactors=2..8"])

    def test_two_make_one_of_each_pair_and_three_are_too_many(self):
        suite = over("steady", "hold=0.5,2", "rate=20,40")
        assert [scenario.name for scenario in suite.scenarios] == [
            *("steady-0_5-20", "steady-0_5-40", "steady-2-20", "steady-2-40"),
        ]  # fmt: skip
        assert suite.scenarios[0].varied == {"work_ms": "0.5", "rate_per_s": "20"}
        for sweeps in (("hold=1,2", "rate=1,2", "ttl=50,60"), ("hold=1,2", "work=3,4")):
            with pytest.raises(DefinitionError, match="--sweep"):
                over("steady", *sweeps)

    def test_a_pause_lasts_exactly_so_long_whatever_the_time_to_live(self):
        suite = over("pause_before_commit", "pause=80,2s", ttl="500ms")
        faults = [scenario.parsed_faults[0] for scenario in suite.scenarios]
        assert [(fault.ms, fault.times_ttl, fault.spread) for fault in faults] == [(80, None, 0), (2000, None, 0)]

    def test_choose_scenarios_before_and_their_values_after(self):
        with pytest.raises(DefinitionError, match="steady: nobody is paused"):
            over("quick", "pause=80,200")
        suite = over("quick", "pause=80,200", scenarios=["pause_before_commit"])
        assert [scenario.family for scenario in suite.scenarios] == ["pause_before_commit"] * 2
        again = narrow(over("pause_before_commit", "pause=80,200"), scenarios=["pause_before_commit-80"])
        assert [scenario.name for scenario in again.scenarios] == ["pause_before_commit-80"]

    @pytest.mark.parametrize(
        ("sweep", "told"),
        [
            ("enactors=1,2", "enactors=1"),
            ("load.clean_agee=1,2", "did you mean clean_age"),
            ("faults.7.ms=1,2", "no number 7"),
            ("load.resume=give_up,rest", "start_over"),
        ],
    )
    def test_that_lead_nowhere_are_one_line(self, sweep, told):
        with pytest.raises(DefinitionError) as error:
            over("pause_before_commit", sweep)
        assert told in str(error.value)
        assert len(str(error.value).splitlines()) == 1


class TestExpectations:
    """One that claims to hold must hold at every value; one that is known to fail somewhere may fail anywhere."""

    def expected(self, guard, *sweeps):
        plans = plan_trials(narrow(over("pause_before_commit", *sweeps), guards=[guard]), 1)
        return [set(plan.expected) for plan in plans]

    def test_of_a_sweep(self):
        for guard in ("redis_lock", "last_writer_wins", "fenced_at_write"):
            assert all({"clean", "stale", "unproven"} <= one for one in self.expected(guard, "pause=10,300"))
        assert self.expected("monotonic", "pause=10,300") == [{"clean", "unproven"}] * 2
        assert all("failed" not in one for one in self.expected("redis_lock", "pause=10,300"))

    def test_of_a_suite_that_is_not_swept_are_as_stated(self):
        assert self.expected("redis_lock") == [{Verdict.STALE}]
        assert self.expected("monotonic") == [{Verdict.CLEAN}]


def test_a_parameter_is_known_by_its_path_too():
    assert parameter("load.enactors").name == parameter("enactors").name == "enactors"


def test_a_swept_run_shows_its_values_across_and_says_where_guards_part(tmp_path):
    (tmp_path / "tiny.toml").write_text(suite_text(scenario="paused"))
    words = ["--sweep", "pause=1,60", "--seed", 1, "--out", "r", "--json"]
    ended = leasebench("run", "tiny.toml", *words, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert {cell["scenario"] for cell in json.loads(ended.stdout)["cells"]} == {"paused-1", "paused-60"}
    lines = swept_lines(load(tmp_path / "r"))
    assert [(line.guard, [one.text for one in line.points]) for line in lines] == [
        ("mine_open", ["1", "60"]),
        ("mine_monotonic", ["1", "60"]),
    ]
    shown = ended.stderr
    assert "1 ms" in shown
    assert "60 ms" in shown
    assert len([line for line in shown.splitlines() if line.startswith(("mine_open ", "mine_monotonic "))]) == 6
    run = load(tmp_path / "r")
    spec = PLUGIN.draw(Subject(run))
    assert alt.Chart.from_dict(spec).to_dict(validate=True)
    (rows,) = {tuple((row["guard"], row["text"]) for row in rows) for rows in _values_in(spec)}
    assert set(rows) == {(guard, text) for guard in ("mine_open", "mine_monotonic") for text in ("1", "60")}
    assert any("mine_monotonic" in line for line in spec["title"]["subtitle"])
    assert SCALING.draw(Subject(run)) is None, "a longer pause makes no trial larger"


def test_a_run_of_more_and_more_enactors_shows_how_fast_they_were_and_where_the_cores_time_went(tmp_path):
    (tmp_path / "tiny.toml").write_text(suite_text("mine_monotonic"))
    words = ["--sweep", "enactors=1,3", "--duration", "0.3", "--seed", 1, "--out", "r"]
    ended = leasebench("run", "tiny.toml", *words, cwd=tmp_path)
    assert ended.returncode in (0, 4), ended.stderr
    run = load(tmp_path / "r")
    spec = SCALING.draw(Subject(run))
    assert alt.Chart.from_dict(spec).to_dict(validate=True)
    speeds, cores, times = (list(rows) for rows in {id(rows): rows for rows in _values_in(spec)}.values())
    assert sorted(row["text"] for row in speeds) == ["1", "3"]
    for row in speeds:
        journal = run.journal[run.journal["trial"] == row["trial"]]
        facts = run.facts(row["trial"])
        ended = journal["end_ns"].between(facts.start_ns + 1, facts.load_end_ns)
        asked = ~journal["kind"].isin([RowKind.WORK, RowKind.PLAN, RowKind.WITHDRAW])
        assert row["per_second"] == pytest.approx((ended & asked).sum() / facts.load_s, rel=1e-3)
        assert 0 < facts.starting_s < 20
        assert 0 < facts.collecting_s < 20
    for text in ("1", "3"):
        assert sum(row["share"] for row in cores if row["text"] == text) == pytest.approx(1, abs=0.01)
    assert {row["what"] for row in times} == {"to start", "to collect"}
    assert "1 enactors" in spec["description"]


def test_the_time_of_the_cores_is_shared_out_by_who_used_it():
    used = {"harness": 100, "server": 400, "server of cell c1": 100, "c0.planner": 50, "c0.enactor-1": 600, "lease": 50}
    used |= {"lock of c0.enactor-1": 100, "proxy of c0.enactor-1": 50}
    told = [ProcessHealth(name=name, pid=1, cpu_ms=ms) for name, ms in used.items()]
    health = TrialHealth(watched_s=1.0, cores=(0, 1), strangers_pct=10.0, processes=told)
    assert dict(core_time(health)) == pytest.approx(
        {"server": 0.275, "enactors": 0.35, "harness and the rest": 0.1, "other programs": 0.1, "idle": 0.175}
    )
    assert core_time(health.model_copy(update={"strangers_pct": None})) is None
    busy = health.model_copy(update={"strangers_pct": 90.0})
    assert sum(dict(core_time(busy)).values()) == pytest.approx(1)


def _values_in(part):
    """The rows of every layer of a picture."""
    if isinstance(part, dict):
        if "values" in part and isinstance(part["values"], list | tuple) and isinstance(part["values"][0], dict):
            yield part["values"]
        part = list(part.values())
    for one in part if isinstance(part, list) else ():
        yield from _values_in(one)
