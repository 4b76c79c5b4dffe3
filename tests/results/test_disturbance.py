"""What disturbs a trial is told by name, from recorded facts; nothing is said of one that was as it should be."""

import dataclasses
import json

import pandas as pd
import pytest
from cells import cell, summary
from synthetic import FACTS, row

from leasebench.results.evidence.disturbance import disturbances
from leasebench.results.record.faults import FaultRow, overran
from leasebench.results.record.health import HEALTH, TrialHealth
from leasebench.results.record.journal import RowKind
from leasebench.results.record.process import Process
from leasebench.results.record.trial import TrialFacts
from leasebench.results.tables.columns import DISTURBED_MARK
from leasebench.results.tables.remarks import remarks
from leasebench.results.tables.run_table import tables

QUIET = {
    "watched_s": 2.0,
    "looks": 95,
    "late_ms_p99": 1.2,
    "late_ms_max": 6.0,
    "standstills": [{"at_ns": 1, "lasted_ms": 60.0}],
    "clock_steps": [{"at_ns": 1, "ms": 6.0}],
    "suspended_ms": 0.0,
    "cores": [0, 1],
    "strangers_pct": 12.0,
    "stolen_pct": 1.0,
    "swapped_in": 0,
    "throttled_ms": 0.0,
    "oom_kills": 0,
    "processes": [{"name": "c0.enactor-0", "pid": 7, "cpu_ms": 900.0, "waited_ms": 350.0, "major_faults": 2}],
}
"""As on an idle machine."""
BUSY = {"name": "c0.enactor-0", "pid": 7, "cpu_ms": 100.0, "waited_ms": 700.0, "major_faults": 0}
SWAPPED = BUSY | {"waited_ms": 0.0, "major_faults": 400}
PAUSE = FaultRow(fault="pause", action="pause", start_ns=1, end_ns=2, asked_ms=170.0, lasted_ms=180.0, hit=True)


def published(late_ms, count=20):
    """The journal of a planner whose publications were begun so late, milliseconds, from the first to the last."""
    rows = [
        row("planner", RowKind.PUBLISH, due_ns=number * 10**7 + 1, start_ns=number * 10**7 + 1 + int(late_ms * 1e6))
        for number in range(count)
    ]
    return pd.DataFrame(rows).astype({"process": "category"})


def names(health=None, faults=(PAUSE,), journal=None):
    said = TrialHealth.model_validate(QUIET | (health or {}))
    found = disturbances(TrialFacts.model_validate(FACTS), said, faults, published(1) if journal is None else journal)
    return [one.name for one in found]


def test_nothing_is_said_of_a_trial_that_was_as_it_should_be_or_that_nobody_watched():
    assert names() == []
    assert names({"strangers_pct": None, "stolen_pct": None, "throttled_ms": None, "suspended_ms": None}) == []
    assert disturbances(TrialFacts.model_validate(FACTS), None, (), published(9_000)) == ()


@pytest.mark.parametrize(
    ("health", "name"),
    [
        ({"standstills": [{"at_ns": 1, "lasted_ms": 5000.0}]}, "standstill"),
        ({"clock_steps": [{"at_ns": 1, "ms": -3600.0}]}, "clock"),
        ({"suspended_ms": 2000.0}, "suspended"),
        ({"strangers_pct": 55.0}, "load"),
        ({"stolen_pct": 20.0}, "stolen"),
        ({"throttled_ms": 300.0}, "throttled"),
        ({"processes": [BUSY]}, "starved"),
        ({"processes": [SWAPPED]}, "swapped"),
    ],
)
def test_each_is_told_by_its_name(health, name):
    assert names(health) == [name]


def test_programs_that_wait_only_for_each_other_are_not_starved():
    assert names({"processes": [BUSY], "strangers_pct": 4.0}) == []
    assert names({"processes": [BUSY | {"name": "harness"}]}) == [], "its own lateness tells"


def test_a_clock_that_stepped_fails_the_trial_and_nothing_else_does():
    every = {"standstills": [{"at_ns": 1, "lasted_ms": 9e3}], "clock_steps": [{"at_ns": 1, "ms": 99.0}]}
    facts = TrialFacts.model_validate(FACTS)
    found = disturbances(facts, TrialHealth.model_validate(QUIET | every), (), published(1))
    assert [(one.name, one.fails) for one in found] == [("clock", True), ("standstill", False)]
    assert "9,000 ms" in found[1].told


@pytest.mark.parametrize(
    ("asked_ms", "lasted_ms", "overhead_ms", "longer"),
    [
        (170, 5142, 0, True),
        (170, 287, 0, False),
        (170, 288, 0, True),
        (20, 900, 2000, False),
        (20, 9000, 2000, True),
        (0, 9000, 0, False),
    ],
)
def test_a_fault_lasted_too_long_if_by_more_than_what_is_usual(asked_ms, lasted_ms, overhead_ms, longer):
    assert overran(asked_ms, lasted_ms, overhead_ms) is longer
    fault = PAUSE.model_copy(update={"asked_ms": asked_ms, "lasted_ms": lasted_ms, "overhead_ms": overhead_ms})
    assert names(faults=[PAUSE, fault]) == ["fault"] * longer


def test_a_fault_that_began_late_is_told_and_one_that_goes_by_operations_is_never_late():
    assert names(faults=[PAUSE.model_copy(update={"late_ms": 900.0})]) == ["fault"]
    assert names(faults=[PAUSE.model_copy(update={"late_ms": 20.0})]) == []


def test_a_load_that_fell_behind_is_told_unless_a_fault_kept_it_waiting():
    assert names(journal=published(50)) == []
    assert names(journal=published(400)) == ["behind"]
    assert names(journal=published(400, count=5)) == [], "too few to say"
    away = PAUSE.model_copy(update={"fault": "restart", "server": "store", "start_ns": 10**6, "end_ns": 10**9})
    assert names(faults=[away], journal=published(400)) == []
    stopped = away.model_copy(update={"server": None, "targets": (Process.parse("planner"),)})
    assert names(faults=[stopped], journal=published(400)) == []
    other = stopped.model_copy(update={"targets": (Process.parse("enactor-0"),)})
    assert names(faults=[other], journal=published(400)) == ["behind"]


def test_a_cell_of_disturbed_trials_alone_shows_its_latencies_marked_and_says_why():
    told = "trial 1: the harness stood still for 5,012 ms"
    latency = {"commit": {"service": {"p50": 120.0, "p90": 130.0, "n": 500}}}
    calm = cell("a", "steady", latency_us=latency)
    marked = cell("b", "steady", latency_us=latency, disturbed=1, disturbances=[told], latencies_disturbed=True)
    (grid,) = tables(summary(calm, marked))
    headings = [column.heading for column in grid.columns]
    by_guard = {line[0].text: [text.text for text in line] for line in grid.rows}
    at = headings.index("guard\np50 us")
    assert by_guard["b"][at] == by_guard["a"][at] + DISTURBED_MARK
    assert by_guard["b"][headings.index("trials\ndisturbed")].startswith("1 of ")
    assert any(told in line for line in remarks(summary(calm, marked), "r"))
    assert not any("disturbed" in line for line in remarks(summary(calm), "r"))


def test_the_record_is_read_as_it_was_written():
    health = TrialHealth.model_validate(QUIET)
    again = HEALTH.validate_python(json.loads(HEALTH.dump_json(health)))
    assert again == health
    assert dataclasses.is_dataclass(disturbances(TrialFacts.model_validate(FACTS), health, (), published(500))[0])
