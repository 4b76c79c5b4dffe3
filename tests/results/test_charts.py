"""Each chart draws a real run in its scope, is Vega-Lite, and holds the numbers of the summary and the histories."""

import json
import re

import altair as alt
import numpy as np
import pytest
import vl_convert
from tape import INSIDE, LEASE, Tape, write_run

from leasebench import load
from leasebench.enactors.store.events import KINDS
from leasebench.registry import plugins
from leasebench.results.charts import Chart, ChartScope, Subject, padded, plain, rough, ticks
from leasebench.results.charts.first_stale import kaplan_meier_median
from leasebench.results.charts.plot import PHASES
from leasebench.results.charts.verdict_heatmap import NOT_RUN
from leasebench.results.charts.window import nearest
from leasebench.results.display.phrases import latency
from leasebench.results.display.theme import VERDICT_COLOURS, dark_inks, theme
from leasebench.results.reading.rundirectory import representative_trial
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.record.journal import RowKind
from leasebench.results.record.summary import CellSummary
from leasebench.results.statistics.quantiles import farthest
from leasebench.results.statistics.sharing import jain

OF_OTHER_RUNS = {"vulnerability_map", "cascade_timeline", "sweep", "scaling", "memory_over_time"}
"""Drawn of host leases, of sweeps and of long trials, which no run here has: see `test_storms`, `test_cascade_run`,
`test_sweep` and `test_memory_growth`."""
CHARTS: dict[str, Chart] = {
    name: chart for name, chart in plugins("results.charts").items() if name not in OF_OTHER_RUNS
}
TRIAL_CHARTS = [name for name, chart in CHARTS.items() if chart.scope is ChartScope.TRIAL]


def subjects(run, chart):
    """Everything in a run that a chart can be about."""
    for scenario in run.scenarios if chart.scope is not ChartScope.RUN else [None]:
        if chart.scope in (ChartScope.RUN, ChartScope.SCENARIO):
            yield Subject(run, scenario)
        elif chart.scope is ChartScope.PHASE:
            yield from (Subject(run, scenario, phase=phase) for phase in PHASES)
        else:
            for guard in run.guards:
                trial = representative_trial(run, guard, scenario) if chart.scope is ChartScope.TRIAL else None
                yield Subject(run, scenario, guard, trial=trial)


def data(spec):
    """Every row that a spec carries, by the name of its data."""
    rows = {name: list(values) for name, values in spec.get("datasets", {}).items()}
    inline = [one["values"] for one in parts(spec, "data") if "values" in one]
    return rows | {f"inline {number}": list(values) for number, values in enumerate(inline)}


def parts(spec, key):
    if isinstance(spec, dict):
        if key in spec:
            yield spec[key]
        for name, value in spec.items():
            if name not in ("datasets", "values"):
                yield from parts(value, key)
    elif isinstance(spec, list | tuple):
        for value in spec:
            yield from parts(value, key)


TIMED = ("safety_cost", "latency_histogram", "percentile_curve", "service_response", "latency_over_time",
         "throughput_over_time")  # fmt: skip
"""Those that show what clocks measured."""


def text_of(spec):
    title = spec["title"]
    return " ".join([title["text"], *title["subtitle"]])


@pytest.fixture(scope="module")
def run(harmed_run):
    return load(harmed_run)


def on_a_machine(run, *, disturbed):
    """The same run, on a machine that was disturbed in all of its trials or in none."""
    found = load(run)
    cells = tuple(cell.model_copy(update={"latencies_disturbed": disturbed}) for cell in found.summary.cells)
    said = {"disturbances": ("it stood still",) * disturbed}
    trials = tuple(row.model_copy(update=said) for row in found.summary.trials)
    found.summary = found.summary.model_copy(update={"cells": cells, "trials": trials})
    return found


@pytest.mark.parametrize("name", TIMED)
def test_times_of_disturbed_trials_are_said_to_be_rough(harmed_run, name):
    def titles(run):
        return [text_of(spec) for subject in subjects(run, CHARTS[name]) if (spec := CHARTS[name].draw(subject))]

    disturbed, sound = (titles(on_a_machine(harmed_run, disturbed=one)) for one in (True, False))
    assert len(disturbed) == len(sound) > 0
    assert all("rough times: the machine was disturbed in " in title for title in disturbed)
    assert not any("rough" in title for title in sound)


def test_only_the_guards_without_a_sound_trial_are_named(run):
    guard, *_ = run.guards
    cells = [cell.model_copy(update={"latencies_disturbed": cell.guard == guard}) for cell in run.summary.cells]
    assert rough(cells, run.guards) == f"\nrough times: the machine was disturbed in every trial of {guard}"


@pytest.fixture(scope="module")
def drawn(run):
    """Every picture of the run: (chart, subject, spec)."""
    every = [(name, one, chart.draw(one)) for name, chart in CHARTS.items() for one in subjects(run, chart)]
    assert run.problems == []
    return every


class TestEveryChart:
    def test_says_what_it_is_about(self):
        assert len(CHARTS) == 11
        for name, chart in CHARTS.items():
            assert chart.name == name
            assert chart.about
            assert "\n" not in chart.about

    @pytest.mark.parametrize("name", CHARTS)
    def test_is_drawn_of_every_subject_that_has_something_to_show(self, drawn, name):
        made = [(subject, spec) for chart, subject, spec in drawn if chart == name]
        assert made
        assert [subject for subject, spec in made if spec is None and subject.phase != "acquire"] == []

    def test_of_a_phase_that_no_guard_has_is_none(self, run, drawn):
        assert len([spec for _, subject, spec in drawn if subject.phase == "acquire" and spec is not None]) == 4
        assert CHARTS["percentile_curve"].draw(Subject(run, "stopped", "monotonic", "acquire")) is None

    @pytest.mark.parametrize("name", CHARTS)
    def test_is_vega_lite_by_its_schema(self, drawn, name):
        spec = next(spec for chart, _, spec in drawn if chart == name and spec is not None)
        few = {key: rows[:2] for key, rows in spec.get("datasets", {}).items()}
        shown = {**spec, "config": theme("light")} | ({"datasets": few} if few else {})
        assert alt.Chart.from_dict(shown).to_dict(validate=True)

    def test_compiles_in_both_modes(self, drawn):
        for name, _, spec in drawn:
            for mode in ("light", "dark") if spec else ():
                vega = vl_convert.vegalite_to_vega({**spec, "config": theme(mode)})
                assert vega["marks"], name

    def test_has_a_title_and_no_ink_of_its_own_config(self, drawn):
        for name, subject, spec in [one for one in drawn if one[2] is not None]:
            assert "config" not in spec, name
            assert spec["title"]["text"]
            if CHARTS[name].scope is not ChartScope.RUN:
                assert subject.scenario in text_of(spec)

    def test_says_in_words_what_it_shows(self, drawn, run):
        for name, subject, spec in [one for one in drawn if one[2] is not None]:
            said = spec["description"]
            assert re.search(r"\d", said), name
            assert said.endswith("."), name
            if CHARTS[name].scope in (ChartScope.RUN, ChartScope.SCENARIO, ChartScope.PHASE):
                assert any(guard in said for guard in run.guards), (name, subject)

    def test_of_a_stale_cell_tells_its_figures(self, run):
        (row,) = run.trials_of("last_writer_wins", "stopped")
        subject = Subject(run, "stopped", "last_writer_wins", trial=row.number)
        said = CHARTS["throughput_over_time"].draw(subject)["description"]
        assert f"{row.count('commits'):,} commits, {row.count('stale_overwrites'):,} of them stale" in said

    def test_is_json_without_nan(self, drawn):
        for _, _, spec in drawn:
            json.dumps(spec, allow_nan=False)

    @pytest.mark.parametrize("name", ["safety_cost", "first_stale", "latency_histogram", "fairness", "lease_timeline"])
    @pytest.mark.parametrize("mode", ["light", "dark"])
    def test_of_each_scope_one_becomes_a_png(self, drawn, name, mode):
        spec = next(spec for chart, _, spec in drawn if chart == name and spec is not None)
        png = vl_convert.vegalite_to_png({**spec, "config": theme(mode)})
        assert png.startswith(b"\x89PNG")
        assert len(png) > 5_000

    def test_draws_the_same_twice_and_leaves_its_definition_alone(self, run):
        for chart in CHARTS.values():
            first, second = (chart.draw(next(subjects(run, chart))) for _ in range(2))
            assert first == second


class TestNothingToShow:
    @pytest.fixture(scope="class")
    @classmethod
    def quiet(cls, tmp_path_factory):
        """A trial in which a plan was published, and nothing else happened."""
        tape = Tape()
        tape.publish(1, 1)
        return load(write_run(tmp_path_factory.mktemp("quiet"), tape))

    @pytest.mark.parametrize("name", [name for name in CHARTS if name != "verdict_heatmap"])
    def test_is_no_picture(self, quiet, name):
        chart = CHARTS[name]
        for subject in subjects(quiet, chart):
            assert chart.draw(subject) is None
        assert quiet.problems == []

    def test_but_a_verdict_there_is(self, quiet):
        spec = CHARTS["verdict_heatmap"].draw(Subject(quiet))
        (rows,) = data(spec).values()
        assert [row["verdict"] for row in rows] == ["stuck"]

    @pytest.mark.parametrize("name", TRIAL_CHARTS)
    def test_of_a_trial_that_failed_before_it_had_a_history(self, tmp_path, name):
        tape = Tape()
        tape.publish(1, 1)
        place = write_run(tmp_path, tape, status="failed", history=False)
        for path in place.glob("trials/*/*.parquet"):
            path.unlink()
        run = load(place)
        subject = Subject(run, "steady", "some_guard", trial=1)
        if name.endswith("_over_time") and name != "versions_over_time":
            with pytest.raises(BadRunDirectory, match=r"journal\.parquet: is missing"):
                CHARTS[name].draw(subject)
        else:
            assert CHARTS[name].draw(subject) is None
            assert "is missing" in run.problems[0]


class TestVerdictHeatmap:
    def test_has_every_cell_with_its_verdict(self, run):
        (rows,) = data(CHARTS["verdict_heatmap"].draw(Subject(run))).values()
        assert {
            (row["guard"], row["scenario"]): (row["verdict"], row["stale"], row["as_expected"])
            for row in rows
            if row["verdict"] != NOT_RUN
        } == {
            cell.place: (cell.verdict, cell.count("stale_overwrites"), cell.as_expected) for cell in run.summary.cells
        }

    def test_a_place_without_a_cell_is_marked_and_in_the_legend(self, run):
        left_out, *kept = run.summary.cells
        part = load(run.path)
        part.summary = run.summary.model_copy(update={"cells": tuple(kept)})
        spec = CHARTS["verdict_heatmap"].draw(Subject(part))
        (rows,) = data(spec).values()
        empty = {(row["guard"], row["scenario"]): row["label"] for row in rows if row["verdict"] == NOT_RUN}
        assert left_out.place in empty
        assert not empty.keys() & {cell.place for cell in kept}
        assert spec["layer"][0]["encoding"]["color"]["scale"]["domain"][-1] == empty[left_out.place]

    def test_links_to_each_cells_place_in_the_report(self, run):
        (rows,) = data(CHARTS["verdict_heatmap"].draw(Subject(run))).values()
        assert "#cell-txt_lock.two_cells" in {row["href"] for row in rows}

    def test_no_two_verdicts_look_alike(self):
        assert len(set(VERDICT_COLOURS.values())) == len(VERDICT_COLOURS)


class TestSafetyCost:
    def test_shows_the_leak_rates_and_costs_of_the_summary(self, run):
        spec = CHARTS["safety_cost"].draw(Subject(run, "stopped"))
        rows = {row["guard"]: row for row in data(spec["hconcat"][0])["inline 0"]}
        tail = farthest([min(run.cell(guard, "stopped").latency("plan").n for guard in run.guards)])
        assert tail in json.dumps(spec["hconcat"][0])
        assert set(rows) == set(run.guards)
        for guard, row in rows.items():
            cell = run.cell(guard, "stopped")
            leak = cell.rate("leak_rate")
            assert row["leak"] == pytest.approx(leak.value, rel=1e-3)
            assert row["cost"] == pytest.approx(cell.latency("plan").shown(tail), rel=1e-3)
            assert row["raced"] == cell.count("raced_applications")
            low, high = (0, leak.bound) if leak.bound is not None else leak.interval
            assert (row["low"], row["high"]) == (pytest.approx(low, rel=1e-3), pytest.approx(high, rel=1e-3))

    def test_of_the_whole_run_shows_the_worst_cell(self, run):
        rows = {row["guard"]: row for row in data(CHARTS["safety_cost"].draw(Subject(run))["hconcat"][0])["inline 0"]}
        worst = max(run.cell("txt_lock", scenario).rate("leak_rate").value for scenario in run.scenarios)
        assert rows["txt_lock"]["leak"] == pytest.approx(worst, rel=1e-3)
        bounds = {run.cell("monotonic", one).rate("leak_rate").bound: one for one in run.scenarios}
        widest = max(bound for bound in bounds if bound is not None)
        assert rows["monotonic"]["high"] == pytest.approx(widest, rel=1e-3)
        assert rows["monotonic"]["where"] == bounds[widest]

    def test_attempts_are_a_cost_only_where_the_load_is_closed(self, run):
        assert len(CHARTS["safety_cost"].draw(Subject(run))["hconcat"]) == 1
        saturation = {"scenario": "saturation", "attempts": 900, "commits": 300, "throughput": 50.0}
        closed = [CellSummary.model_validate(run.cell(guard, "stopped").as_json() | saturation) for guard in run.guards]
        saturated = load(run.path)
        saturated.summary = run.summary.model_copy(update={"cells": (*run.summary.cells, *closed)})
        latency, attempts = CHARTS["safety_cost"].draw(Subject(saturated))["hconcat"]
        assert {row["cost"] for row in data(attempts)["inline 0"]} == {150.0}
        assert {row["cost"] for row in data(latency)["inline 0"]} != {150.0}


class TestFirstStale:
    def test_has_a_mark_a_trial_and_censors_those_without(self, run):
        rows = data(CHARTS["first_stale"].draw(Subject(run, "stopped")))["trials"]
        assert {row["guard"]: row["censored"] for row in rows} == {
            "last_writer_wins": False, "txt_lock": False, "monotonic": True,
        }  # fmt: skip
        for row in rows:
            (trial,) = run.trials_of(row["guard"], "stopped")
            expected = trial.load_s if row["censored"] else trial.first("time_to_first_stale_s")
            assert row["s"] == pytest.approx(expected, rel=1e-3)

    @pytest.mark.parametrize(("times", "censored", "median"), [
        ([1, 2, 3], [False] * 3, 2), ([1, 2, 3, 4], [False] * 4, 2), ([1, 5, 5], [False, True, True], None),
        ([1, 2, 9], [True, False, False], 2), ([1, 1], [False, False], 1), ([3], [True], None),
        ([2, 2, 4], [False, True, False], 4),
    ])  # fmt: skip
    def test_the_median_counts_those_cut_off_as_long_as_they_were_watched(self, times, censored, median):
        assert kaplan_meier_median(np.array(times, dtype=float), np.array(censored)) == median


class TestFairness:
    def test_shares_are_those_of_the_completed_applications(self, run):
        spec = CHARTS["fairness"].draw(Subject(run, "two_cells", "monotonic"))
        (trial,) = run.trials_of("monotonic", "two_cells")
        counted = trial.applications_by_enactor
        assert set(counted) == {f"c{cell}.enactor-{number}" for cell in (0, 1) for number in (0, 1)}
        assert {row["enactor"]: row["applications"] for row in data(spec)["enactors"]} == counted
        assert sum(row["share"] for row in data(spec)["enactors"]) == pytest.approx(1, rel=1e-3)
        assert f"{jain(np.array(list(counted.values()))):.3f}" in text_of(spec)

    @pytest.mark.parametrize(
        ("amounts", "index"), [([5, 5, 5, 5], 1), ([9, 0, 0, 0], 0.25), ([0, 0], 1), ([1, 2], 0.9)]
    )
    def test_jains_index_is_one_where_all_are_alike(self, amounts, index):
        assert jain(np.array(amounts)) == pytest.approx(index)


class TestLatencies:
    def test_histograms_write_the_figures_of_the_summary(self, run):
        for phase in ("commit", "plan"):
            spec = CHARTS["latency_histogram"].draw(Subject(run, "stopped", phase=phase))
            rows = [row for values in data(spec).values() for row in values if row.get("marked")]
            for row in rows:
                figures = run.cell(row["guard"], "stopped").latency(phase)
                told = figures.shown(f"p{row['marked']:g}")
                assert row["value"] == ("-" if told is None else latency(told))
            assert len(rows) == 3 * len(run.guards)

    def test_histograms_count_every_operation_once(self, run):
        spec = CHARTS["latency_histogram"].draw(Subject(run, "stopped", phase="commit"))
        counted = {}
        for row in (row for values in data(spec).values() for row in values if "count" in row):
            counted[row["guard"]] = counted.get(row["guard"], 0) + row["count"]
        assert counted == {guard: run.cell(guard, "stopped").latency("commit").n for guard in run.guards}

    def test_a_guard_may_stand_alone(self, run):
        spec = CHARTS["latency_histogram"].draw(Subject(run, "stopped", "monotonic", "commit"))
        assert {row["guard"] for values in data(spec).values() for row in values} == {"monotonic"}

    def test_the_curve_ends_where_ten_operations_lie_beyond_it(self, run):
        spec = CHARTS["percentile_curve"].draw(Subject(run, "stopped", phase="commit"))
        (rows,) = data(spec).values()
        for guard in run.guards:
            figures = run.cell(guard, "stopped").latency("commit")
            own = [row for row in rows if row["guard"] == guard and "rarity" in row]
            assert max(row["rarity"] for row in own) == pytest.approx(max(figures.n / 10, 2), rel=1e-3)
            assert max(row["high_us"] for row in own) < figures.max
            assert sorted(own, key=lambda row: row["rarity"]) == sorted(own, key=lambda row: row["high_us"])

    def test_each_panel_of_the_curves_says_what_its_operations_tell(self, run):
        (rows,) = data(CHARTS["percentile_curve"].draw(Subject(run, "stopped", phase="commit"))).values()
        said = {row["guard"]: row["said"] for row in rows if "said" in row}
        assert set(said) == set(run.guards)
        for guard, text in said.items():
            figures = run.cell(guard, "stopped").latency("commit")
            assert f"p50 {latency(figures.p50)}" in text
            for name in ("p90", "p99", "p99.9"):
                assert (f"{name} " in text) == (figures.shown(name) is not None)

    def test_service_and_response_stand_beside_each_other(self, run):
        spec = CHARTS["service_response"].draw(Subject(run, "stopped", "monotonic"))
        rows = data(spec)["curves"]
        assert {(row["what"], row["side"]) for row in rows} == {
            (what, side) for what in ("a plan is found", "a plan is in force") for side in ("service", "response")
        }
        figures = run.cell("monotonic", "stopped").latency("plan", "response")
        own = [row["high_us"] for row in rows if (row["what"], row["side"]) == ("a plan is in force", "response")]
        assert max(own) <= figures.max


class TestOverTime:
    def test_throughput_counts_what_the_summary_counts(self, run):
        for row in run.summary.trials:
            subject = Subject(run, row.scenario, row.guard, trial=row.number)
            spec = CHARTS["throughput_over_time"].draw(subject)
            counted = dict.fromkeys(("in order", "stale", "refused"), 0)
            for one in data(spec)["bins"]:
                counted[one["kind"]] += one["high"] - one["low"]
            assert counted["stale"] == row.count("stale_overwrites")
            assert counted["in order"] + counted["stale"] == row.count("commits")
            assert f"{row.count('commits'):,} commits, {row.count('stale_overwrites'):,} stale" in text_of(spec)

    def test_faults_are_shaded_where_they_were(self, run):
        (row,) = run.trials_of("txt_lock", "stopped")
        moments = run.moments(row.number)
        spec = CHARTS["latency_over_time"].draw(Subject(run, "stopped", "txt_lock", trial=row.number))
        shaded = data(spec)["shades"]
        assert len(shaded) == len(moments.faults)
        assert "shaded: pause" in text_of(spec)
        for shade, fault in zip(shaded, moments.faults, strict=True):
            assert shade["from_s"] == pytest.approx(moments.seconds(fault.start_ns), abs=1e-4)

    def test_the_longest_commit_is_that_of_the_summary(self, run):
        (row,) = run.trials_of("monotonic", "stopped")
        spec = CHARTS["latency_over_time"].draw(Subject(run, "stopped", "monotonic", trial=row.number))
        longest = run.cell("monotonic", "stopped").latency("commit").max
        assert max(one["max"] for one in data(spec)["bins"]) == pytest.approx(longest, rel=2e-3)


def stale_tape():
    tape = Tape({"decide": INSIDE, "exclude": LEASE})
    for version in (1, 2, 3):
        tape.publish(version, version)
    grant = tape.acquire(20, 0, fence=1)
    tape.stop(22, 250, "enactor-0")
    other = tape.acquire(130, 1, fence=2)
    tape.commit(135, 1, 2, other)
    tape.release(136, other)
    tape.commit(260, 0, 1, grant, sent_ms=251)
    tape.commit(300, 2, 3)
    return tape


class TestCloseUp:
    @pytest.fixture(scope="class")
    @classmethod
    def stale(cls, tmp_path_factory):
        return Subject(load(write_run(tmp_path_factory.mktemp("stale"), stale_tape())), "steady", "some_guard", trial=1)

    def test_versions_go_down_where_the_stale_plan_came(self, stale):
        rows = data(CHARTS["versions_over_time"].draw(stale))["rows"]
        own = [row for row in rows if row["endpoint"] == "e1"]
        steps = [(row["at_s"], row["plan"]) for row in own if row["what"] == "in force"]
        assert steps == [(0.135, 2), (0.26, 1), (0.3, 3), (0.3, 3)]
        assert [(row["at_s"], row["to_s"]) for row in own if row["what"] == "stale"] == [(0.26, 0.3)]

    def test_what_an_operator_sets_is_not_below_the_peak(self, tmp_path):
        tape = stale_tape()
        tape.repair(310, 2)
        tape.commit(320, 2, 3)
        subject = Subject(load(write_run(tmp_path, tape)), "steady", "some_guard", trial=1)
        rows = data(CHARTS["versions_over_time"].draw(subject))["rows"]
        assert [row["at_s"] for row in rows if row["what"] == "stale"] == [0.26]

    def test_a_hold_is_dark_from_where_another_had_the_lease(self, stale):
        rows = data(CHARTS["lease_timeline"].draw(stale))
        own = [(row["from_s"], row["to_s"], row["lost"]) for row in rows["holds"] if row["lane"] == "enactor-0"]
        assert sorted(own) == [(0.0201, 0.1301, False), (0.1301, 0.3, True)]
        assert [(row["lane"], row["what"], row["from_s"]) for row in rows["stops"]] == [("enactor-0", "paused", 0.022)]
        assert [(row["lane"], row["write"], row["plan"]) for row in rows["writes"]] == [
            ("enactor-1", "commit", 2), ("enactor-0", "stale commit", 1), ("enactor-2", "commit", 3),
        ]  # fmt: skip

    def test_what_the_harness_did_to_enactors_is_a_box_in_their_lanes(self, tmp_path):
        tape = Tape(faults=[{"kind": "partition", "ms": 6, "enactors": [0, 2]}])
        for version in (1, 2):
            tape.publish(version, version)
        tape.fault(3, 9)
        tape.fault(3, 9, "c0.enactor-1-proxy")
        tape.commit(5, 1, 2)
        tape.commit(10, 0, 1)
        subject = Subject(load(write_run(tmp_path, tape)), "steady", "some_guard", trial=1)
        stops = data(CHARTS["lease_timeline"].draw(subject))["stops"]
        assert {(row["lane"], row["what"], row["from_s"], row["to_s"]) for row in stops} == {
            (lane, "cut off from its servers", 0.003, 0.009) for lane in ("enactor-0", "enactor-2")
        }

    def test_a_lost_lease_is_shown_before_any_other(self, tmp_path):
        tape = Tape({"decide": INSIDE, "exclude": LEASE})
        for version in (1, 2):
            tape.publish(version, version)
        lost = tape.acquire(5, 0, fence=1)
        other = tape.acquire(10, 1, fence=2)
        tape.release(12, lost)
        for number in range(150):
            tape.release(15 + number, tape.acquire(14.5 + number, 2, endpoint=0))
        tape.commit(170, 1, 2, other)
        tape.commit(171, 0, 1, lost)
        subject = Subject(load(write_run(tmp_path, tape)), "steady", "some_guard", trial=1)
        holds = data(CHARTS["lease_timeline"].draw(subject))["holds"]
        assert len(holds) == 90
        assert {row["lane"] for row in holds if row["lost"]} == {"enactor-0"}

    def test_of_a_busy_trial_the_violation_is_in_the_picture(self, tmp_path):
        tape = Tape()
        for version in (1, 2):
            tape.publish(version, version)
        for number in range(400):
            tape.commit(10 + number * 0.5, 1, 2)
        tape.commit(210, 0, 1)
        for number in range(400):
            tape.commit(211 + number * 0.5, 1, 2)
        subject = Subject(load(write_run(tmp_path, tape)), "steady", "some_guard", trial=1)
        versions = data(CHARTS["versions_over_time"].draw(subject))["rows"]
        writes = data(CHARTS["lease_timeline"].draw(subject))["writes"]
        assert len(writes) == 90
        (stale,) = (row for row in versions if row["what"] == "stale")
        assert (stale["at_s"], stale["to_s"]) == (0.21, 0.211)
        assert [row["at_s"] for row in writes if row["write"] == "stale commit"] == [0.21]
        assert max(row["at_s"] for row in versions if row["what"] == "in force") < 0.24

    def test_a_trial_without_a_violation_shows_the_beginning(self, run):
        (row,) = run.trials_of("monotonic", "stopped")
        spec = CHARTS["versions_over_time"].draw(Subject(run, "stopped", "monotonic", trial=row.number))
        assert "(no violation)" in text_of(spec)
        assert not [one for one in data(spec)["rows"] if one["what"] == "stale"]

    def test_of_several_cells_the_first_with_a_violation_is_named(self, run):
        (row,) = run.trials_of("last_writer_wins", "two_cells")
        spec = CHARTS["versions_over_time"].draw(Subject(run, "two_cells", "last_writer_wins", trial=row.number))
        assert "cell c" in text_of(spec)

    def test_writes_are_those_of_the_history(self, run):
        (row,) = run.trials_of("txt_lock", "stopped")
        events = run.moments(row.number).events("c0")
        writes = data(CHARTS["lease_timeline"].draw(Subject(run, "stopped", "txt_lock", trial=row.number)))["writes"]
        known = {
            (events.enactors[events.enactor[at]], events.endpoints[events.endpoint[at]], int(events.version[at]))
            for at in np.flatnonzero(events.of("commit", "reject"))
            if events.endpoint[at] >= 0 and events.enactor[at] >= 0
        }
        assert {(one["lane"], one["endpoint"], one["plan"]) for one in writes} <= known
        stale = np.flatnonzero((events.kind == KINDS.index("commit")) & (events.version < events.previous))
        assert (events.enactors[events.enactor[stale[0]]], "stale commit") in {
            (one["lane"], one["write"]) for one in writes
        }

    def test_the_nearest_are_a_part_around_the_middle(self):
        positions = np.arange(0, 100, 10)
        assert nearest(positions, 50, 20).tolist() == positions.tolist()
        assert nearest(positions, 50, 4).tolist() == [30, 40, 50, 60]
        assert nearest(positions, 0, 4).tolist() == [0, 10, 20, 30]
        assert nearest(positions, 99, 4).tolist() == [60, 70, 80, 90]


HOSTILE = ('<script>alert("1")</script>', "datum.x", "a[0].b's ${7*7} \\n")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(tmp_path, name):
    """Names from a suite file are checked there, but a run directory may come from anywhere."""
    place = write_run(tmp_path, stale_tape())
    escaped = json.dumps(name)[1:-1]
    for path in (place / "suite.toml", place / "summary.json", *place.glob("trials/*/trial.json")):
        path.write_text(path.read_text().replace("some_guard", escaped))
    plain_code = code_of(load(write_run(tmp_path / "plain", stale_tape())))
    run = load(place)
    assert run.guards == [name]
    assert code_of(run) == plain_code
    for chart in CHARTS.values():
        for spec in filter(None, map(chart.draw, subjects(run, chart))):
            svg = vl_convert.vegalite_to_svg({**spec, "config": theme("light")})
            assert "<script" not in svg
    assert run.problems == []


def code_of(run):
    """All that a browser would take for an expression or a field's name."""
    specs = [spec for chart in CHARTS.values() for spec in filter(None, map(chart.draw, subjects(run, chart)))]
    return [list(parts(specs, key)) for key in ("filter", "calculate", "labelExpr", "expr", "field", "as")]


class TestAxes:
    @pytest.mark.parametrize(("low", "high"), [(30, 5_000), (100, 114), (90, 700_000), (0.001, 0.002), (1, 3.6e9)])
    def test_have_a_few_round_values_within_them(self, low, high):
        values = ticks(low, high)
        assert 4 <= len(values) <= 15
        assert all(low <= value <= high for value in values)

    @pytest.mark.parametrize(("low", "high"), [(1, 10), (5, 5), (90, 700_000)])
    def test_are_wider_than_what_is_on_them(self, low, high):
        wide = padded(low, high)
        assert wide[0] < low <= high < wide[1]

    def test_numbers_are_cut_to_what_a_picture_shows(self):
        (row,) = plain(
            [{"us": 123456.789, "at_s": 12.345678, "none": float("nan"), "n": np.int64(3), "kind": RowKind.PAUSE}]
        )
        assert row == {"us": 123500.0, "at_s": 12.3457, "none": None, "n": 3, "kind": 13}


def test_every_ink_on_light_ground_has_another_on_dark_ground():
    inks = dark_inks()
    assert len(set(inks.values())) == len(inks)
    light, dark = json.dumps(theme("light")), json.dumps(theme("dark"))
    for one, other in inks.items():
        assert one in light
        assert other in dark
