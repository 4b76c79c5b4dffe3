import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from compared import GUARDS, SCENARIOS, Kind, write_run
from facts_in import facts_in

from leasebench.definitions import DefinitionError
from leasebench.results.compare.changes import changes
from leasebench.results.compare.cheapest import advise_on
from leasebench.results.compare.circumstances import differing, order_of_trials
from leasebench.results.compare.document import Grid
from leasebench.results.compare.drift import LOUD, LOUD_TAIL, MIN_CELLS, Drift, beyond, estimate_drift, reference_drift
from leasebench.results.compare.false_positives import LEAST_TRIALS, false_positives
from leasebench.results.compare.finding import Finding
from leasebench.results.compare.quantities import COST, THROUGHPUT, latency, rates
from leasebench.results.compare.ranking import rank
from leasebench.results.compare.ranking_view import legend, overall_grid, ranking_blocks
from leasebench.results.compare.resampling import LogRatio, pool
from leasebench.results.compare.safety import rate
from leasebench.results.compare.samples import Samples
from leasebench.results.reading.locate import find_run
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.run import load
from leasebench.results.statistics.clustered import clustered_interval, from_json
from leasebench.results.statistics.intervals import exact_interval
from leasebench.results.tables.advice import headline

P50 = latency("commit", "p50")

LEAK_RATE, STALE_PER_1000 = rates()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("compared")


@pytest.fixture(scope="module")
def before(place):
    return load(write_run(place / "before", seed=1))


@pytest.fixture(scope="module")
def again(place):
    return load(write_run(place / "again", seed=2))


@pytest.fixture(scope="module")
def slower(place):
    guards = GUARDS | {"safe": replace(GUARDS["safe"], slower=1.6)}
    return load(write_run(place / "slower", guards, seed=3))


@pytest.fixture(scope="module")
def leaky(place):
    guards = GUARDS | {"locked": replace(GUARDS["locked"], leaks=12, expected=("clean",))}
    return load(write_run(place / "leaky", guards, seed=4))


@pytest.fixture(scope="module")
def single(place):
    return load(write_run(place / "single", trials=1, seed=5))


def damaged_cell(run):
    return next(row.place for row in run.summary.trials if row.number == 3)


class TestRanking:
    def test_guards_that_held_come_first_and_the_cheapest_is_the_reference(self, before):
        ranking = rank(before)
        assert [one.guard for one in ranking.ranked] == ["safe", "locked", "open"]
        assert ranking.reference == "safe"
        assert [one.held for one in ranking.ranked] == [True, True, False]

    def test_a_guard_is_told_with_all_of_its_scenarios(self, before):
        worst = rank(before).ranked[-1]
        assert (worst.verdict.value, worst.scenarios, worst.clean) == ("stale", 4, 0)
        assert (worst.leaky, worst.raced, worst.leaky_share) == (800, 800, 1.0)
        assert worst.interval[0] == pytest.approx(0.9954, abs=1e-4)

    def test_a_rate_of_commits_is_no_figure_to_choose_a_guard_by(self, before):
        ranking = rank(before)
        assert THROUGHPUT not in {one.quantity for one in (*ranking.differences, *ranking.overall)}
        said = list(ranking_blocks(ranking, Samples(before), detail=True))
        assert not any(
            "per s" in each.heading or "/s" in each.heading
            for one in said
            if isinstance(one, Grid)
            for each in one.columns
        )

    def test_a_ratio_beside_the_reference_is_found_over_all_and_in_each_scenario(self, before):
        ranking = rank(before, "safe")
        overall = ranking.by_place["locked", None, P50]
        assert overall.low < 1.1 < overall.high
        assert overall.finding is Finding.WORSE
        single = ranking.by_place["locked", "steady", COST]
        assert single.after - single.before == pytest.approx(79, abs=15)
        assert single.effect == pytest.approx(single.after / single.before)

    def test_the_reference_is_not_compared_with_itself_and_shows_its_figures(self, before):
        own = [one for one in rank(before, "safe").differences if one.guard == "safe"]
        assert own
        assert all((one.p is None and one.after is not None) or "too few" in one.note or one.note for one in own)

    def test_a_quantile_that_too_few_operations_are_beyond_is_not_told(self, before):
        found = rank(before, "safe").by_place["locked", "steady", latency("plan", "p99")]
        assert (found.after, found.p) == (None, None)
        assert found.note == "too few: 600 of 1,000"

    def test_a_cost_of_disturbed_trials_is_marked(self, before):
        run = load(before.path)
        priced_in = rank(run).priced_in
        cells = [
            cell.model_copy(update={"latencies_disturbed": cell.place == ("locked", priced_in)})
            for cell in run.summary.cells
        ]
        run.summary = run.summary.model_copy(update={"cells": tuple(cells)})
        grid = overall_grid(rank(run))
        at = [column.heading for column in grid.columns].index("cost\nus")
        assert {row[0].text: row[at].text.endswith("~") for row in grid.rows} == {
            "safe": False, "locked": True, "open": False,
        }  # fmt: skip
        assert "~: from disturbed trials" in list(legend(rank(run), [3]))

    def test_a_phase_that_the_reference_has_not_stands_without_a_ratio(self, before):
        found = rank(before, "safe").by_place["locked", "steady", latency("acquire", "p50")]
        assert found.after == pytest.approx(70, rel=0.2)
        assert (found.before, found.effect, found.note) == (None, None, "safe has none")

    def test_of_one_trial_each_only_scenarios_give_an_interval(self, single):
        ranking = rank(single, "safe")
        assert all(one.low is None for one in ranking.differences if one.quantity is P50 or one.quantity == THROUGHPUT)
        assert ranking.by_place["locked", None, P50].note == "over 4 scenarios, interval by scenarios"
        assert ranking.by_place["locked", None, P50].low is not None

    def test_a_reference_that_is_not_there_is_named_with_the_nearest(self, before):
        with pytest.raises(DefinitionError, match=r"unknown guard 'saf'.* safe"):
            rank(before, "saf")

    def test_the_frame_has_a_row_for_each_figure(self, before):
        frame = rank(before).frame
        assert {"guard", "scenario", "quantity", "reference", "figure", "effect", "low", "high", "p_holm"} <= set(frame)
        assert set(frame.finding) <= {one.answer for one in Finding}
        row = frame[(frame.guard == "locked") & (frame.scenario == "steady") & (frame.quantity == "leak_rate")]
        assert row.scale.item() == "difference"

    def test_rates_of_harm_have_both_intervals(self, before):
        rates = rank(before).rates.set_index(["guard", "scenario", "quantity"])
        row = rates.loc["open", "steady", "stale_per_1000"]
        assert row.low < row.by_trial_low < row.value < row.by_trial_high < row.high
        assert np.isnan(rates.loc["safe", "steady", "leak_rate"].by_trial_low)


class TestAdvice:
    """The advice sees ties where a comparison sees them: by trials, else over scenarios, else not at all."""

    def test_guards_that_cost_the_same_are_a_tie_with_the_interval_of_compare(self, place):
        run = load(write_run(place / "twins", {"one": Kind(), "two": Kind(), "dear": Kind(slower=2.5)}, seed=80))
        advice = advise_on(run)
        (rival,) = advice.rivals
        assert {advice.best, rival.guard} == {"one", "two"}
        found = rank(run, advice.best).by_place[rival.guard, "steady", COST]
        assert (rival.beside.ratio, *rival.beside.interval) == pytest.approx((found.effect, found.low, found.high))
        low, high = rival.beside.interval
        text = headline(advice)
        assert "a tie" in text
        assert f"{rival.beside.ratio:.2f}x [{low:.2f}, {high:.2f}]." in text
        assert "dear" not in text

    def test_a_guard_that_costs_less_by_far_is_the_cheapest_alone(self, place):
        run = load(write_run(place / "apart", {"one": Kind(), "dear": Kind(slower=2.5)}, seed=81))
        assert advise_on(run).rivals == ()
        assert headline(advise_on(run)).startswith("one is the cheapest guard")

    def test_of_one_trial_the_scenarios_tell_where_they_are_enough(self, place):
        guards = {"one": Kind(), "two": Kind(), "dear": Kind(slower=4)}
        many = advise_on(load(write_run(place / "one-trial", guards, trials=1, seed=82)))
        (rival,) = many.rivals
        assert {many.best, rival.guard} == {"one", "two"}
        assert (rival.tied, rival.beside.scenarios) == (True, 4)
        few = advise_on(load(write_run(place / "one-cell", guards, ("steady",), trials=1, seed=83)))
        assert len(few.rivals) == 2
        assert few.one_trial
        assert "--trials 5" in headline(few)


class TestChanges:
    def test_two_runs_of_the_same_thing_show_no_difference(self, before, again):
        found = changes(before, again)
        assert found.cells == 12
        assert found.found(Finding.WORSE) == found.found(Finding.BETTER) == []
        assert (found.verdicts, found.only_before, found.only_after, found.warnings) == ((), (), (), ())

    def test_a_slower_guard_is_found_and_the_others_are_not_blamed(self, before, slower):
        found = changes(before, slower)
        worse = found.found(Finding.WORSE)
        assert {one.guard for one in worse} == {"safe"}
        assert {one.quantity.name for one in worse} <= {"commit p50", "commit p99", "cost"}
        assert (worse[0].scenario, worse[0].quantity) in ((None, P50), (None, latency("commit", "p99")))
        assert all(one.p_holm >= one.p for one in found.every if one.p is not None)
        assert {one.guard for one in changes(slower, before).found(Finding.BETTER)} == {"safe"}

    def test_a_leak_is_found_with_its_verdict(self, before, leaky):
        found = changes(before, leaky)
        worse = [one for one in found.found(Finding.WORSE) if one.quantity == LEAK_RATE]
        assert {(one.guard, round(one.effect, 6)) for one in worse} == {("locked", 0.3)}
        assert all(0 < one.low < 0.3 < one.high for one in worse)
        assert [(one.guard, one.before.value, one.after.value, one.surprise) for one in found.verdicts] == [
            ("locked", "clean", "stale", True)
        ] * len(SCENARIOS)

    def test_a_slower_machine_is_a_drift_and_no_change(self, place, before):
        found = changes(before, load(write_run(place / "machine", seed=6, speed=1.15)))
        assert found.drifts[P50].ratio == pytest.approx(1.15, rel=0.08)
        assert found.found(Finding.WORSE) == []
        assert found.loud == []

    def test_a_machine_of_half_the_speed_is_told_loudly(self, place, before):
        half = load(write_run(place / "half", seed=7, speed=2.0))
        found = changes(before, half)
        assert {one.quantity.name for one in found.loud} >= {"commit p50", "cost", "plan p50"}
        absolute = changes(before, half, absolute=True)
        assert (absolute.drifts, absolute.loud) == ({}, [])
        assert {one.guard for one in absolute.found(Finding.WORSE)} == set(GUARDS)

    def test_a_change_within_the_tolerance_is_none(self, before, slower):
        assert changes(before, slower, tolerance=3.0).found(Finding.WORSE) == []

    def test_what_cannot_be_told_is_never_called_equal(self, before, again):
        """Of intervals some lie inside the tolerance: these are equal; of the others none is."""
        found = changes(before, again)
        ratios = [one for one in found.every if one.low is not None and not one.quantity.is_rate]
        assert {one.finding for one in ratios} == {Finding.EQUAL, Finding.OPEN}
        for one in ratios:
            if one.finding is Finding.EQUAL:
                assert 1 / 1.05 <= one.low <= one.high <= 1.05
        wide = changes(before, again, tolerance=1.4)
        assert wide.by_place["safe", None, P50].finding is Finding.EQUAL

    @pytest.mark.parametrize("trials", [1, 5])
    def test_a_copy_scaled_by_a_fifth_is_different_or_cannot_be_told(self, place, trials):
        """Without noise; with a drift to take out (twelve cells), without one (six), and with --absolute."""
        for scenarios in (SCENARIOS, SCENARIOS[:2]):
            names = [f"{name}-{trials}-{len(scenarios)}" for name in ("copied", "scaled")]
            first, second = (
                load(write_run(place / name, GUARDS, scenarios, trials=trials, seed=70, speed=speed))
                for name, speed in zip(names, (1.0, 1.2), strict=True)
            )
            for absolute in (False, True):
                found = changes(first, second, absolute=absolute)
                told = [one for one in found.every if one.quantity.kind in ("latency", "cost")]
                assert Finding.EQUAL not in {one.finding for one in told}
                if len(scenarios) == len(SCENARIOS):
                    assert absolute == bool(found.found(Finding.WORSE))
                    assert bool(found.loud) != absolute

    def test_guards_that_are_known_not_to_have_changed_tell_machine_from_change(self, place, before):
        """All but one guard became slower, on a slower machine: most cells say nothing of the drift then."""
        slower = GUARDS | {name: replace(GUARDS[name], slower=1.8 * GUARDS[name].slower) for name in ("locked", "open")}
        after = load(write_run(place / "most-slower", slower, seed=22, speed=1.3))
        found = changes(before, after, drift_from=["safe"])
        assert found.drifts[P50].ratio == pytest.approx(1.3, rel=0.1)
        assert {one.guard for one in found.found(Finding.WORSE)} == {"locked", "open"}
        assert found.loud == []
        few = load(write_run(place / "two-cells", scenarios=("steady", "paused"), seed=23))
        with pytest.raises(DefinitionError, match="--drift-from safe: 2 cells in both runs, at least 3 are needed"):
            changes(few, after, drift_from=["safe"])

    def test_an_unexpected_verdict_of_a_cell_that_the_baseline_lacks_is_a_surprise(self, place, before):
        bad = {"new": Kind(leaks=12), "known": Kind(leaks=12, expected=("stale",)), "safe": GUARDS["safe"]}
        found = changes(before, load(write_run(place / "new-guard", bad, ("steady",), seed=24)))
        assert [(one.guard, one.before, one.after.value, one.surprise) for one in found.verdicts] == [
            ("new", None, "stale", True)
        ]

    def test_one_trial_each_claims_nothing_of_a_cell(self, single, slower):
        found = changes(single, slower)
        cells = [one for one in found.differences if one.quantity == P50]
        assert {one.finding for one in cells} == {Finding.OPEN}
        assert {one.note for one in cells} == {"one trial"}
        assert all(one.effect is not None for one in cells)

    def test_cells_of_one_run_only_are_listed(self, place, before):
        fewer = {name: GUARDS[name] for name in ("open", "safe")}
        other = load(write_run(place / "fewer", fewer | {"new": Kind()}, ("steady", "paused"), seed=8))
        found = changes(before, other)
        assert ("locked", "steady") in found.only_before
        assert ("safe", "burst") in found.only_before
        assert found.only_after == (("new", "steady"), ("new", "paused"))
        assert found.drifts == {}

    def test_only_what_is_asked_for_is_tested_and_corrected_for(self, before, slower):
        every, asked = changes(before, slower), changes(before, slower, guards=["safe"], scenarios=["steady"])
        assert {(one.guard, one.scenario) for one in asked.differences} == {("safe", "steady")}
        assert asked.tests < every.tests
        assert asked.drifts == every.drifts

    def test_the_frame_says_what_was_taken_out(self, before, again):
        frame = changes(before, again).frame
        assert {"before", "after", "effect", "drift", "finding", "note"} <= set(frame)
        cells = frame[(frame.quantity == "commit p50") & (frame.scenario != "")]
        assert (cells.after / cells.before / cells.drift).to_numpy() == pytest.approx(cells.effect.to_numpy())

    def test_a_run_that_lacks_a_trials_latencies_is_compared_all_the_same(self, place, before):
        path = shutil.copytree(before.path, place / "damaged")
        next((path / "trials").glob("0003-*/latency.hlog")).write_text("Tag=nonsense\n")
        damaged = load(path)
        found = changes(before, damaged)
        assert found.cells == 12
        assert found.found(Finding.WORSE) == []
        assert found.by_place[*damaged_cell(damaged), P50].low is not None
        assert len(damaged.problems) == 1
        assert "latency.hlog:1" in damaged.problems[0]


class TestSafety:
    def test_a_rate_has_the_interval_by_application_and_that_by_trial(self, leaky):
        held = Samples(leaky).cell("locked", "steady")
        found = rate(held, LEAK_RATE)
        assert found.value == pytest.approx(0.3)
        assert found.by_application[0] < 0.3 < found.by_application[1]
        assert found.by_trial == pytest.approx((0.3, 0.3))
        assert found.either == found.by_application
        assert rate(held, STALE_PER_1000).value == pytest.approx(60 / held.counts["commits"].sum() * 1000)

    def test_the_interval_by_application_is_that_of_how_the_leaks_are_spread(self, place):
        """Sixty leaks of two hundred races: each by itself, most of them all at once, or it is not said how."""
        path = write_run(place / "spread", {"locked": Kind(leaks=12)}, ("steady",), seed=8)
        summary = json.loads((path / "summary.json").read_text())
        found = []
        for kinds in ({"1/5": 4, "2/5": 4}, {"5/5": 2, "2/5": 1, "0/5": 5}, None):
            for row in summary["trials"]:
                row |= {"races_by_application": kinds, "raced_applications": 8}
            (path / "summary.json").write_text(json.dumps(summary))
            own = rate(Samples(load(path)).cell("locked", "steady"), LEAK_RATE)
            assert own.value == pytest.approx(0.3)
            found.append(own.by_application)
        apart, at_once, by_application = found
        assert apart == pytest.approx(clustered_interval(from_json({"1/5": 20, "2/5": 20})))
        assert at_once == pytest.approx(clustered_interval(from_json({"5/5": 10, "2/5": 5, "0/5": 25})))
        assert at_once[0] < apart[0] < 0.3 < apart[1] < at_once[1]
        assert by_application == pytest.approx(exact_interval(12, 40))

    def test_events_of_one_trial_hang_together(self, place):
        """Forty leaks are no proof when all are of one trial: by trial it may be chance."""
        runs = [write_run(place / name, seed=seed) for name, seed in (("calm", 9), ("storm", 10))]
        path = runs[1] / "summary.json"
        summary = json.loads(path.read_text())
        first = next(row for row in summary["trials"] if (row["guard"], row["scenario"]) == ("safe", "steady"))
        first |= {"stale_overwrites": 40, "leaky_applications": 40, "races_by_application": {"1/1": 40}}
        path.write_text(json.dumps(summary))
        found = changes(load(runs[0]), load(runs[1])).by_place["safe", "steady", LEAK_RATE]
        assert found.effect == pytest.approx(0.2)
        assert found.p > 0.1
        assert found.low < 0
        assert found.finding is Finding.OPEN

    def test_nothing_is_claimed_where_events_and_applications_point_in_opposite_ways(self, place):
        runs = [write_run(place / name, trials=1, seed=seed) for name, seed in (("few", 11), ("many", 12))]
        spread = ({"1/1": 16, "0/1": 24}, {"12/20": 2})
        for path, stale, leaky_ones, kinds in ((runs[0], 16, 16, spread[0]), (runs[1], 24, 2, spread[1])):
            summary = json.loads((path / "summary.json").read_text())
            for row in summary["trials"]:
                row |= {"stale_overwrites": stale, "leaky_applications": leaky_ones, "races_by_application": kinds}
            (path / "summary.json").write_text(json.dumps(summary))
        found = changes(load(runs[0]), load(runs[1])).by_place["safe", "steady", LEAK_RATE]
        assert (found.effect > 0, found.p, found.finding) == (True, 1.0, Finding.OPEN)


class TestDrift:
    def test_a_drift_is_that_of_most_cells_and_one_changed_cell_does_not_move_it(self):
        drift = estimate_drift(P50, [0.1] * 8 + [1.5], [])
        assert (drift.ratio, drift.cells) == (pytest.approx(np.exp(0.1), rel=1e-3), 9)
        assert drift.scatter < 0.01
        low, high = drift.interval
        assert low < np.exp(0.1) < high < low * 1.02

    @pytest.mark.parametrize("trials", [1, 5])
    @pytest.mark.parametrize("slower", [1.15, 1.3, 2.0])
    @pytest.mark.parametrize("noise", [0.0, 0.01, 0.03])
    def test_three_changed_cells_of_nine_move_it_by_no_more_than_its_stated_uncertainty(self, trials, slower, noise):
        rng = np.random.default_rng(11)
        within = []
        for _ in range(40):
            logs, ses = noise * rng.standard_normal(9), noise * np.sqrt(rng.chisquare(8, 9) / 8) + 1e-3
            before, after = (
                estimate_drift(
                    P50,
                    values.tolist(),
                    [LogRatio(*one, 8) for one in zip(values, ses, strict=True)][: 9 * (trials > 1)],
                )
                for values in (logs, logs + np.log(slower) * (np.arange(9) < 3))
            )
            low, high = after.interval
            within.append(low <= before.ratio <= high)
        assert np.mean(within) >= 0.95

    def test_two_halves_that_moved_apart_leave_the_drift_unknown(self):
        found = [LogRatio(log, 0.02, 8) for log in [0.0] * 5 + [0.5] * 5]
        drift = estimate_drift(P50, [one.log for one in found], found)
        low, high = drift.interval
        assert low <= 1.0 < np.exp(0.5) <= high

    def test_its_interval_holds_the_drift_about_as_often_as_it_says(self):
        rng = np.random.default_rng(12)
        held = 0
        for _ in range(200):
            ses = 0.05 * np.sqrt(rng.chisquare(8, 12) / 8)
            found = [LogRatio(0.1 + 0.05 * rng.standard_normal(), se, 8) for se in ses]
            low, high = estimate_drift(P50, [one.log for one in found], found).interval
            held += low <= np.exp(0.1) <= high
        assert held / 200 >= 0.93

    @pytest.mark.parametrize("scatter", [0.0, 0.06])
    def test_two_runs_of_the_same_thing_differ_at_five_percent_in_hardly_more(self, scatter):
        """Twelve cells on another day: a drift of all, and a scatter that no trial shows."""
        rng = np.random.default_rng(13)
        claims = []
        for _ in range(300):
            ses = 0.05 * np.sqrt(rng.chisquare(8, 12) / 8)
            logs = 0.2 + np.hypot(0.05, scatter) * rng.standard_normal(12)
            found = [LogRatio(log, se, 8) for log, se in zip(logs, ses, strict=True)]
            drift = estimate_drift(P50, logs.tolist(), found)
            claims += [beyond(one, drift).p() < 0.05 for one in found]
        assert 0.005 <= np.mean(claims) <= 0.08

    def test_cells_that_are_known_to_be_unchanged_are_all_taken(self):
        found = [LogRatio(log, 0.02, 8) for log in (0.08, 0.1, 0.12)]
        drift = reference_drift(P50, [one.log for one in found], found)
        assert (drift.log, drift.cells) == (pytest.approx(0.1, abs=0.005), 3)
        assert reference_drift(P50, [0.1, 0.1], []) is None

    def test_few_cells_show_no_drift(self):
        assert estimate_drift(P50, [0.1] * (MIN_CELLS - 1), []) is None

    def test_cells_that_scatter_more_than_their_trials_say_widen_all_intervals(self):
        logs = np.random.default_rng(1).normal(0, 0.1, 200).tolist()
        found = [LogRatio(log, 0.02, 8) for log in logs]
        assert estimate_drift(P50, logs, found).scatter == pytest.approx(0.1, rel=0.25)
        honest = [LogRatio(log, 0.1, 1000) for log in logs]
        assert estimate_drift(P50, logs, honest).scatter < 0.05

    def test_what_is_left_has_the_doubt_about_the_drift_in_it(self):
        drift = Drift(P50, 0.1, 0.03, 0.12, 20)
        left = beyond(LogRatio(0.3, 0.04, 8), drift)
        assert (left.log, left.se, left.df) == (pytest.approx(0.2), pytest.approx(0.13), 8)
        assert beyond(LogRatio(0.3, 0.04, 8), drift, scattered=4).se == pytest.approx(np.hypot(0.05, 0.06))
        assert beyond(LogRatio(0.3, 0.04, 8), drift, scattered=None).se == pytest.approx(0.05)
        assert beyond(left, None) == left

    def test_a_drift_is_loud_only_if_it_is_not_by_chance(self):
        assert Drift(P50, np.log(LOUD) + 0.1, 0.01, 1.0, 20).loud
        assert Drift(P50, -np.log(LOUD) - 0.1, 0.01, 1.0, 20).loud
        assert not Drift(P50, np.log(LOUD) + 0.1, 0.1, 1.0, 20).loud

    def test_a_tail_may_drift_further(self):
        tail = latency("commit", "p99")
        assert not Drift(tail, np.log(LOUD) + 0.1, 0.01, 1.0, 20).loud
        assert Drift(tail, np.log(LOUD_TAIL) + 0.1, 0.01, 1.0, 20).loud


class TestPooling:
    def test_with_errors_by_trial_the_mean_has_one_too(self):
        found = pool([0.0, 0.2], [LogRatio(0.0, 0.3, 4), LogRatio(0.2, 0.4, 4)])
        assert (found.by, found.found.log, found.found.se) == ("trials", pytest.approx(0.1), pytest.approx(0.25))

    def test_of_one_trial_each_the_scenarios_are_the_sample(self):
        found = pool([0.0, 0.1, 0.2], [None] * 3)
        assert (found.by, found.scenarios, found.found.df) == ("scenarios", 3, 2)
        assert found.found.se == pytest.approx(0.1 / np.sqrt(3), rel=1e-3)

    def test_two_scenarios_of_one_trial_say_nothing(self):
        assert pool([0.0, 0.1], [None, None]) is None
        assert pool([], []) is None


class TestCircumstances:
    def test_runs_of_one_machine_do_not_differ(self, before, again):
        assert list(differing(before, again)) == []

    def test_what_differs_is_named_with_both_values(self, place, before):
        other = load(
            write_run(
                place / "elsewhere",
                GUARDS | {"safe": replace(GUARDS["safe"], table={"commit": "watch"})},
                seed=21,
                machine={"cores": 64},
                server={"kind": "system", "version": "9.1.2"},
                versions={"leasebench": "0.2.0", "python": "3.11.7"},
            )
        )
        assert [(line.partition(":")[0], facts_in(line)) for line in differing(before, other)] == [
            ("machine", ["2", "64"]),
            ("server", []),
            ("version", ["0.1", "0.2"]),
            ("guard", []),
        ]
        assert changes(before, other).warnings == tuple(differing(before, other))

    def test_a_lock_class_that_was_changed_is_named(self, place):
        locks = [
            {"own_classes": {name: {"path": "locks.py", "sha256": sha} for name in names}}
            for names, sha in ((("locks:A", "locks:B"), "1"), (("locks:A",), "2"))
        ]
        before, after = (load(write_run(place / f"lock{number}", **one)) for number, one in enumerate(locks))
        assert [line for line in differing(before, after) if "lock" in line] == ["lock class: locks:A was changed"]

    def test_a_run_is_not_another_run_than_itself(self, before):
        (only,) = differing(before, before)
        assert "one run" in only

    def test_without_a_manifest_nothing_is_known_of_the_machine(self, place, before):
        path = shutil.copytree(before.path, place / "unknown")
        (path / "manifest.json").unlink()
        assert "is not known" in next(differing(before, load(path)))

    def test_shuffled_rounds_are_in_order(self, before, single):
        assert order_of_trials(before) == order_of_trials(single) == ""

    def test_rounds_that_were_not_shuffled_are_told(self, place):
        run = load(write_run(place / "by-guard", seed=30, order=lambda batch: batch.sort()))
        assert "the same order" in order_of_trials(run)
        assert rank(run).notes == (order_of_trials(run),)

    def test_a_single_round_guard_by_guard_is_told(self, place):
        run = load(write_run(place / "single-sorted", seed=31, trials=1, order=lambda batch: batch.sort()))
        assert "not shuffled" in order_of_trials(run)

    def test_a_cell_that_ran_twice_in_a_round_is_told(self, before):
        rows = [
            row.model_copy(update={"number": at + 1, "began": None})
            for at, row in enumerate(sorted(before.summary.trials, key=lambda row: row.guard))
        ]
        run = load(before.path)
        run.summary = before.summary.model_copy(update={"trials": tuple(rows)})
        assert "holds a cell twice" in order_of_trials(run)

    def test_trials_that_began_in_another_order_are_told(self, before):
        run = load(before.path)
        rows = tuple(row.model_copy(update={"began": -row.began}) for row in before.summary.trials)
        run.summary = before.summary.model_copy(update={"trials": rows})
        assert "order of their numbers" in order_of_trials(run)


class TestFalsePositives:
    def test_a_run_compared_with_itself_shows_hardly_a_difference(self, place):
        run = load(write_run(place / "ten", scenarios=("steady", "paused"), trials=10, seed=40))
        found = false_positives(run, range(30))
        assert (found.comparisons, found.cells, found.trials) == (30, 6, 10)
        assert found.tests > 1000
        assert found.rate <= 0.08
        assert found.corrected_rate < found.rate / 5
        assert found.relevant_families <= found.families <= 5
        assert false_positives(run, range(30)) == found

    def test_halves_need_two_trials_each(self, single):
        with pytest.raises(BadRunDirectory, match=rf"needs {LEAST_TRIALS} trials .* it has 1"):
            false_positives(single, range(3))


class TestLocate:
    @pytest.fixture
    def runs(self, tmp_path):
        for number in (1, 2, 3):
            write_run(tmp_path / "runs" / f"tiny-{number}", {"safe": Kind()}, ("steady",), trials=1, seed=number)
        return tmp_path / "runs"

    def test_a_path_a_name_and_a_suite_all_name_a_run(self, runs):
        assert find_run(str(runs / "tiny-1"), runs=runs) == runs / "tiny-1"
        assert find_run("tiny-2", runs=runs) == runs / "tiny-2"
        assert find_run("tiny", runs=runs) == runs / "tiny-3"

    def test_a_suite_means_its_newest_other_run(self, runs):
        assert find_run("tiny", runs / "tiny-3", runs) == runs / "tiny-2"

    def test_a_run_that_did_not_end_is_no_baseline(self, runs):
        (runs / "tiny-3" / "summary.json").unlink()
        assert find_run("tiny", runs=runs) == runs / "tiny-2"

    def test_a_name_that_means_none_is_told_with_the_nearest(self, runs, tmp_path):
        with pytest.raises(BadRunDirectory, match=r"unknown run 'tiny-9'.* tiny-"):
            find_run("tiny-9", runs=runs)
        with pytest.raises(BadRunDirectory, match="there is none in"):
            find_run("tiny", runs=tmp_path / "nowhere")
