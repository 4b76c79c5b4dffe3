"""The advice: of cells made by hand."""

import shlex

import cells
import pytest
from cells import row, summary
from facts_in import facts_in

from leasebench.results.tables.advice import SHOWN, Beside, advise, first_violations, sentences
from leasebench.results.tables.pricing import attempts_per_s, baseline_scenario, guard_cost_us
from leasebench.verdict import Verdict


def latency(acquire, check, commit, release):
    costs = {"acquire": acquire, "check": check, "commit": commit, "release": release}
    return {phase: {"service": {"p50": cost}} for phase, cost in costs.items()}


def cell(guard, scenario="steady", verdict="clean", cost_us=100.0, **figures):
    own = {
        "trouble": "none" if scenario == "steady" else "timing",
        "latency_us": latency(None, cost_us and 0.0, cost_us, None),
    }
    return cells.cell(guard, scenario, verdict=verdict, **own | figures)


def said(made, **beside):
    return list(sentences(advise(made, lambda *_: beside), "runs/r"))


DEARER = Beside(3.0, (2.5, 3.6), dearer=True)
TIE = Beside(1.03, (0.84, 1.27), dearer=False)


def test_the_cost_of_a_guard_is_what_it_adds_at_one_endpoint():
    assert guard_cost_us(cell("g", latency_us=latency(200.0, 50.0, 30.0, 20.0))) == 300
    assert guard_cost_us(cell("g", latency_us=latency(None, None, 30.0, None))) == 30
    assert guard_cost_us(cell("g", latency_us=latency(200.0, 50.0, None, 20.0))) is None


def test_the_cheapest_guard_that_held_is_named_and_what_the_cheaper_ones_failed():
    made = summary(cell("loose", verdict="stale", cost_us=50), cell("dear", cost_us=300), cell("tight"))
    advice = advise(made, lambda *_: {"dear": DEARER})
    assert (advice.best, advice.cost_us, advice.priced_in, advice.where) == ("tight", 100, "steady", "its scenario")
    assert [(failure.guard, failure.verdict) for failure in advice.failed] == [("loose", Verdict.STALE)]
    best, worse = said(made, dear=DEARER)
    assert "tight is the cheapest" in best
    assert facts_in(best) == ["100 us"]
    assert "dear" not in best
    assert [one in worse for one in ("loose", "50 us", "stale", "steady")] == [True] * 4


def test_a_guard_that_fails_anywhere_has_not_held():
    made = summary(cell("g", cost_us=50), cell("g", "paused", "stale"), cell("h"), cell("h", "paused"))
    advice = advise(made)
    assert advice.best == "h"
    assert advice.failed[0].scenarios == ("paused",)
    assert advice.failed[0].of == 2
    assert facts_in(said(made)[1]) == ["50 us", "1", "2"]
    assert said(made)[1].endswith(": paused")


def test_the_dearer_guards_that_failed_are_named_and_none_that_is_only_unproven():
    made = summary(
        cell("mine", verdict="stale", cost_us=300), cell("open", verdict="unproven", cost_us=200), cell("tight")
    )
    assert advise(made).dearer == ("mine",)
    _, worse = said(made)
    assert "mine" in worse


def test_a_guard_that_held_where_that_was_not_expected_is_said_to_have():
    made = summary(cell("g", expected=["stale"], as_expected=False), cell("g", "paused"))
    assert advise(made).unexpected == (("g", ("steady",)),)
    head, unexpected = said(made)
    assert "g held" in head
    assert ["steady" in unexpected, "paused" in unexpected] == [True, False]


def test_the_only_guard_that_held_is_not_called_the_cheapest():
    made = summary(cell("tight"), cell("loose", verdict="stale", cost_us=200))
    advice = advise(made)
    assert (advice.best, advice.alone, advice.only) == ("tight", True, False)
    line, worse = said(made)
    assert "tight is the only guard" in line
    assert "cheap" not in line
    assert "loose" in worse


def test_of_a_single_guard_nothing_is_said_of_cheaper_ones():
    assert advise(summary(cell("tight"))).only
    (line,) = said(summary(cell("tight")))
    assert "tight held" in line
    assert facts_in(line) == ["100 us"]
    assert "cheapest" not in line


def test_guards_that_cannot_be_told_apart_are_a_tie():
    made = summary(cell("tight", trials=5), cell("other", cost_us=103.0, trials=5), cell("dear", cost_us=300, trials=5))
    assert [one.guard for one in advise(made, lambda *_: {"other": TIE, "dear": DEARER}).rivals] == ["other"]
    (line,) = said(made, other=TIE, dear=DEARER)
    assert [one in line for one in ("tight and other are the cheapest", "a tie", "1.03x [0.84, 1.27]")] == [True] * 3
    (line,) = said(made, other=TIE, dear=Beside(1.4, (0.9, 2.1), dearer=False, scenarios=3))
    assert "tight, other and dear are the cheapest" in line
    assert "1.03x [0.84, 1.27] and 1.40x [0.90, 2.10] over 3 scenarios" in line


def test_the_guards_of_a_tie_each_tell_where_they_held():
    left = cell("other", "slow", "unproven", raced_applications=20, races_missing=39)
    made = summary(cell("tight"), cell("other", cost_us=103.0), left)
    advice = advise(made, lambda *_: {"other": TIE})
    (rival,) = advice.rivals
    assert facts_in(rival.where) == ["1", "2", "1"]
    (line,) = said(made, other=TIE)
    assert f"{advice.where} (tight) and {rival.where} (other)" in line


def test_one_trial_does_not_tell_which_is_the_cheapest():
    made = summary(cell("tight"), cell("other", cost_us=103.0))
    assert advise(made).one_trial
    (line,) = said(made)
    assert [one in line for one in ("tight and other held", "100 and 103 us", "--trials 5")] == [True] * 3
    (line,) = said(summary(cell("tight", trials=5), cell("other", cost_us=103.0, trials=5)))
    assert "--trials" not in line


def test_a_guard_that_costs_less_elsewhere_is_no_tie():
    less = Beside(0.6, (0.5, 0.7), dearer=False, cheaper=True, scenarios=3)
    (line,) = said(summary(cell("tight"), cell("other", cost_us=103.0)), other=less)
    assert "a tie" not in line
    assert "depends on the scenario" in line
    assert "other (0.60x [0.50, 0.70])" in line


def test_many_ties_do_not_fill_the_line():
    made = summary(cell("tight"), *(cell(f"g{n}", cost_us=101.0 + n) for n in range(9)))
    (line,) = said(made, **{f"g{n}": TIE for n in range(9)})
    assert "tight, g0, g1, g2 and 6 more" in line
    assert "g3" not in line


def test_a_rate_of_attempts_is_a_cost_only_where_the_load_is_closed():
    rates = {"throughput": 100.0, "commits": 50, "attempts": 150}
    assert attempts_per_s(cell("g", "saturation", **rates)) == 300
    assert attempts_per_s(cell("g", "steady", **rates)) is None
    assert attempts_per_s(cell("g", "saturation", **rates | {"commits": 0, "throughput": 0.0})) is None


def test_where_none_held_every_guard_is_told_with_what_it_failed():
    made = summary(cell("loose", verdict="stale"), cell("dead", verdict="failed", cost_us=None))
    advice = advise(made)
    assert advice.best is None
    assert [(one.guard, one.verdict, one.cost_us) for one in advice.failed] == [
        ("loose", Verdict.STALE, 100),
        ("dead", Verdict.FAILED, None),
    ]
    assert len(said(made)) == 3


def test_the_advice_reads_as_it_should(golden):
    left = cell("tight", "slow", "unproven", raced_applications=20, races_missing=39, trials=5)
    guards = {"loose": 50, "tight": 100, "other": 103, "dear": 300}
    made = summary(
        *(cell(name, verdict="stale" if name == "loose" else "clean", cost_us=us) for name, us in guards.items()),
        cell("dead", "paused", "failed", cost_us=None),
        left,
        trials=[row(1, "loose", stale_overwrites=1, dangling=0)],
    )
    golden("advice", "\n".join(said(made, other=TIE, dear=DEARER)))


def test_only_unproven_is_not_held():
    assert advise(summary(cell("g", verdict="unproven"))).best is None


def test_what_is_unproven_stands_with_the_command_that_goes_on_until_it_is_proven():
    left = cell("tight", "slow", "unproven", raced_applications=20, races_missing=39, trials=2)
    advice = advise(summary(cell("tight"), left))
    assert advice.best == "tight"
    (one,) = advice.unproven
    assert (one.guard, one.scenario, one.raced, one.missing) == ("tight", "slow", 20, 39)
    assert facts_in(one.races) == ["20", "39"]
    head, told, command = sentences(advice, "my runs/a")
    assert facts_in(head) == ["1", "2", "1", "100 us"]
    assert one.races in told
    assert shlex.split(command)[:5] == ["leasebench", "run", "--resume", "my runs/a", "--until-proven"]


def test_where_nothing_raced_that_is_said():
    left = cell("tight", "slow", "unproven", raced_applications=0, races_missing=59, trials=3)
    (one,) = advise(summary(cell("tight"), left)).unproven
    assert one.races.startswith("no race in 3 trials")


def test_many_unproven_scenarios_do_not_fill_the_screen():
    left = [cell("tight", f"s{n}", "unproven", races_missing=1) for n in range(SHOWN + 6)]
    told = said(summary(cell("tight"), *left))
    assert len([line for line in told if "Unproven for" in line]) == SHOWN + 1
    assert facts_in(told[-2]) == ["6", "3"]
    assert "s3, s4, s5 and" in told[-2]


def test_guards_are_priced_where_nothing_disturbs_them():
    disturbed_first = [cell("g", "paused", cost_us=900), cell("g", cost_us=90)]
    assert baseline_scenario(disturbed_first) == "steady"
    assert advise(summary(*disturbed_first)).cost_us == 90
    assert baseline_scenario([cell("g", "paused"), cell("g", "burst", trouble="none")]) == "burst"
    assert baseline_scenario([cell("g", "paused")]) == "paused"
    assert baseline_scenario([]) is None


@pytest.mark.parametrize(("verdict", "linked"), [("stale", True), ("dangling", True), ("stuck", False)])
def test_a_failure_that_is_about_a_violation_is_linked_to_its_first(verdict, linked):
    trials = [
        row(1, "other", stale_overwrites=5, dangling=2),
        row(2, "g", "paused"),
        row(3, "g", stale_overwrites=1, dangling=0),
        row(4, "g", stale_overwrites=1, dangling=0),
    ]
    made = summary(cell("g", verdict=verdict), trials=trials)
    assert first_violations(made) == {("other", "steady"): 1, ("g", "steady"): 8}
    assert advise(made).failed[0].violation == (8 if linked else None)
    assert said(made)[1].endswith("; leasebench explain runs/r --violation 8") == linked


def test_costs_of_disturbed_trials_are_named_as_such():
    shaky, sound = cell("monotonic", latencies_disturbed=True), cell("compare_and_set", cost_us=150)
    (some,) = said(summary(shaky, sound))
    assert "monotonic from disturbed trials)" in some
    (every,) = said(summary(shaky, cell("compare_and_set", latencies_disturbed=True)))
    assert ", from disturbed trials)" in every
    (none,) = said(summary(cell("monotonic"), sound))
    assert "disturbed" not in none
