"""What is said beside the figures: controls, remarks, and the harm that was seen; of small cells made by hand."""

import shlex

import pytest
from cells import SEEN_NOTHING, cell, seen, summary
from facts_in import facts_in
from shown import shown

from leasebench.results.record.metric import Form, Shown, metrics
from leasebench.results.record.suite import GuardTable
from leasebench.results.summary.controls import judge_controls, sentence
from leasebench.results.tables.remarks import MOST_OPEN, remarks
from leasebench.results.tables.run_table import stories, tables_beside

RUN = "runs/my run"


def said(*cells, **more):
    return list(remarks(summary(*cells, **more), RUN))


class TestRemarks:
    def test_of_a_run_in_which_all_went_well_nothing_is_said(self):
        assert said(cell(), cell("monotonic")) == []
        assert said() == []

    def test_each_failure_of_a_cell_is_told_and_not_that_it_was_unexpected_too(self):
        failed = cell(verdict="failed", as_expected=False, failures=["trial 1: a died", "trial 3: b died"])
        assert [line.split(": ") for line in said(failed)] == [
            ["failed", str(failed), "trial 1", "a died"],
            ["failed", str(failed), "trial 3", "b died"],
        ]

    def test_a_verdict_that_was_not_expected_is_told_with_what_was(self):
        stale = cell(verdict="stale", as_expected=False, expected=["clean", "unproven"])
        (line,) = said(stale)
        assert line.startswith(f"! {stale} is stale")
        assert line.endswith("clean or unproven")

    @pytest.mark.parametrize(("raced", "told"), [(20, ["20", "40"]), (1, ["1", "40"]), (0, ["3", "40"])])
    def test_what_is_unproven_is_told_with_the_command_that_proves_it(self, raced, told):
        open_ = {"verdict": "unproven", "raced_applications": raced, "races_missing": 40}
        line, proves = said(cell(trials=3, expected=["clean", "unproven"], **open_))
        assert line.startswith("unproven: redis_lock under steady ")
        assert facts_in(line) == told
        command = ["leasebench", "run", "--resume", RUN, "--until-proven"]
        assert shlex.split(proves.partition(": ")[2]) == command

    def test_disturbed_trials_are_told_in_one_line_by_cause_the_gravest_first_with_its_worst(self):
        still, load = "trial {}: the harness stood still for {} ms", "trial {}: other programs took {} % of the time"
        many = [
            cell(f"g{n}", trials=2, disturbed=1, latencies_disturbed=n < 3, disturbances=[load.format(n, 40 + n)])
            for n in range(9)
        ]
        grave = cell(trials=2, disturbed=2, disturbances=[still.format(99, 300), still.format(100, "2,900")])
        (line,) = said(*many, grave)
        assert facts_in(line)[:5] == ["11", "20", "3", "2", "9"]
        assert still.format(100, "2,900") in line
        (quiet,) = said(cell(trials=3, disturbed=1, disturbances=["trial 1: what another version says"]))
        assert facts_in(quiet)[:3] == ["1", "3", "1"]

    def test_of_many_unproven_cells_only_some_are_told(self):
        many = [cell(f"g{n}", verdict="unproven", trials=1, races_missing=3) for n in range(MOST_OPEN + 5)]
        *told, more, _ = said(*many)
        assert len(told) == MOST_OPEN
        assert more.startswith("unproven: 5 more cells")

    def test_a_fault_that_was_never_injected_and_one_that_missed_are_told_apart(self):
        faults = {
            "pause": {"struck": 0, "hit": 0},
            "restart": {"struck": 4, "hit": 0},
            "slow": {"struck": 9, "hit": 1},
        }
        never, missed = said(cell(faults=faults))
        assert never.startswith("no hit: the fault pause was never ")
        assert missed.startswith("no hit: the fault restart ")
        assert "4 times" in missed

    def test_a_fault_that_can_hit_nothing_under_a_guard_is_told_with_the_reason(self):
        never = {"guard": "redis_lock", "scenario": "steady", "fault": "crash", "reason": "it has no lease"}
        assert said(cell(faults={}), inapplicable=[never]) == [
            "no fault: crash does not apply to redis_lock under steady: it has no lease"
        ]

    def test_what_was_skipped_is_told_with_its_reason(self):
        skip = {"guard": "txt_lock", "scenario": "failover", "reason": "the fault failover: one server"}
        assert [line.split(": ", 2) for line in said(skipped=[skip])] == [
            ["skipped", "txt_lock under failover", skip["reason"]]
        ]

    def test_the_gravest_comes_first(self):
        kinds = [
            line.partition(":")[0].partition(" ")[0]
            for line in said(
                cell("a", faults={"pause": {"struck": 0, "hit": 0}}),
                cell("b", verdict="unproven", races_missing=3),
                cell("c", verdict="stale", as_expected=False),
                cell("d", verdict="failed", as_expected=False, failures=["trial 1: why"]),
                controls=[result()],
                skipped=[{"guard": "e", "scenario": "s", "reason": "r"}],
            )
        ]
        assert kinds == ["failed", "!", "control", "unproven", "to", "no", "skipped"]


CONTROL = {
    "name": "broken_cas",
    "control": {"twin": "compare_and_set", "scenario": "steady", "metric": "stale_overwrites"},
}


def result(**changes):
    """One control's result, as `judge_controls` gives it."""
    (one,) = judged(own={"stale_overwrites": 3}, twin={"stale_overwrites": 0})
    return one.model_copy(update=changes)


def judged(own=None, twin=None, guard=CONTROL):
    """The control's result when its cell and its twin's hold these figures; None for no such cell."""
    cells = [cell("bystander", stale_overwrites=7)]
    if own is not None:
        cells.append(cell("broken_cas", **own))
    if twin is not None:
        cells.append(cell("compare_and_set", **twin))
    return judge_controls([GuardTable(name="bystander"), GuardTable.model_validate(guard)], cells)


class TestControls:
    @pytest.mark.parametrize(
        ("own", "twin", "caught"),
        [
            (3, 0, True),
            (0, 0, False),
            (3, 1, False),
            (0, 2, False),
            (None, 0, False),
            (3, None, False),
        ],
    )
    def test_a_control_is_caught_if_its_metric_saw_it_and_not_its_twin(self, own, twin, caught):
        (one,) = judged({"stale_overwrites": own}, {"stale_overwrites": twin})
        assert (one.control, one.twin, one.scenario) == ("broken_cas", "compare_and_set", "steady")
        assert (one.metric, one.seen, one.twin_seen) == ("stale_overwrites", own, twin)
        assert one.caught is caught

    def test_a_metric_that_nobody_counted_catches_nothing(self):
        (one,) = judged({}, {})
        assert (one.seen, one.twin_seen, one.caught) == (None, None, False)

    def test_a_control_whose_cell_or_twin_is_not_in_the_run_is_left_out(self):
        assert judged(own={"stale_overwrites": 3}) == []
        assert judged(twin={"stale_overwrites": 0}) == []
        elsewhere = CONTROL | {"control": CONTROL["control"] | {"scenario": "burst"}}
        assert judged({"stale_overwrites": 3}, {"stale_overwrites": 0}, elsewhere) == []

    def test_guards_that_are_no_controls_are_not_judged(self):
        assert judge_controls([GuardTable(name="broken_cas")], [cell("broken_cas", stale_overwrites=3)]) == []
        assert judge_controls([], []) == []

    def test_when_it_was_caught_is_the_latest_first_time_of_its_trials(self):
        (one,) = judged({"stale_overwrites": 3, "time_to_first_stale_s": seen(0.5, 1.25)}, {"stale_overwrites": 0})
        assert one.first_s == 1.25
        (none,) = judged({"stale_overwrites": 0}, {"stale_overwrites": 0})
        assert none.first_s is None

    def test_the_sentence_says_what_became_of_it(self):
        caught, missed = sentence(result()), sentence(result(caught=False, seen=None, first_s=None))
        for text, verdict, seen_of_it in ((caught, ": caught (", "3"), (missed, ": NOT CAUGHT (", "unknown")):
            assert text.startswith("control broken_cas under steady")
            assert verdict in text
            assert f"stale_overwrites {seen_of_it}," in text
            assert "compare_and_set 0" in text


def harm(*cells):
    """The lines of each table that is shown."""
    return shown(tables_beside(summary(*cells)))


class TestHarm:
    def test_where_nothing_was_seen_nothing_is_harm(self):
        quiet = cell(dangling=0, leases_lost=0, double_holds=None, empty_ms=SEEN_NOTHING)
        assert harm(cell(), quiet) == []

    def test_a_table_shows_what_was_seen_of_any_guard_and_nothing_else(self):
        (lines,) = harm(
            cell("txt_lock", dangling=1_234, empty_ms=seen(300.4, 1_500.6), double_holds=0),
            cell("monotonic", dangling=0, empty_ms=SEEN_NOTHING, double_holds=None),
        )
        assert lines[0].startswith("steady: endpoints")
        assert [line.split() for line in lines if line.startswith(("txt_lock", "monotonic"))] == [
            ["txt_lock", "1,234", "1,501"],
            ["monotonic", "0", "-"],
        ]
        assert not any("holds" in line for line in lines)

    def test_each_scenario_with_harm_has_a_table_in_the_runs_order(self):
        tables = harm(
            cell(scenario="incident", wedged=1), cell(scenario="steady"), cell(scenario="failover", lost_commits=2)
        )
        assert [lines[0].split(":")[0] for lines in tables] == ["incident", "failover"]

    def test_a_rollout_that_was_torn_for_a_moment_is_shown_only_beside_something_else(self):
        torn = {"torn_ms": seen(2.0), "torn_versions": seen(2)}
        assert harm(cell(**torn)) == []
        (about_it,) = harm(cell(scenario="torn_rollout", **torn))
        assert about_it[-1].split() == ["redis_lock", "2", "2"]
        (beside,) = harm(cell(repairs=3, **torn))
        assert beside[-1].split() == ["redis_lock", "3", "2", "2"]

    def test_a_name_with_brackets_is_shown_as_it_is(self):
        (lines,) = harm(cell("[red]odd", scenario="[b]s", dangling=1))
        assert lines[0].startswith("[b]s")
        assert lines[-1].startswith("[red]odd")

    def test_every_metric_that_is_shown_there_has_a_column_that_shows_it(self):
        beside = [one for one in metrics() if Shown.BESIDE in one.shown]
        assert len(beside) > 15
        for metric in beside:
            figure = seen(7.0) if metric.form is Form.SPREAD else 7
            (lines,) = harm(cell(scenario=metric.own_scenario or "steady", **{metric.name: figure}))
            guard, figure = lines[-1].split()
            assert (guard, float(figure)) == ("redis_lock", 7.0)


STORY = [
    {"t_s": 0.25, "endpoint": "e1", "what": "a deletes plan 1", "kind": "delete"},
    {"t_s": None, "endpoint": "e1", "what": "the operator repairs it", "kind": "repair"},
]


class TestStories:
    def test_the_incident_of_a_wedged_cell_is_told_with_its_times(self):
        told = list(stories(summary(cell("txt_lock", "incident", wedged=1, story=STORY))))
        assert told[0].startswith("txt_lock under incident")
        assert "0.250 s  e1  a deletes plan 1" in told[1]
        assert told[2].split() == ["?", "e1", "the", "operator", "repairs", "it"]

    def test_others_do_not_push_the_tables_off_the_screen(self):
        assert list(stories(summary(cell(wedged=0, dangling=3, story=STORY), cell(wedged=0, story=[])))) == []
