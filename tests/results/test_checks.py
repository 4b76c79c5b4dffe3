import numpy as np
import plain_checks
import pytest
from hypothesis import given, settings
from synthetic import ENDPOINTS, FACTS, event, histories, row, trial_of, trials

from leasebench.leases.outcome import Reason
from leasebench.results.checks import Findings
from leasebench.results.checks import rollout as rollout_module
from leasebench.results.checks.beside import beside
from leasebench.results.checks.cells import cells
from leasebench.results.checks.convergence import convergence
from leasebench.results.checks.dangling import dangling
from leasebench.results.checks.fairness import fairness
from leasebench.results.checks.fencing import fencing
from leasebench.results.checks.freshness import freshness
from leasebench.results.checks.holds import holds
from leasebench.results.checks.looking import looking
from leasebench.results.checks.lost_commits import loss
from leasebench.results.checks.lost_leases import COUNTS, losses
from leasebench.results.checks.overwrites import overwrites
from leasebench.results.checks.races import races
from leasebench.results.checks.resuming import resuming
from leasebench.results.checks.rollout import rollout
from leasebench.results.checks.takeover import takeover
from leasebench.results.checks.tally import Tally
from leasebench.results.display.numbers import mean_text
from leasebench.results.record.journal import CELL_RESOURCE, REASON_NUMBERS, RowKind, RowOutcome
from leasebench.results.record.summary import Rate
from leasebench.results.statistics.clustered import as_json
from leasebench.results.store_rules.assumptions import broken_assumptions

MS = 1000
SECOND = 1_000_000
EVERY_CHECK = (
    overwrites, races, dangling, holds, freshness, convergence, fencing, loss, losses, rollout, takeover, resuming,
    looking, cells, beside, fairness,
)  # fmt: skip


def samples(found, name):
    return sorted(found.samples[name].tolist())


def publish(t_us, version):
    return event("publish", t_us, version=version, previous=version - 1, enactor="planner")


def commit(t_us, version, previous, endpoint="e0", enactor="enactor-0", **more):
    facts = {"endpoint": endpoint, "enactor": enactor, "version": version, "previous": previous}
    return event("commit", t_us, **facts, **more)


def refusal(t_us, version, previous, reason, kind="reject", endpoint="e0", enactor="enactor-0"):
    facts = {"endpoint": endpoint, "enactor": enactor, "version": version, "previous": previous}
    return event(kind, t_us, reason=reason, **facts)


def repair(t_us, version, previous, endpoint="e0"):
    return event("repair", t_us, endpoint=endpoint, enactor="operator", version=version, previous=previous)


def restart(t_us, first_gone):
    return event("restart", t_us, previous=first_gone)


def walk(*versions, step_us=MS, endpoint="e0"):
    """Commits of these versions at one endpoint, after all of the plans were published at 0."""
    plans = [publish(0, version) for version in range(1, max(versions) + 1)]
    pairs = zip((0, *versions), versions, strict=False)
    return plans + [commit((n + 1) * step_us, new, old, endpoint) for n, (old, new) in enumerate(pairs)]


class TestAgainstPlainLoops:
    @given(histories())
    def test_overwrites_agree(self, dicts):
        found = overwrites(trial_of(dicts))
        counts, values = plain_checks.overwrites(dicts)
        assert found.counts == counts
        assert set(found.samples) == set(values)
        for name, expected in values.items():
            assert samples(found, name) == pytest.approx(sorted(expected))

    @given(trials())
    def test_races_agree(self, made):
        trial, dicts, rows = made
        assert races(trial).counts == plain_checks.races(dicts, rows, ENDPOINTS)

    @given(trials())
    def test_how_stale_overwrites_are_spread_over_applications_agrees(self, made):
        trial, dicts, rows = made
        found = races(trial).clusters
        assert [as_json(table) for table in found.values()] == list(plain_checks.by_application(dicts, rows))
        table, counts = found["races_by_application"], races(trial).counts
        assert table[:, 2].sum() == counts["raced_applications"]
        assert table[table[:, 1] > 0, 2].sum() == counts["leaky_applications"]
        assert table[:, 0] @ table[:, 2] == counts["races"]

    @given(histories())
    def test_dangling_and_wedged_agree(self, dicts):
        found = dangling(trial_of(dicts))
        counts, values = plain_checks.dangling(dicts)
        assert found.counts == counts
        for name, expected in values.items():
            assert samples(found, name) == pytest.approx(sorted(expected))

    @given(histories())
    def test_torn_rollouts_agree(self, dicts):
        found = rollout(trial_of(dicts))
        for name, expected in plain_checks.rollout(dicts, ENDPOINTS).items():
            assert samples(found, name) == pytest.approx(sorted(expected))

    @given(histories())
    def test_fencing_agrees(self, dicts):
        expected = plain_checks.fencing_violations(dicts)
        count = None if expected is None else len(expected)
        assert fencing(trial_of(dicts)).counts == {"fencing_violations": count}

    @given(trials())
    def test_lost_commits_agree(self, made):
        trial, dicts, rows = made
        assert loss(trial).counts == {"lost_commits": plain_checks.lost_commits(dicts, rows)}

    @given(trials())
    def test_takeovers_agree(self, made):
        trial, dicts, rows = made
        assert samples(takeover(trial), "takeover_ms") == pytest.approx(sorted(plain_checks.takeover(dicts, rows)))

    @given(trials())
    def test_what_owners_do_beside_their_successors_agrees(self, made):
        trial, dicts, rows = made
        found, (sent, values) = beside(trial), plain_checks.beside(dicts, rows)
        assert found.counts == {"commits_beside": sent}
        assert samples(found, "beside_ms") == pytest.approx(sorted(values))

    @given(trials())
    def test_how_a_lock_is_shared_agrees(self, made):
        trial, _, rows = made
        found, (counts, values) = fairness(trial), plain_checks.fairness(rows)
        assert found.counts == counts
        assert set(found.samples) == set(values)
        for name, expected in values.items():
            assert samples(found, name) == pytest.approx(expected)

    @given(trials())
    def test_lost_leases_agree(self, made):
        trial, dicts, rows = made
        found = losses(trial).counts
        assert found == plain_checks.losses(dicts, rows, trial.facts.lease.ttl_ms * 1e6)
        assert found["leases_lost"] == sum(found[name] for name in COUNTS[1:5])

    @given(trials())
    def test_both_sides_of_exclusion_agree(self, made):
        trial, dicts, rows = made
        assert holds(trial).counts == {
            "double_holds": plain_checks.double_holds(rows),
            "exclusion_violations": len(plain_checks.exclusion_violations(dicts)),
        }

    @given(histories())
    def test_freshness_agrees(self, dicts):
        expected = plain_checks.freshness(dicts, ENDPOINTS)
        assert samples(freshness(trial_of(dicts)), "freshness_ms") == pytest.approx(sorted(expected))

    def test_of_very_many_values_of_freshness_those_of_some_endpoints_are_taken(self, monkeypatch):
        events = [event("publish", 0, version=1)]
        events += [event("commit", 10 + at, endpoint=name, version=1, previous=0) for at, name in enumerate(ENDPOINTS)]
        every = samples(freshness(trial_of(events)), "freshness_ms")
        monkeypatch.setattr("leasebench.results.checks.freshness.MOST_VALUES", 1)
        few = samples(freshness(trial_of(events)), "freshness_ms")
        assert len(every) == len(ENDPOINTS)
        assert few == every[:1]

    @given(histories())
    def test_convergence_agrees(self, dicts):
        stuck, took = plain_checks.convergence(dicts, ENDPOINTS, FACTS["settle_s"])
        found = convergence(trial_of(dicts))
        assert found.counts == {"stuck": stuck}
        assert samples(found, "convergence_ms") == pytest.approx(took)

    @given(trials())
    @settings(max_examples=50)
    def test_the_figures_add_up(self, made):
        trial, _, _ = made
        counts = races(trial).counts | overwrites(trial).counts
        assert counts["races"] == counts["exposures"] + counts["withdrawn"]
        assert counts["exposures"] == counts["stale_overwrites"] + counts["blocked"]
        assert counts["leaky_applications"] <= counts["exposed_applications"] <= counts["raced_applications"]
        assert counts["commits"] <= counts["attempts"]

    @given(histories())
    @settings(max_examples=50)
    def test_a_consistent_history_breaks_no_assumption(self, dicts):
        assert broken_assumptions(trial_of(dicts)) == []


class TestNothingThere:
    @pytest.mark.parametrize("check", EVERY_CHECK)
    def test_an_empty_history_gives_zeros_and_no_samples(self, check):
        found = check(trial_of([]))
        assert set(found.counts.values()) <= {0}
        assert all(len(values) == 0 for values in found.samples.values())

    @pytest.mark.parametrize("check", [overwrites, races, dangling, holds, freshness])
    def test_publications_alone_are_nothing_to_count(self, check):
        found = check(trial_of([publish(0, 1), publish(MS, 2)]))
        assert set(found.counts.values()) <= {0}
        assert all(len(values) == 0 for values in found.samples.values())

    def test_a_plan_that_nobody_applied_is_stuck(self):
        assert convergence(trial_of([publish(0, 1)])).counts == {"stuck": 1}

    def test_an_endpoint_that_was_left_out_is_stuck(self):
        dicts = [publish(0, 1), commit(MS, 1, 0, "e0"), commit(MS, 1, 0, "e2")]
        assert convergence(trial_of(dicts)).counts == {"stuck": 1}


class TestOverwrites:
    def test_five_two_three_is_one_stale_overwrite_and_one_below_the_peak(self):
        found = overwrites(trial_of(walk(5, 2, 3)))
        assert found.counts == {"stale_overwrites": 1, "below_peak": 1, "stale_spells_unrepaired": 1}
        assert samples(found, "regression_depth") == [3]
        assert samples(found, "overwrite_lag_ms") == [1]
        assert samples(found, "stale_time_ms") == [1]
        assert samples(found, "time_to_first_stale_s") == [0.002]

    def test_the_lag_counts_from_when_the_newer_version_came_into_force(self):
        """Plan 5 comes at 2 ms, is written again at 3, goes at 4, and comes again at 6: there its second lag begins."""
        found = overwrites(trial_of(walk(1, 5, 5, 2, 2, 5, 5, 5, 3)))
        assert samples(found, "overwrite_lag_ms") == [2, 3]

    def test_the_lag_counts_from_the_restart_that_brought_the_newer_version_back(self):
        dicts = [*walk(4, 5), restart(9 * MS, 6), commit(11 * MS, 4, 4), commit(12 * MS, 3, 4)]
        assert samples(overwrites(trial_of(dicts)), "overwrite_lag_ms") == [3]

    def test_the_same_version_again_is_not_stale(self):
        assert overwrites(trial_of(walk(3, 3))).counts["stale_overwrites"] == 0

    def test_the_same_old_version_again_is_below_the_peak(self):
        counts = overwrites(trial_of(walk(3, 2, 2))).counts
        assert (counts["stale_overwrites"], counts["below_peak"]) == (1, 1)

    def test_a_spell_ends_when_the_peak_is_reached_again(self):
        found = overwrites(trial_of(walk(5, 2, 3, 1, 5, 4, 6)))
        assert samples(found, "stale_time_ms") == [1, 3]
        assert found.counts["stale_spells_unrepaired"] == 0

    def test_a_spell_that_is_not_over_counts_to_the_last_event(self):
        found = overwrites(trial_of([*walk(2, 1), publish(10 * MS, 3)]))
        assert samples(found, "stale_time_ms") == [8]

    def test_no_duration_spans_a_step_of_the_clock(self):
        dicts = [publish(SECOND, 1), publish(SECOND, 2), commit(SECOND, 2, 0), commit(SECOND - 5, 1, 2)]
        found = overwrites(trial_of([*dicts, commit(SECOND, 2, 1)]))
        assert samples(found, "regression_depth") == [1]
        assert samples(found, "overwrite_lag_ms") == []
        assert samples(found, "time_to_first_stale_s") == []
        assert samples(found, "stale_time_ms") == [0.005]

    def test_endpoints_are_looked_at_one_by_one(self):
        dicts = [publish(0, 1), publish(0, 2), commit(1, 2, 0, "e0"), commit(2, 1, 0, "e1")]
        assert overwrites(trial_of(dicts)).counts["stale_overwrites"] == 0

    def test_a_repair_to_an_older_version_is_no_stale_overwrite(self):
        dicts = [*walk(2), repair(2 * MS, 1, 2)]
        assert overwrites(trial_of(dicts)).counts == dict.fromkeys(
            ("stale_overwrites", "below_peak", "stale_spells_unrepaired"), 0
        )

    def test_what_comes_after_a_repair_is_measured_by_the_repair(self):
        dicts = [*walk(5), repair(2 * MS, 3, 5), commit(3 * MS, 4, 3), commit(7 * MS, 2, 4)]
        found = overwrites(trial_of(dicts))
        assert (found.counts["stale_overwrites"], found.counts["below_peak"]) == (1, 0)
        assert samples(found, "regression_depth") == [2]
        assert samples(found, "overwrite_lag_ms") == [4]

    def test_a_repair_ends_the_spell_whatever_it_points_at(self):
        found = overwrites(trial_of([*walk(5, 2), repair(6 * MS, 3, 2)]))
        assert samples(found, "stale_time_ms") == [4]
        assert found.counts["stale_spells_unrepaired"] == 0

    def test_a_restart_that_takes_an_endpoint_back_is_no_overwrite_but_begins_a_spell(self):
        lost = [*walk(1, 2), restart(3 * MS, 3)]
        found = overwrites(trial_of([*lost, commit(8 * MS, 2, 1)]))
        assert found.counts["stale_overwrites"] == 0
        assert samples(found, "stale_time_ms") == [5]

    def test_a_spell_that_is_not_over_ends_with_the_store_and_not_with_the_lease_server(self):
        grant = event("grant", 50 * MS, lease="cell", token="a", enactor="enactor-0", expires_us=60 * MS)
        found = overwrites(trial_of([*walk(2, 1), publish(10 * MS, 3), grant], lease_events=1))
        assert samples(found, "stale_time_ms") == [8]


class TestRaces:
    plans = (publish(0, 1), publish(0, 2), commit(1, 2, 0, enactor="enactor-1"))

    def test_a_refusal_of_an_old_plan_is_blocked(self):
        counts = races(trial_of([*self.plans, refusal(2, 1, 2, "not_newer")])).counts
        assert (counts["races"], counts["exposures"], counts["blocked"], counts["attempts"]) == (1, 1, 1, 2)

    def test_a_refusal_of_a_newer_plan_is_the_price_of_the_guard_and_no_race(self):
        counts = races(trial_of([publish(0, 1), refusal(1, 1, 0, "fence_too_low")])).counts
        assert (counts["refused_fresh"], counts["races"], counts["attempts"]) == (1, 0, 1)

    def test_a_refused_reading_is_no_attempt(self):
        counts = races(trial_of([*self.plans, refusal(2, 1, 2, "read_fence_too_low")])).counts
        assert (counts["attempts"], counts["races"]) == (1, 0)

    def test_a_refused_deletion_is_no_attempt(self):
        gone = event("reject", 1, version=1, enactor="enactor-0", reason="plan_active", active_endpoints=1)
        assert races(trial_of([publish(0, 1), gone])).counts["attempts"] == 0

    def test_a_race_counts_once_by_its_worst_outcome(self):
        tries = [
            refusal(2, 1, 2, "fence_too_low"),
            refusal(3, 1, 2, "watch_conflict", "watch_conflict"),
            commit(4, 1, 2),
        ]
        gave_up = [row("enactor-0", RowKind.WITHDRAW, endpoint=0, version=1, seen=2)]
        counts = races(trial_of([*self.plans, *tries], gave_up)).counts
        assert (counts["races"], counts["blocked"], counts["withdrawn"]) == (1, 0, 0)
        assert (counts["raced_applications"], counts["leaky_applications"]) == (1, 1)
        counts = races(trial_of([*self.plans, *tries[:2]], gave_up)).counts
        assert (counts["races"], counts["blocked"], counts["withdrawn"]) == (1, 1, 0)
        counts = races(trial_of(self.plans, gave_up)).counts
        assert (counts["races"], counts["withdrawn"], counts["exposures"]) == (1, 1, 0)

    def test_what_an_operator_was_refused_is_no_attempt(self):
        refused = refusal(2, 1, 2, "plan_gone", enactor="operator")
        counts = races(trial_of([*self.plans, refused, repair(3, 1, 2)])).counts
        assert (counts["attempts"], counts["commits"], counts["races"]) == (1, 1, 0)

    def test_what_took_the_place_of_a_killed_enactor_is_the_same_enactor(self):
        gave_up = [row(name, RowKind.WITHDRAW, endpoint=0, version=1) for name in ("enactor-0", "enactor-0+1")]
        assert races(trial_of(self.plans, gave_up)).counts["withdrawn"] == 1

    def test_one_application_that_races_everywhere_is_one_raced_application(self):
        gave_up = [row("enactor-0", RowKind.WITHDRAW, endpoint=n, version=1, seen=2) for n in range(3)]
        counts = races(trial_of(self.plans, gave_up)).counts
        assert (counts["races"], counts["raced_applications"]) == (3, 1)

    def test_a_commit_without_an_answer_is_unknown(self):
        rows = [row("enactor-0", RowKind.COMMIT, outcome) for outcome in RowOutcome]
        assert races(trial_of(self.plans, rows)).counts["unknown"] == 2


class TestDangling:
    def gone(self, t_us, version, active):
        return event("delete", t_us, version=version, enactor="enactor-0", active_endpoints=active)

    def test_the_deletion_of_a_plan_in_force_empties_every_endpoint_at_it(self):
        dicts = [publish(0, 1), *(commit(1, 1, 0, name) for name in ENDPOINTS), self.gone(2, 1, 3)]
        assert dangling(trial_of(dicts)).counts["dangling"] == 3

    def test_a_commit_of_a_deleted_plan_empties_the_endpoint_once(self):
        dicts = [publish(0, 1), publish(0, 2), self.gone(1, 1, 0), commit(2, 1, 0), commit(3, 1, 1)]
        assert dangling(trial_of(dicts)).counts["dangling"] == 1
        again = [*dicts, commit(4, 2, 1), commit(5, 1, 2)]
        assert dangling(trial_of(again)).counts["dangling"] == 2

    def test_a_commit_before_the_deletion_is_fine(self):
        dicts = [publish(0, 1), publish(0, 2), commit(1, 1, 0), commit(2, 2, 1), self.gone(3, 1, 0)]
        assert dangling(trial_of(dicts)).counts["dangling"] == 0

    def test_a_plan_in_quarantine_still_resolves(self):
        kept = event("quarantine", 2, version=1, enactor="enactor-0", active_endpoints=1)
        assert dangling(trial_of([publish(0, 1), commit(1, 1, 0), kept])).counts["dangling"] == 0

    def test_a_deletion_that_a_restart_took_back_is_none(self):
        dicts = [publish(0, 1), commit(1, 1, 0), self.gone(2, 1, 1)]
        assert dangling(trial_of([*dicts, restart(3, 2)])).counts["dangling"] == 0
        assert dangling(trial_of([*dicts, restart(3, 3)])).counts["dangling"] == 1

    def test_a_restart_may_take_an_endpoint_back_to_a_deleted_plan(self):
        dicts = [publish(0, 1), publish(0, 2), commit(1, 1, 0), self.gone(2, 1, 1), commit(3, 2, 1), restart(4, 4)]
        assert dangling(trial_of(dicts)).counts["dangling"] == 2

    def test_an_endpoint_is_empty_until_it_points_at_a_plan_that_is_there(self):
        dicts = [*walk(3), self.gone(2 * MS, 1, 0), self.gone(3 * MS, 3, 1), commit(4 * MS, 1, 3)]
        assert samples(dangling(trial_of([*dicts, commit(9 * MS, 2, 1)])), "empty_ms") == [6]
        assert samples(dangling(trial_of([*dicts, repair(7 * MS, 2, 1)])), "empty_ms") == [4]

    def test_an_endpoint_that_stays_empty_is_so_until_the_end(self):
        dicts = [*walk(1), self.gone(3 * MS, 1, 1)]
        assert samples(dangling(trial_of([*dicts, publish(10 * MS, 2)])), "empty_ms") == [7]
        assert samples(dangling(trial_of(dicts)), "empty_ms") == [0]

    wedge = (publish(0, 1), publish(0, 2), commit(1, 1, 0), refusal(2 * MS, 2, 1, "no_rollback_plan"))

    def test_wedged_is_an_endpoint_at_which_nothing_succeeds_any_more(self):
        assert dangling(trial_of(self.wedge)).counts["wedged"] == 1
        assert dangling(trial_of([*self.wedge, commit(3 * MS, 2, 1, "e0")])).counts["wedged"] == 0
        assert dangling(trial_of([*self.wedge, commit(3 * MS, 2, 0, "e1")])).counts["wedged"] == 1

    def test_wedged_is_also_an_endpoint_that_only_an_operator_helped(self):
        again = [refusal(4 * MS, 2, 1, "no_rollback_plan"), repair(7 * MS, 2, 1), commit(8 * MS, 2, 2)]
        found = dangling(trial_of([*self.wedge, *again]))
        assert (found.counts["wedged"], found.counts["repairs"]) == (1, 1)
        assert samples(found, "wedged_ms") == [5]

    def test_an_endpoint_that_nobody_repaired_is_wedged_until_the_end(self):
        assert samples(dangling(trial_of([*self.wedge, publish(9 * MS, 3)])), "wedged_ms") == [7]

    def test_a_repair_without_need_is_counted_and_wedges_nothing(self):
        assert dangling(trial_of([*walk(1), repair(2, 1, 1)])).counts == {"dangling": 0, "wedged": 0, "repairs": 1}


class TestRollout:
    def filled(self, *versions):
        """Three plans, and every endpoint at one of them from its own millisecond on: 1, 2, 3."""
        plans = [publish(0, version) for version in (1, 2, 3)]
        pairs = enumerate(zip(ENDPOINTS, versions, strict=True), start=1)
        return plans + [commit(n * MS, version, 0, name) for n, (name, version) in pairs]

    def torn(self, *dicts):
        found = rollout(trial_of(dicts))
        return samples(found, "torn_ms"), samples(found, "torn_versions")

    def test_a_cell_that_is_being_filled_is_not_torn(self):
        assert self.torn(*self.filled(1, 1, 1)) == ([], [])
        assert self.torn(*self.filled(1, 2, 3)[:-1]) == ([], [])

    def test_a_rollout_is_torn_from_its_first_to_its_last_endpoint(self):
        steps = [commit((4 + n) * MS, 2, 1, name) for n, name in enumerate(ENDPOINTS)]
        assert self.torn(*self.filled(1, 1, 1), *steps) == ([2], [2])

    def test_the_most_versions_at_once_are_counted_and_not_all_that_came_by(self):
        steps = [
            commit(5 * MS, 3, 1),
            commit(6 * MS, 2, 1, "e1"),
            commit(7 * MS, 3, 2, "e1"),
            commit(9 * MS, 3, 1, "e2"),
        ]
        assert self.torn(*self.filled(1, 1, 1), *steps) == ([4], [3])

    def test_the_filling_counts_from_where_every_endpoint_has_a_version(self):
        assert self.torn(*self.filled(2, 2, 1), commit(7 * MS, 2, 1, "e2")) == ([4], [2])

    def test_a_cell_that_stays_torn_is_so_until_the_end(self):
        assert self.torn(*self.filled(1, 1, 1), commit(4 * MS, 2, 1), publish(9 * MS, 4)) == ([5], [2])

    def test_the_same_version_again_tears_nothing(self):
        assert self.torn(*self.filled(1, 1, 1), commit(4 * MS, 1, 1)) == ([], [])

    def test_a_repair_can_mend_a_torn_cell(self):
        assert self.torn(*self.filled(1, 1, 1), commit(4 * MS, 2, 1), repair(6 * MS, 1, 2)) == ([2], [2])

    def test_a_restart_moves_all_endpoints_at_once(self):
        steps = [commit((4 + n) * MS, 2, 1, name) for n, name in enumerate(ENDPOINTS)]
        assert self.torn(*self.filled(1, 1, 1), *steps, restart(9 * MS, 6)) == ([2], [2])

    def test_a_long_rollout_is_the_same_in_pieces(self, monkeypatch):
        dicts = self.filled(1, 2, 3)
        at = dict(zip(ENDPOINTS, (1, 2, 3), strict=True))
        for number in range(40):
            name, version = ENDPOINTS[number * number % 3], 1 + number % 3
            dicts.append(commit((4 + number) * MS, version, at[name], name))
            at[name] = version
        whole = self.torn(*dicts)
        for size in (1, 2, 7):
            monkeypatch.setattr(rollout_module, "CHUNK", size)
            assert self.torn(*dicts) == whole


class TestFencing:
    def violations(self, *fences, endpoint="e0"):
        commits = [commit(n, 1, min(n - 1, 1), endpoint, fence=fence) for n, fence in enumerate(fences, start=1)]
        return fencing(trial_of([publish(0, 1), *commits])).counts["fencing_violations"]

    def test_a_commit_with_a_lower_fence_than_one_before_is_a_violation(self):
        assert self.violations(1, 2, 2, 3) == 0
        assert self.violations(3, 1, 2, 3) == 2

    def test_commits_without_a_fence_leave_the_question_open(self):
        assert self.violations(None, None) is None
        assert self.violations(2, None, 1) == 1

    def test_each_endpoint_has_its_own_highest_fence(self):
        dicts = [publish(0, 1), commit(1, 1, 0, "e0", fence=5), commit(2, 1, 0, "e1", fence=3)]
        assert fencing(trial_of(dicts)).counts["fencing_violations"] == 0

    def test_a_refusal_is_what_a_fence_is_for(self):
        dicts = [publish(0, 1), commit(1, 1, 0, fence=5), refusal(2, 1, 1, "fence_too_low") | {"fence": 3}]
        assert fencing(trial_of(dicts)).counts["fencing_violations"] == 0


class TestHolds:
    def grant(self, t_us, token, lease="e0", kind="grant", ttl_us=100):
        return event(kind, t_us, lease=lease, token=token, enactor="enactor-0", expires_us=t_us + ttl_us)

    def release(self, t_us, token, kind="release"):
        return event(kind, t_us, lease="e0", token=token, enactor="enactor-0")

    def violations(self, *dicts):
        return holds(trial_of(dicts)).counts["exclusion_violations"]

    def test_a_grant_beside_a_standing_one_is_a_violation(self):
        assert self.violations(self.grant(0, "a"), self.grant(50, "b")) == 1

    def test_a_grant_after_the_other_expired_is_none(self):
        assert self.violations(self.grant(0, "a"), self.grant(100, "b")) == 0
        assert self.violations(self.grant(0, "a"), self.grant(90, "a", kind="renew"), self.grant(100, "b")) == 1

    @pytest.mark.parametrize("kind", ["release", "expire"])
    def test_a_grant_after_the_other_was_given_back_is_none(self, kind):
        assert self.violations(self.grant(0, "a"), self.release(10, "a", kind), self.grant(20, "b")) == 0

    def test_grants_of_two_leases_do_not_exclude_each_other(self):
        assert self.violations(self.grant(0, "a", "e0"), self.grant(0, "b", "e1"), self.grant(0, "c", "cell")) == 0

    def test_a_released_lease_does_not_stand_even_if_the_clock_stepped_back_since(self):
        assert self.violations(self.grant(1000, "a"), self.release(1090, "a"), self.grant(1050, "b")) == 0

    def test_a_lease_whose_clock_stepped_back_stands_on(self):
        assert self.violations(self.grant(1000, "a"), publish(1099, 1), publish(900, 2), self.grant(1050, "b")) == 1

    def foreign(self, t_us, token, enactor):
        return self.release(t_us, token) | {"reason": "foreign", "enactor": enactor}

    def test_a_lock_that_another_deleted_stands_for_its_owner(self):
        mine, theirs = self.grant(0, "a"), self.grant(100, "b") | {"enactor": "enactor-1"}
        third = self.grant(120, "c") | {"enactor": "enactor-2"}
        assert self.violations(mine, theirs, self.foreign(110, "a", "enactor-0"), third) == 1
        assert self.violations(mine, theirs, self.foreign(110, "b", "enactor-0"), third) == 1
        assert self.violations(mine, theirs, self.foreign(110, "a", "enactor-0"), third | {"t_us": 200}) == 0

    def test_who_deletes_the_lock_of_another_gives_up_his_own(self):
        mine, theirs = self.grant(0, "a"), self.grant(10, "b") | {"enactor": "enactor-1"}
        third = self.grant(105, "c") | {"enactor": "enactor-2"}
        assert self.violations(mine, theirs, third) == 2
        own = self.foreign(20, "b", "enactor-1")
        assert self.violations(self.grant(0, "a", ttl_us=200), theirs, own, third) == 2
        assert self.violations(mine, theirs, own, third) == 1

    def test_a_grant_that_the_server_forgot_stands_for_its_owner(self):
        assert self.violations(self.grant(0, "a"), restart(20, 0), self.grant(50, "b")) == 1

    def test_a_hold_ends_with_the_death_of_its_owner(self):
        death = row("enactor-0-renewer", RowKind.KILL, start_ns=15, end_ns=15)
        first, second = self.acquire("enactor-0", 10, 1), self.acquire("enactor-1", 20, 1)
        assert self.doubles(first, death, second) == 0
        assert self.doubles(first, death | {"start_ns": 25}, second) == 1
        assert self.doubles(first, death | {"process": "enactor-0+1"}, second) == 1

    def test_who_comes_in_the_place_of_the_dead_has_holds_of_his_own(self):
        death = row("enactor-0", RowKind.KILL, start_ns=15, end_ns=15)
        next_life = self.acquire("enactor-0+1", 20, 1 << 32)
        assert self.doubles(self.acquire("enactor-0", 10, 1), death, next_life) == 0
        assert self.doubles(next_life, self.acquire("enactor-1", 30, 1), death) == 1

    def doubles(self, *rows):
        return holds(trial_of([], rows)).counts["double_holds"]

    def acquire(self, process, end_ns, attempt, endpoint=0):
        return row(process, RowKind.ACQUIRE, start_ns=1, end_ns=end_ns, attempt=attempt, endpoint=endpoint)

    def test_two_owners_at_once_are_a_double_hold(self):
        assert self.doubles(self.acquire("enactor-0", 10, 1), self.acquire("enactor-1", 20, 1)) == 1

    def test_a_lease_of_the_whole_cell_is_none_of_an_endpoint(self):
        mine, theirs = self.acquire("enactor-0", 10, 1), self.acquire("enactor-1", 20, 1, CELL_RESOURCE)
        assert self.doubles(mine, theirs, self.acquire("enactor-2", 30, 1, 1)) == 0
        assert self.doubles(theirs, self.acquire("enactor-2", 30, 1, CELL_RESOURCE)) == 1

    @pytest.mark.parametrize("outcome", [RowOutcome.DONE, RowOutcome.UNKNOWN, RowOutcome.PENDING])
    def test_a_hold_ends_where_the_release_starts_whatever_came_of_it(self, outcome):
        back = row("enactor-0", RowKind.RELEASE, outcome, start_ns=15, end_ns=30, grant=1)
        first, second = self.acquire("enactor-0", 10, 1), self.acquire("enactor-1", 20, 1)
        assert self.doubles(first, back, second) == 0
        assert self.doubles(first, back | {"start_ns": 25}, second) == 1
        assert self.doubles(first, back | {"grant": 7}, second) == 1
        assert self.doubles(first, back | {"process": "enactor-2"}, second) == 1

    @pytest.mark.parametrize(
        ("process", "kind", "reason"),
        [
            ("enactor-0-renewer", RowKind.RENEW, Reason.LEASE_LOST),
            ("enactor-0", RowKind.VALIDATE, Reason.LEASE_LOST),
            ("enactor-0", RowKind.COMMIT, Reason.NOT_OWNER),
            ("enactor-0", RowKind.COMMIT, Reason.FENCE_TOO_LOW),
            ("enactor-0", RowKind.CHECK, Reason.FENCE_TOO_LOW),
        ],
    )
    def test_a_hold_ends_where_its_owner_is_told_of_the_loss(self, process, kind, reason):
        facts = {"start_ns": 11, "end_ns": 15, "grant": 1, "reason": REASON_NUMBERS[reason]}
        first, second = self.acquire("enactor-0", 10, 1), self.acquire("enactor-1", 20, 1)
        assert self.doubles(first, row(process, kind, RowOutcome.REFUSED, **facts), second) == 0
        assert self.doubles(first, row(process, kind, RowOutcome.UNKNOWN, **facts), second) == 1

    def test_a_commit_refused_for_another_reason_tells_nothing_of_the_lease(self):
        facts = {"start_ns": 11, "end_ns": 15, "grant": 1, "reason": REASON_NUMBERS[Reason.NOT_NEWER]}
        refused = row("enactor-0", RowKind.COMMIT, RowOutcome.REFUSED, **facts)
        assert self.doubles(self.acquire("enactor-0", 10, 1), refused, self.acquire("enactor-1", 20, 1)) == 1

    def test_an_acquire_without_an_answer_is_no_hold(self):
        first = self.acquire("enactor-0", 10, 1) | {"outcome": int(RowOutcome.UNKNOWN)}
        assert self.doubles(first, self.acquire("enactor-1", 20, 1)) == 0

    def test_without_a_lease_both_figures_are_unknown(self):
        unknown = {"double_holds": None, "exclusion_violations": None}
        assert holds(trial_of([], lease=None)).counts == unknown
        unaudited = holds(trial_of([], lease={"ttl_ms": 100, "audited": False})).counts
        assert unaudited == unknown | {"double_holds": 0}


SEVERAL = {"cells": ["c0", "c1"]}
NOBODY = {"violated_cells": 0, "bystander_cells": 0, "bystander_unknown": 0, "bystander_leases_lapsed": 0}


class TestCells:
    def test_a_cell_without_a_violation_is_a_bystander_whose_freshness_and_lost_replies_count(self):
        unanswered = row("enactor-0", RowKind.COMMIT, RowOutcome.UNKNOWN, start_ns=1, end_ns=10, attempt=9, endpoint=0)
        found = cells(trial_of([publish(0, 1), commit(3 * MS, 1, 0)], [unanswered], **SEVERAL))
        assert found.counts == NOBODY | {"bystander_cells": 1, "bystander_unknown": 1}
        assert samples(found, "bystander_freshness_ms") == [3]

    @pytest.mark.parametrize(
        "dicts",
        [walk(2, 1), [*walk(1), publish(2 * MS, 2), event("delete", 3 * MS, version=1, active_endpoints=1)]],
    )
    def test_a_stale_overwrite_or_an_empty_record_is_a_violation(self, dicts):
        found = cells(trial_of(dicts, **SEVERAL))
        assert found.counts == NOBODY | {"violated_cells": 1}
        assert samples(found, "bystander_freshness_ms") == []

    def test_a_trial_of_one_cell_has_no_others(self):
        assert cells(trial_of(walk(2, 1))).counts == NOBODY


class TestTakeover:
    def acquire(self, process, end_ns, attempt=1, endpoint=0, outcome=RowOutcome.DONE):
        return row(process, RowKind.ACQUIRE, outcome, start_ns=1, end_ns=end_ns, attempt=attempt, endpoint=endpoint)

    held = row("enactor-0", RowKind.ACQUIRE, start_ns=1, end_ns=10, attempt=1, endpoint=0)
    death = row("enactor-0", RowKind.KILL, start_ns=2 * SECOND, end_ns=2 * SECOND)

    def took(self, *rows):
        return samples(takeover(trial_of([], [self.held, self.death, *rows])), "takeover_ms")

    def test_it_runs_from_the_death_of_the_owner_to_the_next_acquire(self):
        assert self.took(self.acquire("enactor-1", 5 * SECOND), self.acquire("enactor-2", 9 * SECOND)) == [3]

    def test_the_dead_owners_own_successor_counts_too(self):
        assert self.took(self.acquire("enactor-0+1", 4 * SECOND, 1 << 32)) == [2]

    def test_a_lease_that_nobody_claimed_is_left_out(self):
        assert self.took() == []
        assert self.took(self.acquire("enactor-1", 5 * SECOND, endpoint=1)) == []
        assert self.took(self.acquire("enactor-1", 5 * SECOND, outcome=RowOutcome.NOTHING)) == []

    @pytest.mark.parametrize("kind", [RowKind.RELEASE, RowKind.RENEW])
    def test_a_lease_that_was_given_back_or_told_lost_before_was_not_held(self, kind):
        outcome = RowOutcome.PENDING if kind == RowKind.RELEASE else RowOutcome.REFUSED
        over = row("enactor-0", kind, outcome, start_ns=20, end_ns=30, grant=1)
        assert self.took(over, self.acquire("enactor-1", 5 * SECOND)) == []

    def test_a_lease_that_another_had_by_then_was_not_left_behind(self):
        assert self.took(self.acquire("enactor-1", SECOND), self.acquire("enactor-2", 5 * SECOND)) == []


class TestBeside:
    def held(self, process, begin_s, attempt=1):
        return row(process, RowKind.ACQUIRE, start_ns=1, end_ns=begin_s * SECOND, attempt=attempt, endpoint=0)

    def on(self, kind, start_s, end_s, process="enactor-0", outcome=RowOutcome.DONE, grant=1):
        times = {"start_ns": start_s * SECOND, "end_ns": end_s * SECOND}
        return row(process, kind, outcome, **times, grant=grant, endpoint=0)

    def found(self, *rows):
        return beside(trial_of([], [self.held("enactor-0", 1), self.held("enactor-1", 5), *rows]))

    def test_it_lasts_from_the_others_acquire_to_the_end_of_the_hold_with_what_was_sent_meanwhile(self):
        commits = [self.on(RowKind.COMMIT, at, at) for at in (4, 5, 6, 8)]
        found = self.found(*commits, self.on(RowKind.RELEASE, 8, 9, outcome=RowOutcome.REFUSED))
        assert found.counts == {"commits_beside": 2}
        assert samples(found, "beside_ms") == [3]

    def test_who_was_stopped_by_then_counts_from_its_waking_up(self):
        stop = row("enactor-0", RowKind.PAUSE, start_ns=2 * SECOND, end_ns=7 * SECOND)
        found = self.found(stop, self.on(RowKind.RELEASE, 8, 9))
        assert samples(found, "beside_ms") == [1]

    def test_who_gave_it_back_or_was_told_before_is_not_beside(self):
        assert self.found(self.on(RowKind.RELEASE, 4, 6)).counts == {"commits_beside": 0}
        told = self.on(RowKind.RENEW, 2, 3, outcome=RowOutcome.REFUSED)
        assert samples(self.found(told, self.on(RowKind.RELEASE, 8, 9)), "beside_ms") == []

    def test_without_a_lease_nothing_is_known(self):
        assert beside(trial_of([], [], lease=None)).counts == {"commits_beside": None}


class TestFairness:
    def asked(self, process, start_s, end_s, outcome=RowOutcome.DONE, attempt=1):
        times = {"start_ns": start_s * SECOND, "end_ns": end_s * SECOND}
        return row(process, RowKind.ACQUIRE, outcome, **times, attempt=attempt, endpoint=0)

    over = row("planner", RowKind.PUBLISH, start_ns=20 * SECOND, end_ns=20 * SECOND)

    def test_it_counts_until_the_last_plan(self):
        rows = [
            *(self.asked("enactor-0", at, at + 1, attempt=at) for at in (10, 12, 14)),
            self.asked("enactor-1", 10, 16),
            self.asked("enactor-2", 11, 19, RowOutcome.NOTHING),
            self.asked("enactor-2", 19, 25, attempt=2),
            self.asked("enactor-1", 21, 60, attempt=2),
        ]
        found = fairness(trial_of([], [*rows, self.over]))
        assert found.counts == {"starved": 1, "waits_in_vain": 1}
        assert samples(found, "longest_wait_ms") == [8]
        assert samples(found, "grants_per_s") == [pytest.approx(4 / 0.010)]
        assert samples(found, "jain_of_grants") == [pytest.approx(16 / (3 * 10))]

    def test_where_nobody_asks_or_there_is_no_lease_there_is_nothing_to_share(self):
        assert fairness(trial_of([], [self.over])) == Findings({"starved": 0, "waits_in_vain": 0})
        assert fairness(trial_of([], [], lease=None)).counts == {"starved": None, "waits_in_vain": None}


TTL_NS = 100 * SECOND
"""The time to live of the synthetic trials, 100 ms."""


class TestLosses:
    mine = row("enactor-0", RowKind.ACQUIRE, start_ns=1, end_ns=10, attempt=1, endpoint=0)
    theirs = row("enactor-1", RowKind.ACQUIRE, start_ns=1, end_ns=1000, attempt=1, endpoint=0)

    def on(self, kind, start_ns, outcome=RowOutcome.DONE, reason=None, process="enactor-0"):
        facts = {"start_ns": start_ns, "end_ns": start_ns + 5, "grant": 1, "endpoint": 0}
        return row(process, kind, outcome, reason=REASON_NUMBERS.get(reason, 0), **facts)

    def lost(self, start_ns, kind=RowKind.RELEASE, reason=Reason.LEASE_LOST, process="enactor-0"):
        return self.on(kind, start_ns, RowOutcome.REFUSED, reason, process)

    def found(self, *rows, dicts=()):
        """The counts that are not zero, for my lease alone: theirs is given back in order."""
        back = self.on(RowKind.RELEASE, 10**15, process="enactor-1")
        counts = losses(trial_of(dicts, [*rows, back])).counts
        return {name: count for name, count in counts.items() if count}

    def test_a_lease_that_was_given_back_before_the_next_acquire_ended_is_not_lost(self):
        assert self.found(self.mine, self.on(RowKind.COMMIT, 500), self.on(RowKind.RELEASE, 990), self.theirs) == {}

    def test_who_is_told_before_he_writes_was_told_before(self):
        expected = {"leases_lost": 1, "told_before": 1}
        told = self.lost(1100, RowKind.RENEW, process="enactor-0-renewer")
        assert self.found(self.mine, self.theirs, told) == expected
        assert self.found(self.mine, self.theirs, told, self.on(RowKind.COMMIT, 1200)) == expected
        assert self.found(self.mine, self.theirs, self.lost(1100, RowKind.VALIDATE)) == expected
        assert self.found(self.mine, self.theirs, self.lost(1100, RowKind.CHECK, Reason.FENCE_TOO_LOW)) == expected

    def test_a_write_before_the_loss_is_of_no_account(self):
        told = self.lost(1100, RowKind.VALIDATE)
        assert self.found(self.mine, self.on(RowKind.COMMIT, 990), self.theirs, told) == {
            "leases_lost": 1,
            "told_before": 1,
        }

    def test_who_writes_nothing_and_hears_of_it_at_the_release_was_told_before(self):
        assert self.found(self.mine, self.theirs, self.lost(1100)) == {"leases_lost": 1, "told_before": 1}

    @pytest.mark.parametrize("reason", [Reason.NOT_OWNER, Reason.FENCE_TOO_LOW])
    def test_whose_write_is_refused_for_the_lease_was_told_at_it(self, reason):
        refused = self.lost(1100, RowKind.COMMIT, reason)
        assert self.found(self.mine, self.theirs, refused, self.lost(1200)) == {"leases_lost": 1, "told_at": 1}

    def test_a_write_refused_for_another_reason_tells_nothing(self):
        refused = self.on(RowKind.COMMIT, 1100, RowOutcome.REFUSED, Reason.NOT_NEWER)
        assert self.found(self.mine, self.theirs, refused, self.lost(1200)) == {"leases_lost": 1, "told_after": 1}

    @pytest.mark.parametrize("outcome", [RowOutcome.DONE, RowOutcome.UNKNOWN, RowOutcome.PENDING])
    def test_who_wrote_and_hears_of_it_later_was_told_after(self, outcome):
        write = self.on(RowKind.COMMIT, 1100, outcome)
        assert self.found(self.mine, self.theirs, write, self.lost(1200)) == {"leases_lost": 1, "told_after": 1}
        later = self.lost(1200, RowKind.COMMIT, Reason.NOT_OWNER)
        assert self.found(self.mine, self.theirs, write, later) == {"leases_lost": 1, "told_after": 1}

    def test_a_write_under_way_when_he_was_told_was_sent_before(self):
        write = self.on(RowKind.COMMIT, 1102)
        assert self.found(self.mine, self.theirs, self.lost(1100, RowKind.VALIDATE), write) == {
            "leases_lost": 1,
            "told_after": 1,
        }

    @pytest.mark.parametrize("outcome", [RowOutcome.UNKNOWN, RowOutcome.PENDING, None])
    def test_who_hears_nothing_was_never_told(self, outcome):
        back = [] if outcome is None else [self.on(RowKind.RELEASE, 1200, outcome)]
        assert self.found(self.mine, self.theirs, self.on(RowKind.COMMIT, 1100), *back) == {
            "leases_lost": 1,
            "never_told": 1,
        }

    @pytest.mark.parametrize("kind", [RowKind.RELEASE, RowKind.RENEW, RowKind.VALIDATE])
    def test_who_hears_that_all_is_well_after_another_had_it_was_told_wrongly(self, kind):
        expected = {"leases_lost": 1, "never_told": 1, "told_wrongly": 1}
        assert self.found(self.mine, self.theirs, self.on(kind, 1100)) == expected
        assert "told_wrongly" not in self.found(self.mine, self.theirs, self.on(kind, 999))

    def test_a_lease_is_lost_when_its_time_had_passed(self):
        write = self.on(RowKind.COMMIT, TTL_NS + 10)
        late = self.theirs | {"end_ns": 2 * TTL_NS}
        assert self.found(self.mine, write, late, self.lost(3 * TTL_NS)) == {"leases_lost": 1, "told_after": 1}
        in_time = write | {"start_ns": TTL_NS + 9}
        assert self.found(self.mine, in_time, late, self.lost(3 * TTL_NS)) == {"leases_lost": 1, "told_before": 1}
        renewed = self.on(RowKind.RENEW, 500, process="enactor-0-renewer")
        assert self.found(self.mine, renewed, write, late, self.lost(3 * TTL_NS)) == {
            "leases_lost": 1,
            "told_before": 1,
        }

    def test_a_time_that_passed_without_harm_is_no_loss(self):
        assert self.found(self.mine, self.on(RowKind.COMMIT, 2 * TTL_NS), self.on(RowKind.RELEASE, 3 * TTL_NS)) == {}

    def test_who_is_told_of_a_loss_that_never_was_was_told_wrongly(self):
        told = self.lost(500, RowKind.VALIDATE)
        expected = {"leases_lost": 1, "told_before": 1}
        assert self.found(self.mine, told) == expected | {"told_wrongly": 1}
        assert self.found(self.mine, told, dicts=[restart(0, 0)]) == expected
        counts = losses(trial_of([], [self.mine, told], hit_servers=["lease"])).counts
        assert {name: count for name, count in counts.items() if count} == expected, "the server may have lost it"
        assert self.found(self.mine, told | {"end_ns": TTL_NS + 1}) == expected
        assert self.found(self.mine | {"end_ns": 400}, told)["told_wrongly"] == 1
        assert self.found(self.mine | {"start_ns": 505 - TTL_NS}, told) == expected
        assert self.found(self.mine, self.theirs | {"end_ns": 400}, told) == expected

    def test_who_got_the_lease_while_another_held_it_was_not_told_wrongly(self):
        holder, gone = (
            self.theirs | {"end_ns": 5},
            self.on(RowKind.RELEASE, 300, RowOutcome.UNKNOWN, process="enactor-1"),
        )
        counts = losses(trial_of([], [holder, self.mine, gone, self.lost(500, RowKind.VALIDATE)])).counts
        assert (counts["told_before"], counts["told_wrongly"]) == (1, 0)

    def test_of_two_numbered_grants_the_higher_came_later_whatever_answer_came_first(self):
        mine, late = self.mine | {"fence": 2}, self.theirs | {"fence": 1}
        rows = [mine, late, self.on(RowKind.RELEASE, 1100), self.lost(1005, process="enactor-1")]
        counts = losses(trial_of([], rows)).counts
        assert counts == dict.fromkeys(COUNTS, 0) | {"leases_lost": 1, "told_before": 1}
        lower_first = [mine | {"fence": 1}, late | {"fence": 2}, *rows[2:]]
        assert losses(trial_of([], lower_first)).counts["told_wrongly"] == 1

    def test_a_dead_owner_does_not_count(self):
        death = row("enactor-0", RowKind.KILL, start_ns=2000, end_ns=2000)
        assert self.found(self.mine, self.theirs, self.on(RowKind.COMMIT, 1100), death) == {}
        told = self.lost(1500, RowKind.VALIDATE)
        assert self.found(self.mine, self.theirs, self.on(RowKind.COMMIT, 1100), told, death)["told_after"] == 1

    def test_without_a_lease_nothing_is_known(self):
        assert losses(trial_of([], [self.mine], lease=None)).counts == dict.fromkeys(COUNTS)


class TestFreshnessAndConvergence:
    def test_a_repair_puts_a_plan_in_force(self):
        dicts = [publish(0, 1), *(repair((n + 1) * MS, 1, 0, name) for n, name in enumerate(ENDPOINTS))]
        assert samples(freshness(trial_of(dicts)), "freshness_ms") == [1, 2, 3]
        found = convergence(trial_of(dicts))
        assert (found.counts["stuck"], samples(found, "convergence_ms")) == (0, [3])

    def test_a_repair_to_an_older_plan_leaves_the_endpoint_stuck(self):
        dicts = [publish(0, 1), publish(0, 2), *(commit(1, 2, 0, name) for name in ENDPOINTS), repair(2, 1, 2)]
        assert convergence(trial_of(dicts)).counts["stuck"] == 1

    def test_a_plan_that_a_restart_took_is_not_the_last_one(self):
        dicts = [publish(0, 1), *(commit(1, 1, 0, name) for name in ENDPOINTS), publish(2, 2), restart(3, 4)]
        assert convergence(trial_of(dicts)).counts["stuck"] == 0

    def test_who_is_ahead_of_a_plan_that_is_published_again_need_not_arrive(self):
        dicts = [publish(0, 1), publish(0, 2), restart(MS, 1), *(commit(2 * MS, 2, 0, name) for name in ENDPOINTS)]
        found = convergence(trial_of([*dicts, publish(5 * MS, 2)]))
        assert (found.counts["stuck"], samples(found, "convergence_ms")) == (0, [0])

    def test_the_time_to_settle_begins_anew_where_a_restart_makes_an_older_plan_the_last_one(self):
        walked = [publish(0, 1), *(commit(1, 1, 0, name) for name in ENDPOINTS), publish(SECOND, 2)]
        dicts = [*walked, restart(9 * SECOND, 3)]  # to before the last of the walk's commits
        found = convergence(trial_of([*dicts, commit(9 * SECOND + 7 * MS, 1, 0, ENDPOINTS[2])]))
        assert (found.counts["stuck"], samples(found, "convergence_ms")) == (0, [7])
        late = convergence(trial_of([*dicts, commit(99 * SECOND, 1, 0, ENDPOINTS[2])]))
        assert late.counts["stuck"] == 1
        nothing_lost = [*walked[:-1], restart(9 * SECOND, 4)]
        assert samples(convergence(trial_of(nothing_lost)), "convergence_ms") == [1 / MS]

    def test_an_endpoint_that_a_restart_took_back_is_stuck(self):
        dicts = [publish(0, 1), *(commit(1, 1, 0, name) for name in ENDPOINTS), restart(3, 3)]
        assert convergence(trial_of(dicts)).counts["stuck"] == 1

    def test_a_plan_that_was_in_force_when_it_was_published_again_has_no_freshness(self):
        dicts = [publish(0, 1), commit(MS, 1, 0), restart(2 * MS, 0), publish(3 * MS, 1), commit(4 * MS, 1, 0)]
        assert samples(freshness(trial_of(dicts)), "freshness_ms") == [1]

    def test_a_plan_that_was_skipped_is_fresh_with_the_newer_one(self):
        dicts = [publish(0, 1), publish(2 * MS, 2), commit(5 * MS, 2, 0)]
        assert samples(freshness(trial_of(dicts)), "freshness_ms") == [3, 5]

    def test_a_plan_that_came_and_went_counts_when_it_first_came(self):
        dicts = [publish(0, 1), publish(0, 2), commit(MS, 2, 0), commit(2 * MS, 1, 2), commit(3 * MS, 2, 1)]
        assert samples(freshness(trial_of(dicts)), "freshness_ms") == [1, 1]

    def arrivals(self, *times_us):
        pairs = zip(times_us, ENDPOINTS, strict=True)
        return [publish(0, 1), *(commit(t_us, 1, 0, name) for t_us, name in sorted(pairs))]

    def test_convergence_takes_as_long_as_the_slowest_endpoint(self):
        found = convergence(trial_of(self.arrivals(MS, 7 * MS, 2 * MS)))
        assert found.counts == {"stuck": 0}
        assert samples(found, "convergence_ms") == [7]

    def test_an_arrival_within_the_time_to_settle_is_not_stuck(self):
        assert convergence(trial_of(self.arrivals(1, 2, SECOND))).counts == {"stuck": 0}
        assert convergence(trial_of(self.arrivals(1, 2, SECOND + 1))).counts == {"stuck": 1}

    def test_an_endpoint_that_fell_back_at_the_end_is_stuck(self):
        dicts = [publish(0, 1), *self.arrivals(1, 1, 1)[1:], publish(2, 2)]
        dicts += [commit(3, 2, 1, name) for name in ENDPOINTS]
        assert convergence(trial_of(dicts)).counts == {"stuck": 0}
        assert convergence(trial_of([*dicts, commit(4, 1, 2)])).counts == {"stuck": 1}


class TestAssumptions:
    def test_an_endpoint_that_changed_outside_the_history_is_found(self):
        dicts = [publish(0, 1), publish(0, 2), commit(1, 1, 0), commit(2, 2, 0)]
        assert broken_assumptions(trial_of(dicts)) == ["endpoint e0 changed outside the history"]

    def test_a_commit_before_its_publication_is_found(self):
        (only,) = broken_assumptions(trial_of([commit(0, 1, 0), publish(1, 1)]))
        assert "before it was published" in only
        assert len(broken_assumptions(trial_of([commit(0, 1, 0)]))) == 1

    def test_a_kind_of_event_that_is_not_known_is_found(self):
        assert len(broken_assumptions(trial_of([event("implode", 0)]))) == 1

    def test_a_repair_changes_the_endpoint_inside_the_history(self):
        dicts = [publish(0, 1), publish(0, 2), commit(1, 2, 0), repair(2, 1, 2)]
        assert broken_assumptions(trial_of([*dicts, commit(3, 2, 1)])) == []
        assert broken_assumptions(trial_of([*dicts, commit(3, 2, 2)])) == ["endpoint e0 changed outside the history"]

    def test_after_a_restart_each_endpoint_is_back_at_its_last_write_that_survived(self):
        dicts = [publish(0, 1), publish(0, 2), commit(1, 1, 0), commit(2, 2, 1), commit(3, 2, 0, "e1"), restart(4, 3)]
        assert broken_assumptions(trial_of([*dicts, commit(5, 2, 1), commit(6, 2, 0, "e1")])) == []
        assert broken_assumptions(trial_of([*dicts, commit(5, 2, 2)])) == ["endpoint e0 changed outside the history"]
        again = [*dicts, commit(5, 2, 1), restart(6, 2), commit(7, 1, 0)]
        assert broken_assumptions(trial_of(again)) == []
        later = [*dicts, commit(5, 2, 1), restart(6, 6), commit(7, 2, 1)]
        assert broken_assumptions(trial_of(later)) == []

    def test_what_one_restart_took_the_next_does_not_bring_back(self):
        dicts = [publish(0, 1), commit(1, 1, 0), restart(2, 1), commit(3, 1, 0), restart(4, 3)]
        assert broken_assumptions(trial_of([*dicts, commit(5, 1, 0)])) == []

    def test_unless_it_goes_back_to_before_the_one_that_took_it(self):
        dicts = [publish(0, 1), commit(1, 1, 0), restart(2, 1), commit(3, 1, 0), restart(4, 2)]
        assert broken_assumptions(trial_of([*dicts, commit(5, 1, 1)])) == []
        assert len(broken_assumptions(trial_of([*dicts, commit(5, 1, 0)]))) == 1

    def test_a_restart_that_loses_nothing_changes_nothing(self):
        dicts = [publish(0, 1), commit(1, 1, 0), restart(2, 2), commit(3, 1, 1)]
        assert broken_assumptions(trial_of(dicts)) == []

    def test_a_restart_that_takes_back_what_had_not_happened_yet_is_found(self):
        assert len(broken_assumptions(trial_of([publish(0, 1), restart(1, 2)]))) == 1

    def test_a_restart_of_the_lease_server_changes_no_endpoint(self):
        dicts = [publish(0, 1), commit(1, 1, 0), restart(0, 0)]
        assert broken_assumptions(trial_of(dicts, lease_events=1)) == []
        assert len(trial_of(dicts, lease_events=1).events.restarts) == 0

    def test_a_plan_that_was_lost_may_be_published_again(self):
        dicts = [publish(0, 1), commit(1, 1, 0), restart(2, 0), publish(3, 1), commit(4, 1, 0)]
        assert broken_assumptions(trial_of(dicts)) == []


class TestLoss:
    dicts = (publish(0, 1), commit(1, 1, 0, attempt=1), commit(2, 1, 1, attempt=2))

    def told(self, attempt, outcome=RowOutcome.DONE, process="enactor-0"):
        return row(process, RowKind.COMMIT, outcome, attempt=attempt, version=1)

    def lost(self, dicts, *rows):
        return loss(trial_of(dicts, rows)).counts["lost_commits"]

    def test_an_acknowledged_commit_that_a_restart_took_back_is_lost(self):
        assert self.lost([*self.dicts, restart(3, 2)], self.told(1), self.told(2)) == 1
        assert self.lost([*self.dicts, restart(3, 3)], self.told(1), self.told(2)) == 0

    def test_a_commit_whose_answer_never_came_is_not(self):
        assert self.lost([*self.dicts, restart(3, 2)], self.told(1), self.told(2, RowOutcome.UNKNOWN)) == 0

    def test_an_acknowledged_commit_that_the_history_never_saw_is_lost(self):
        assert self.lost([*self.dicts, restart(3, 3)], self.told(1), self.told(9)) == 1
        missing = trial_of([*self.dicts, restart(3, 3)], [self.told(9)])
        assert broken_assumptions(missing) == []

    def test_two_restarts_take_one_commit_once(self):
        assert self.lost([*self.dicts, restart(3, 2), restart(4, 2)], self.told(1), self.told(2)) == 1

    def test_a_commit_that_came_back_is_not_lost(self):
        dicts = [*self.dicts, restart(3, 1), restart(4, 2)]
        assert self.lost(dicts[:-1], self.told(1), self.told(2)) == 2
        assert self.lost(dicts, self.told(1), self.told(2)) == 1
        assert trial_of(dicts).events.gone.tolist() == [False, False, True, True, False]

    @pytest.mark.parametrize(
        ("lost", "mean", "interval", "text"),
        [
            ([286.0, 204.0, 368.0], 286.0, (82.30, 489.70), "286 [82.3, 490]"),
            ([0.0, 9.0], 4.5, (0.0, 61.68), "4.50 [0.00, 61.7]"),
            ([0.0, 0.0, 0.0], 0.0, None, "0 in each"),
            ([7.0], 7.0, None, "7.00"),
            ([], None, None, "-"),
        ],
    )
    def test_the_mean_of_the_trials_has_students_interval_where_they_differ(self, lost, mean, interval, text):
        tallied = Tally(samples={"lost_commits_a_trial": [np.array([value]) for value in lost]}).figures()
        assert tallied["lost_commits_a_trial"] == mean
        assert tallied["lost_commits_a_trial_ci"] == (interval and pytest.approx(interval, abs=0.01))
        assert mean_text(Rate(mean, interval, None), len(lost)) == text

    def test_without_a_restart_of_the_store_nothing_is_lost(self):
        assert self.lost(self.dicts, self.told(9)) == 0
        assert loss(trial_of([*self.dicts, restart(0, 0)], [self.told(1)], lease_events=1)).counts == {
            "lost_commits": 0
        }
