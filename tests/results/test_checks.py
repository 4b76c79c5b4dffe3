import plain_checks
import pytest
from hypothesis import given, settings
from synthetic import ENDPOINTS, FACTS, event, histories, row, trial_of, trials

from enactors.operations import Reason
from results.assumptions import broken_assumptions, lost_commits
from results.checks.convergence import convergence
from results.checks.dangling import dangling
from results.checks.freshness import freshness
from results.checks.holds import holds
from results.checks.overwrites import overwrites
from results.checks.races import races
from results.journal import CELL_RESOURCE, REASON_NUMBERS, Kind, Outcome

MS = 1000
SECOND = 1_000_000
EVERY_CHECK = (overwrites, races, dangling, holds, freshness, convergence)


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
        assert races(trial).counts == plain_checks.races(dicts, rows)

    @given(histories())
    def test_dangling_and_wedged_agree(self, dicts):
        assert dangling(trial_of(dicts)).counts == plain_checks.dangling(dicts)

    @given(trials())
    def test_both_sides_of_exclusion_agree(self, made):
        trial, dicts, rows = made
        assert holds(trial).counts == {
            "double_holds": plain_checks.double_holds(rows),
            "exclusion_violations": plain_checks.exclusion_violations(dicts),
        }

    @given(histories())
    def test_freshness_agrees(self, dicts):
        expected = plain_checks.freshness(dicts, ENDPOINTS)
        assert samples(freshness(trial_of(dicts)), "freshness_ms") == pytest.approx(sorted(expected))

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
        gave_up = [row("enactor-0", Kind.WITHDRAW, endpoint=0, version=1, seen=2)]
        counts = races(trial_of([*self.plans, *tries], gave_up)).counts
        assert (counts["races"], counts["blocked"], counts["withdrawn"]) == (1, 0, 0)
        assert (counts["raced_applications"], counts["leaky_applications"]) == (1, 1)
        counts = races(trial_of([*self.plans, *tries[:2]], gave_up)).counts
        assert (counts["races"], counts["blocked"], counts["withdrawn"]) == (1, 1, 0)
        counts = races(trial_of(self.plans, gave_up)).counts
        assert (counts["races"], counts["withdrawn"], counts["exposures"]) == (1, 1, 0)

    def test_one_application_that_races_everywhere_is_one_raced_application(self):
        gave_up = [row("enactor-0", Kind.WITHDRAW, endpoint=n, version=1, seen=2) for n in range(3)]
        counts = races(trial_of(self.plans, gave_up)).counts
        assert (counts["races"], counts["raced_applications"]) == (3, 1)

    def test_a_commit_without_an_answer_is_unknown(self):
        rows = [row("enactor-0", Kind.COMMIT, outcome) for outcome in Outcome]
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

    def test_wedged_is_an_endpoint_at_which_nothing_succeeds_any_more(self):
        dicts = [publish(0, 1), publish(0, 2), commit(1, 1, 0), refusal(2, 2, 1, "no_rollback_plan")]
        assert dangling(trial_of(dicts)).counts["wedged"] == 1
        assert dangling(trial_of([*dicts, commit(3, 2, 1, "e0")])).counts["wedged"] == 0
        assert dangling(trial_of([*dicts, commit(3, 2, 0, "e1")])).counts["wedged"] == 1


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

    def doubles(self, *rows):
        return holds(trial_of([], rows)).counts["double_holds"]

    def acquire(self, process, end_ns, attempt, endpoint=0):
        return row(process, Kind.ACQUIRE, start_ns=1, end_ns=end_ns, attempt=attempt, endpoint=endpoint)

    def test_two_owners_at_once_are_a_double_hold(self):
        assert self.doubles(self.acquire("enactor-0", 10, 1), self.acquire("enactor-1", 20, 1)) == 1

    def test_a_lease_of_the_whole_cell_is_none_of_an_endpoint(self):
        mine, theirs = self.acquire("enactor-0", 10, 1), self.acquire("enactor-1", 20, 1, CELL_RESOURCE)
        assert self.doubles(mine, theirs, self.acquire("enactor-2", 30, 1, 1)) == 0
        assert self.doubles(theirs, self.acquire("enactor-2", 30, 1, CELL_RESOURCE)) == 1

    @pytest.mark.parametrize("outcome", [Outcome.DONE, Outcome.UNKNOWN, Outcome.PENDING])
    def test_a_hold_ends_where_the_release_starts_whatever_came_of_it(self, outcome):
        back = row("enactor-0", Kind.RELEASE, outcome, start_ns=15, end_ns=30, grant=1)
        first, second = self.acquire("enactor-0", 10, 1), self.acquire("enactor-1", 20, 1)
        assert self.doubles(first, back, second) == 0
        assert self.doubles(first, back | {"start_ns": 25}, second) == 1
        assert self.doubles(first, back | {"grant": 7}, second) == 1
        assert self.doubles(first, back | {"process": "enactor-2"}, second) == 1

    @pytest.mark.parametrize(
        ("process", "kind", "reason"),
        [
            ("enactor-0-renewer", Kind.RENEW, Reason.LEASE_LOST),
            ("enactor-0", Kind.VALIDATE, Reason.LEASE_LOST),
            ("enactor-0", Kind.COMMIT, Reason.NOT_OWNER),
            ("enactor-0", Kind.COMMIT, Reason.FENCE_TOO_LOW),
            ("enactor-0", Kind.CHECK, Reason.FENCE_TOO_LOW),
        ],
    )
    def test_a_hold_ends_where_its_owner_is_told_of_the_loss(self, process, kind, reason):
        facts = {"start_ns": 11, "end_ns": 15, "grant": 1, "reason": REASON_NUMBERS[reason]}
        first, second = self.acquire("enactor-0", 10, 1), self.acquire("enactor-1", 20, 1)
        assert self.doubles(first, row(process, kind, Outcome.REFUSED, **facts), second) == 0
        assert self.doubles(first, row(process, kind, Outcome.UNKNOWN, **facts), second) == 1

    def test_a_commit_refused_for_another_reason_tells_nothing_of_the_lease(self):
        facts = {"start_ns": 11, "end_ns": 15, "grant": 1, "reason": REASON_NUMBERS[Reason.NOT_NEWER]}
        refused = row("enactor-0", Kind.COMMIT, Outcome.REFUSED, **facts)
        assert self.doubles(self.acquire("enactor-0", 10, 1), refused, self.acquire("enactor-1", 20, 1)) == 1

    def test_an_acquire_without_an_answer_is_no_hold(self):
        first = self.acquire("enactor-0", 10, 1) | {"outcome": int(Outcome.UNKNOWN)}
        assert self.doubles(first, self.acquire("enactor-1", 20, 1)) == 0

    def test_without_a_lease_both_figures_are_unknown(self):
        unknown = {"double_holds": None, "exclusion_violations": None}
        assert holds(trial_of([], lease=None)).counts == unknown
        unaudited = holds(trial_of([], lease={"ttl_ms": 100, "audited": False})).counts
        assert unaudited == unknown | {"double_holds": 0}


class TestFreshnessAndConvergence:
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
        assert broken_assumptions(trial_of([commit(0, 1, 0), publish(1, 1)])) == [
            "a plan was committed before it was published"
        ]
        assert len(broken_assumptions(trial_of([commit(0, 1, 0)]))) == 1

    def test_a_kind_of_event_that_is_not_known_is_found(self):
        assert len(broken_assumptions(trial_of([event("implode", 0)]))) == 1

    def test_an_acknowledged_commit_that_the_history_lacks_is_lost(self):
        dicts = [publish(0, 1), commit(1, 1, 0, attempt=7)]
        there = row("enactor-0", Kind.COMMIT, attempt=7, version=1)
        assert lost_commits(trial_of(dicts, [there])) == 0
        assert lost_commits(trial_of(dicts, [there | {"process": "enactor-1"}])) == 1
        assert lost_commits(trial_of(dicts, [there | {"attempt": 8, "outcome": int(Outcome.UNKNOWN)}])) == 0
        missing = trial_of(dicts, [there, there | {"attempt": 8}])
        assert broken_assumptions(missing) == ["1 acknowledged commits are not in the history"]
