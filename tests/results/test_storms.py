"""The map of lease storms: its thresholds are those of the cells; where they are off it says which assumption is."""

from types import SimpleNamespace

import altair as alt
import pytest
import vl_convert
from cells import cell, seen

from leasebench.registry import plugins
from leasebench.results.charts import Subject
from leasebench.results.display.theme import theme
from leasebench.results.reading.storms import sentences, storms, thresholds
from leasebench.results.record.suite import ScenarioTable
from leasebench.results.tables.storm_table import storm_tables
from leasebench.results.theory.lease_storm import LeaseStorm
from leasebench.results.theory.simulation import collapses
from leasebench.verdict import Verdict

CAPACITY = 250.0
TABLE = {"count": 2, "interval_ms": 1200.0, "timeout_ms": 300.0, "work_ms": 8.0, "endpoint": ""}
POLICIES = {"newest": "newest_first"}
LENGTHS_MS = (240, 280, 320, 360, 410, 470, 540, 620)
MAP = plugins("results.charts")["vulnerability_map"]


def of(verdicts, policy="fifo", *, capacity=1.0, before=1.0, **more):
    """A run of storms: verdicts by load and length of the outage (ms)."""
    scenarios, cells = [], {}
    for (load, ms), verdict in verdicts.items():
        hosts = round(load * CAPACITY * TABLE["interval_ms"] / 1000)
        name = f"storm-{policy}-{hosts}-{ms}"
        offered = hosts / TABLE["interval_ms"] * 1000
        scenarios.append(
            ScenarioTable.model_validate(
                {
                    "name": name,
                    "guards": ["monotonic"],
                    "load": {"enactors": 0},
                    "varied": {"programs.host_leases.policy": policy},
                    "programs": {
                        "host_leases": {**TABLE, "hosts": hosts, "policy": POLICIES.get(policy, "fixed_interval")}
                    },
                    "faults": [{"kind": "partition", "ms": ms}],
                }
                | more
            )
        )
        cells[name] = cell(
            "monotonic",
            name,
            verdict=verdict,
            outage_ms=seen(ms + 3.0),
            goodput_before_per_s=seen(before * offered),
            goodput_after_per_s=seen(offered),
            lease_capacity_per_s=seen(capacity * CAPACITY),
            lease_backlog=seen(offered * ms / 1000),
        )
    return SimpleNamespace(suite=SimpleNamespace(scenarios=scenarios), cell=lambda _, scenario: cells.get(scenario))


def simulated(load, ms):
    one = LeaseStorm(round(load * CAPACITY * 1.2), 1.2, 2, 0.008, 0.3, ms / 1000)
    return Verdict.METASTABLE if collapses(one) else Verdict.RECOVERS


@pytest.fixture(scope="module")
def fifo():
    return of({(load, ms): simulated(load, ms) for load in (0.5, 0.65, 0.8) for ms in LENGTHS_MS})


def test_the_threshold_lies_where_the_cells_change_and_agrees_with_theory(fifo):
    points = storms(fifo)
    assert len(points) == 3 * len(LENGTHS_MS)
    for one in thresholds(points):
        own = [point for point in points if point.storm.load == pytest.approx(one.load)]
        assert one.survived_s == max(point.storm.outage_s for point in own if not point.collapsed)
        assert one.collapsed_s == min(point.storm.outage_s for point in own if point.collapsed)
        assert one.survived_s < one.measured_s < one.collapsed_s
        assert one.agrees, one
        assert one.predicted_s < one.rule_of_thumb_s
    assert all("ratio" in line for line in sentences(thresholds(points)))


def test_where_theory_is_off_the_assumption_that_fails_is_named():
    early = {(0.5, ms): Verdict.METASTABLE if ms > 300 else Verdict.RECOVERS for ms in LENGTHS_MS}
    (slow,) = thresholds(storms(of(early, capacity=0.6)))
    assert slow.agrees is False
    assert slow.failed_assumptions()[0].startswith("capacity was 60% of W/s: it puts the threshold at 3")
    (line,) = sentences([slow])
    assert "capacity was 60%" in line
    (unexplained,) = thresholds(storms(of(early)))
    assert unexplained.failed_assumptions() == []
    assert "none of the assumptions" in next(sentences([unexplained]))


def test_theory_says_nothing_of_other_policies():
    late = {(0.5, ms): Verdict.METASTABLE if ms > 300 else Verdict.RECOVERS for ms in LENGTHS_MS}
    (plain,), (newest,) = (thresholds(storms(of(late, policy=policy))) for policy in ("fifo", "newest"))
    assert plain.ratio == newest.ratio
    assert (plain.agrees, newest.agrees) == (False, None)


def test_outages_that_come_out_against_the_order_of_their_lengths_are_counted():
    mixed = {(0.8, ms): Verdict.METASTABLE if ms in (280, 410, 470, 540, 620) else Verdict.SLOW for ms in LENGTHS_MS}
    (one,) = thresholds(storms(of(mixed)))
    assert (one.survived_s, one.collapsed_s, one.against) == (pytest.approx(0.363), pytest.approx(0.413), 1)


def test_a_disturbed_trial_tells_nothing_of_the_threshold(fifo):
    assert thresholds(storms(of({(0.8, 400): Verdict.METASTABLE}, before=0.8))) == []
    assert not any(point.disturbed for point in storms(fifo))


@pytest.mark.parametrize("verdict", [Verdict.RECOVERS, Verdict.METASTABLE])
def test_a_threshold_beyond_all_outages_of_the_run_is_not_made_up(verdict):
    (one,) = thresholds(storms(of({(0.8, ms): verdict for ms in LENGTHS_MS}, policy="newest")))
    assert (one.measured_s, one.ratio, one.agrees) == (None, None, None)
    assert not one.in_theory
    (line,) = sentences([one])
    assert ("no outage" in line) == (verdict is Verdict.RECOVERS)


def test_what_is_no_storm_is_not_on_the_map():
    guarded = of({(0.8, 400): Verdict.STALE}, load={"enactors": 3})
    assert storms(guarded) == []
    assert MAP.draw(Subject(guarded)) is None


def test_the_terminal_has_a_table_for_each_panel(fifo):
    (table,) = storm_tables(storms(fifo))
    assert [column.heading for column in table.columns] == ["load", *(f"{ms} ms" for ms in LENGTHS_MS)]
    assert [row[0].text for row in table.rows] == ["50%", "65%", "80%"]
    for load, row in zip((0.5, 0.65, 0.8), table.rows, strict=True):
        assert [text.text.split()[0] for text in row[1:]] == [simulated(load, ms).value for ms in LENGTHS_MS]
    (disturbed,) = storm_tables(storms(of({(0.8, 400): Verdict.METASTABLE}, before=0.8)))
    assert disturbed.rows[0][1].text.startswith("~metastable")


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_the_map_has_a_mark_for_each_cell_and_a_panel_for_each_policy(fifo, mode):
    newest = of({(load, ms): Verdict.RECOVERS for load in (0.5, 0.8) for ms in LENGTHS_MS}, policy="newest")
    both = SimpleNamespace(
        suite=SimpleNamespace(scenarios=[*fifo.suite.scenarios, *newest.suite.scenarios]),
        cell=lambda guard, scenario: fifo.cell(guard, scenario) or newest.cell(guard, scenario),
    )
    spec = MAP.draw(Subject(both))
    assert [panel["title"]["text"] for panel in spec["concat"]] == ["fifo, redis", "newest, redis"]
    marks = [panel["layer"][0]["data"]["values"] for panel in spec["concat"]]
    assert [len(rows) for rows in marks] == [3 * len(LENGTHS_MS), 2 * len(LENGTHS_MS)]
    assert "3 of 3 measured thresholds of first-in-first-out work" in " ".join(spec["title"]["subtitle"])
    shown = {**spec, "config": theme(mode)}
    assert alt.Chart.from_dict(shown).to_dict(validate=True)
    assert vl_convert.vegalite_to_vega(shown)["marks"]
