"""Programs, driven by hand: given the same results they ask for the same things."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playing import UNFINISHED, play
from two_stores import Actor, MemoryWorld, timeless

from leasebench.enactors.enactor.cleaner import MAX_DELETIONS, clean_up
from leasebench.enactors.enactor.program import MAX_TRIES, Enactor, apply_plan
from leasebench.enactors.enactor.resuming import EnactorState, resume
from leasebench.enactors.operations import (
    AwaitDue,
    AwaitPlan,
    Commit,
    DeletePlan,
    Finish,
    ListPlans,
    Plans,
    Publish,
    ReadEndpoint,
    RegisterFence,
    Withdraw,
    Work,
)
from leasebench.enactors.plan import Cell, endpoint_names
from leasebench.enactors.planner.program import PlannerState, publish_next
from leasebench.leases.guard import Clean, CleanRule, Guard, parse_guards, presets
from leasebench.leases.guard_axes import DeleteRule
from leasebench.leases.lease import Lease, Wait
from leasebench.leases.operations import (
    AcquireLease,
    AcquireLock,
    Belief,
    Operation,
    ReleaseLease,
    ReleaseLock,
    RenewLease,
    Sleep,
    StartRenewal,
    StopRenewal,
    TakeExpired,
    ValidateLock,
)
from leasebench.leases.outcome import UNKNOWN, Done, Reason, Refused
from leasebench.leases.renewal import keep_alive
from leasebench.names import valid_name

ONE = Cell("c", ("e0",), clean_age=2, purge_age=2)
TWO = Cell("c", ("e0", "e1"), clean_age=2, purge_age=2)
LEASE = Lease("e0", "t", 1, 1, 100)
PRESETS = presets()
OURS = {name: guard for name, guard in PRESETS.items() if guard.library is None}
WAIT = Wait()


def kinds(asked: list[Operation]) -> list[type]:
    return [type(operation) for operation in asked]


def guard_of(**choices: Any) -> Guard:
    return parse_guards({"g": {"about": "A guard.", **choices}}, "here")["g"]


class TestPlanner:
    def test_publishes_the_next_version_when_it_is_due(self):
        asked, state = play(publish_next(PlannerState(4)), True, Done(4))
        assert asked == [AwaitDue(), Publish(5)]
        assert state == PlannerState(5)

    def test_publishes_nothing_when_the_load_is_over(self):
        assert play(publish_next(PlannerState(4)), False) == ([AwaitDue()], PlannerState(4))

    def test_learns_from_a_refusal_what_is_newest(self):
        asked, state = play(publish_next(PlannerState()), True, Refused(Reason.NOT_NEWEST, 9))
        assert asked == [AwaitDue(), Publish(1)]
        assert state == PlannerState(9)

    @pytest.mark.parametrize(("found", "newest"), [(Plans((4, 5)), 5), (Plans((4,)), 4), (Plans(), 4), (UNKNOWN, 4)])
    def test_looks_what_is_newest_after_a_reply_that_never_came(self, found, newest):
        asked, state = play(publish_next(PlannerState(4)), True, UNKNOWN, found)
        assert asked == [AwaitDue(), Publish(5), ListPlans()]
        assert state == PlannerState(newest)


class TestResume:
    def test_begins_at_the_oldest_version_in_force(self):
        asked, state = play(resume(TWO), 7, 4)
        assert asked == [ReadEndpoint("e0"), ReadEndpoint("e1")]
        assert state == EnactorState(resumed=True, finished=4)

    def test_an_endpoint_that_no_plan_reached_means_that_none_is_finished(self):
        assert play(resume(TWO), 7, 0)[1] == EnactorState(resumed=True, finished=0)

    def test_begins_again_after_a_reply_that_never_came(self):
        asked, state = play(resume(TWO), UNKNOWN)
        assert len(asked) == 1
        assert state == EnactorState(resumed=False)


class TestActivities:
    enactor = Enactor(ONE, PRESETS["last_writer_wins"])

    def test_first_it_resumes(self):
        assert play(self.enactor.next_activity(EnactorState()))[0] == [ReadEndpoint("e0")]

    def test_then_it_applies_the_newest_plan_and_remembers_to_clean_up(self):
        state = EnactorState(resumed=True, finished=3)
        asked, then = play(self.enactor.next_activity(state), 5, None, Done(3), None)
        assert asked == [
            AwaitPlan(3),
            Work("e0"),
            Commit("e0", 5, "unconditional"),
            Finish(5, complete=True),
        ]
        assert then == EnactorState(resumed=True, finished=5, to_clean=5)

    def test_then_it_cleans_up(self):
        state = EnactorState(resumed=True, finished=5, to_clean=5)
        asked, then = play(self.enactor.next_activity(state), Plans((1, 5)), Done())
        assert asked == [ListPlans(), DeletePlan(1, DeleteRule.ALWAYS)]
        assert then == EnactorState(resumed=True, finished=5)

    @pytest.mark.parametrize("received", [None, UNKNOWN])
    def test_told_to_stop_or_nothing_it_leaves_everything_as_it_is(self, received):
        state = EnactorState(resumed=True, finished=3)
        assert play(self.enactor.next_activity(state), received) == ([AwaitPlan(3)], state)

    def test_an_incomplete_application_does_not_clean_up_and_pauses_before_it_begins_again(self):
        guard = guard_of(decide={"check": "never"}, commit="monotonic", clean={"referential": True})
        state = EnactorState(resumed=True, finished=3)
        gone = Refused(Reason.PLAN_GONE, 3)
        asked, then = play(Enactor(ONE, guard).next_activity(state), 5, None, gone, None, None)
        assert kinds(asked) == [AwaitPlan, Work, Commit, Finish, Sleep]
        assert asked[3] == Finish(5, complete=False)
        assert then == state

    def test_enactors_walk_from_different_endpoints_over_all_of_them(self):
        cell = Cell("c", endpoint_names(3))
        assert Enactor(cell, PRESETS["monotonic"], first=1).walk == ("e001", "e002", "e000")
        assert all(valid_name(name) for name in endpoint_names(12))


class TestTxtLock:
    enactor = Enactor(ONE, PRESETS["txt_lock"])

    def test_commits_again_after_not_owner_without_reading_again(self):
        other = Lease("e0", "u", 3, 9, 100)
        asked, complete = play(
            apply_plan(self.enactor, 5),
            3,  # the one check
            LEASE,
            None,
            Refused(Reason.NOT_OWNER, 6),  # the newer plan 6 is in force by now
            Refused(Reason.LEASE_LOST),
            other,
            None,
            Done(6),
            Done(),
        )
        assert asked == [
            ReadEndpoint("e0"),
            AcquireLease("e0", 100, WAIT),
            Work("e0"),
            Commit("e0", 5, "owner_checked", LEASE, 3),
            ReleaseLease(LEASE),
            AcquireLease("e0", 100, WAIT),
            Work("e0"),
            Commit("e0", 5, "owner_checked", other, 3),
            ReleaseLease(other),
        ]
        assert complete

    def test_withdraws_where_its_one_check_saw_a_newer_plan(self):
        asked, complete = play(apply_plan(self.enactor, 5), 6, None)
        assert asked == [ReadEndpoint("e0"), Withdraw("e0", 5, 6)]
        assert complete

    @pytest.mark.parametrize("received", [None, UNKNOWN])
    def test_leaves_the_endpoint_when_it_does_not_get_the_lease(self, received):
        asked, complete = play(apply_plan(self.enactor, 5), 3, received)
        assert kinds(asked) == [ReadEndpoint, AcquireLease]
        assert not complete

    def test_checks_every_endpoint_before_it_writes_the_first(self):
        asked, _ = play(apply_plan(Enactor(TWO, PRESETS["txt_lock"]), 5), 3, 3)
        assert kinds(asked) == [ReadEndpoint, ReadEndpoint, AcquireLease]

    def test_with_abandon_it_leaves_the_endpoint_at_the_first_loss(self):
        guard = guard_of(
            decide={"check": "once"},
            exclude={"manager": "redis", "on_loss": "abandon"},
            commit="owner_checked",
        )
        lost = Refused(Reason.NOT_OWNER, 6)
        asked, complete = play(apply_plan(Enactor(ONE, guard), 5), 3, LEASE, None, lost, Done())
        assert kinds(asked) == [ReadEndpoint, AcquireLease, Work, Commit, ReleaseLease]
        assert not complete


class TestCompareAndSet:
    enactor = Enactor(ONE, PRESETS["compare_and_set"])

    def test_compares_with_what_it_read(self):
        asked, complete = play(apply_plan(self.enactor, 5), 3, None, Done(3))
        assert asked[-1] == Commit("e0", 5, "compare_and_set", seen=3)
        assert complete

    def test_reads_again_after_changed_and_tries_again_while_its_plan_is_newer(self):
        changed = Refused(Reason.CHANGED, 4)
        asked, complete = play(apply_plan(self.enactor, 5), 3, None, changed, 4, None, Done(4))
        assert kinds(asked) == [ReadEndpoint, Work, Commit] * 2
        assert asked[-1] == Commit("e0", 5, "compare_and_set", seen=4)
        assert complete

    def test_reads_again_after_changed_and_withdraws_when_a_newer_plan_is_there(self):
        asked, complete = play(apply_plan(self.enactor, 5), 3, None, Refused(Reason.CHANGED, 6), 6, None)
        assert kinds(asked) == [ReadEndpoint, Work, Commit, ReadEndpoint, Withdraw]
        assert complete

    def test_finding_its_own_plan_there_is_no_withdrawal(self):
        asked, complete = play(apply_plan(self.enactor, 5), 5)
        assert asked == [ReadEndpoint("e0")]
        assert complete

    def test_reads_again_after_a_reply_that_never_came(self):
        asked, complete = play(apply_plan(self.enactor, 5), 3, None, UNKNOWN, 5)
        assert kinds(asked) == [ReadEndpoint, Work, Commit, ReadEndpoint]
        assert complete

    def test_gives_up_after_a_bounded_number_of_tries(self):
        changed = [3, None, Refused(Reason.CHANGED, 4)] * MAX_TRIES
        asked, complete = play(apply_plan(self.enactor, 5), *changed)
        assert len(asked) == 3 * MAX_TRIES
        assert complete is False


class TestBrokenCas:
    guard = guard_of(decide={"check": "per_endpoint"}, commit="broken_cas", known_bad=True)
    enactor = Enactor(ONE, guard)

    def test_compares_by_itself_and_then_writes_whatever_stands_there(self):
        asked, complete = play(apply_plan(self.enactor, 5), 3, None, 3, Done(6))
        assert asked == [
            ReadEndpoint("e0"),
            Work("e0"),
            ReadEndpoint("e0"),
            Commit("e0", 5, "unconditional", seen=3),
        ]
        assert complete

    @pytest.mark.parametrize("again", [4, UNKNOWN])
    def test_reads_again_where_the_second_look_does_not_find_the_same(self, again):
        asked, complete = play(apply_plan(self.enactor, 5), 3, None, again, 6, None)
        assert kinds(asked) == [ReadEndpoint, Work, ReadEndpoint, ReadEndpoint, Withdraw]
        assert complete

    def test_is_overtaken_between_the_look_and_the_write(self):
        world, a, b = two_actors()
        a.run_until(apply_plan(Enactor(ONE, self.guard), 1), Commit)
        b.run(apply_plan(Enactor(ONE, PRESETS["compare_and_set"]), 2))
        a.go_on()
        assert world.client("looker").read("e0") == 1


class TestOtherGuards:
    def test_monotonic_takes_not_newer_as_its_read(self):
        enactor = Enactor(TWO, PRESETS["monotonic"])
        asked, complete = play(apply_plan(enactor, 5), None, Refused(Reason.NOT_NEWER, 6), None, Done(4))
        assert kinds(asked) == [Work, Commit, Work, Commit]
        assert complete

    def test_optimistic_watch_watches_what_it_reads(self):
        enactor = Enactor(ONE, PRESETS["optimistic_watch"])
        conflict = Refused(Reason.WATCH_CONFLICT, 4)
        asked, complete = play(apply_plan(enactor, 5), 3, None, conflict, 4, None, Done(4))
        assert asked[0] == asked[3] == ReadEndpoint("e0", watch=True)
        assert complete

    def test_a_check_inside_the_lease_withdraws_and_gives_the_lease_back(self):
        enactor = Enactor(ONE, PRESETS["redis_lock"])
        asked, complete = play(apply_plan(enactor, 5), LEASE, 6, None, Done())
        assert kinds(asked) == [AcquireLease, ReadEndpoint, Withdraw, ReleaseLease]
        assert complete

    def test_a_registered_fence_that_is_too_low_is_a_lost_lease_and_acquired_anew(self):
        enactor = Enactor(ONE, PRESETS["fence_registered"])
        refused = Refused(Reason.FENCE_TOO_LOW, 3)
        asked, _ = play(apply_plan(enactor, 5), LEASE, refused, Refused(Reason.LEASE_LOST), LEASE)
        assert kinds(asked) == [AcquireLease, RegisterFence, ReleaseLease, AcquireLease, RegisterFence]

    def test_a_renewed_lease_is_not_used_once_its_loss_is_known(self):
        enactor = Enactor(ONE, PRESETS["redis_lock_renewed"])
        asked, _ = play(apply_plan(enactor, 5), LEASE, None, 3, None, False, None, Done())
        assert kinds(asked) == [
            AcquireLease,
            StartRenewal,
            ReadEndpoint,
            Work,
            Belief,
            StopRenewal,
            ReleaseLease,
            AcquireLease,
        ]

    def test_a_lease_of_the_cell_is_taken_once_for_the_whole_walk(self):
        enactor = Enactor(TWO, PRESETS["redis_lock_cell"])
        lease = Lease("cell", "t", 1, 1, 100)
        per_endpoint = [3, None, True, Done(3)]
        asked, complete = play(apply_plan(enactor, 5), lease, None, *per_endpoint, *per_endpoint, None, Done())
        inside = [ReadEndpoint, Work, Belief, Commit]
        assert kinds(asked) == [AcquireLease, StartRenewal, *inside, *inside, StopRenewal, ReleaseLease]
        assert complete

    def test_a_lost_lease_of_the_cell_is_not_complete(self):
        enactor = Enactor(ONE, PRESETS["redis_lock_cell"])
        asked, complete = play(apply_plan(enactor, 5), LEASE, None, 3, None, False, None, Done())
        assert kinds(asked)[-2:] == [StopRenewal, ReleaseLease]
        assert complete is False

    @pytest.mark.parametrize("received", [None, UNKNOWN])
    def test_a_second_pick_that_gets_no_reply_leaves_the_first(self, received):
        guard = guard_of(
            decide={"pick": "inside", "check": "inside"}, exclude={"manager": "redis"}, commit="unconditional"
        )
        asked, _ = play(apply_plan(Enactor(ONE, guard), 5), LEASE, received, 3, None)
        assert asked[-1] == Commit("e0", 5, "unconditional", LEASE, 3)

    @pytest.mark.parametrize("scope", ["endpoint", "cell"])
    def test_a_plan_picked_inside_the_lease_is_the_newest_of_that_moment(self, scope):
        guard = guard_of(
            decide={"pick": "inside", "check": "inside"},
            exclude={"manager": "redis", "scope": scope},
            commit="fenced",
        )
        asked, complete = play(apply_plan(Enactor(ONE, guard), 5), LEASE, 8, 3, None, Done(3), Done())
        assert asked[1] == AwaitPlan(4)
        assert asked[4] == Commit("e0", 8, "fenced", LEASE, 3)
        assert complete

    def test_safe_cleaning_makes_every_commit_look_for_its_plan(self):
        enactor = Enactor(ONE, PRESETS["monotonic_safe_clean"])
        asked, complete = play(apply_plan(enactor, 5), None, Refused(Reason.PLAN_GONE, 3))
        assert asked[1] == Commit("e0", 5, "monotonic", referential=True)
        assert not complete


class TestCleaner:
    plans = Plans((1, 2, 3, 9, 10))

    def test_by_age_deletes_what_is_old_whoever_points_at_it(self):
        asked, _ = play(clean_up(ONE, Clean(rule=CleanRule.BY_AGE), 5), self.plans, Done(), Done())
        assert asked == [
            ListPlans(),
            DeletePlan(1, DeleteRule.ALWAYS),
            DeletePlan(2, DeleteRule.ALWAYS),
        ]

    def test_check_then_delete_reads_every_endpoint_first_and_spares_what_it_saw(self):
        clean = Clean(rule=CleanRule.CHECK_THEN_DELETE)
        asked, _ = play(clean_up(TWO, clean, 5), self.plans, 2, 10, Done())
        assert asked == [
            ListPlans(),
            ReadEndpoint("e0"),
            ReadEndpoint("e1"),
            DeletePlan(1, DeleteRule.ALWAYS),
        ]

    def test_check_then_delete_deletes_nothing_when_a_read_got_no_reply(self):
        clean = Clean(rule=CleanRule.CHECK_THEN_DELETE)
        asked, _ = play(clean_up(TWO, clean, 5), self.plans, 2, UNKNOWN)
        assert kinds(asked) == [ListPlans, ReadEndpoint, ReadEndpoint]

    def test_check_then_delete_reads_nothing_when_nothing_is_old(self):
        clean = Clean(rule=CleanRule.CHECK_THEN_DELETE)
        assert play(clean_up(TWO, clean, 2), self.plans)[0] == [ListPlans()]

    def test_skip_active_leaves_the_look_to_the_store(self):
        clean = Clean(rule=CleanRule.SKIP_ACTIVE)
        asked, _ = play(clean_up(ONE, clean, 4), self.plans, Refused(Reason.PLAN_ACTIVE))
        assert asked == [ListPlans(), DeletePlan(1, DeleteRule.SKIP_ACTIVE)]

    def test_quarantine_marks_the_old_and_purges_the_very_old(self):
        clean = Clean(rule=CleanRule.QUARANTINE)
        found = Plans((5, 6, 9), (1, 3, 4))
        asked, _ = play(clean_up(ONE, clean, 8), found, Done(), Done(), Done())
        assert asked == [
            ListPlans(),
            DeletePlan(5, DeleteRule.QUARANTINE),
            DeletePlan(1, DeleteRule.SKIP_ACTIVE),
            DeletePlan(3, DeleteRule.SKIP_ACTIVE),
        ]

    @pytest.mark.parametrize("rule", list(CleanRule))
    def test_does_nothing_when_the_list_got_no_reply(self, rule):
        assert play(clean_up(ONE, Clean(rule=rule), 9), UNKNOWN) == ([ListPlans()], None)

    def test_deletes_a_bounded_number_at_a_time(self):
        many = Plans(tuple(range(1, 500)))
        asked, _ = play(clean_up(ONE, Clean(), 400), many, *[Done()] * 500)
        assert len(asked) == 1 + MAX_DELETIONS


class TestAnOwnDeadline:
    """A lease whose end its owner knows by itself: it looks right before it writes."""

    def guard(self):
        return guard_of(decide={"check": "inside"}, exclude={"manager": "redlock_3"}, commit="unconditional")

    def test_an_owner_whose_time_is_over_does_not_write_and_begins_again(self):
        lease, lost = replace(LEASE, own_deadline=True), Refused(Reason.LEASE_LOST)
        once = [lease, 0, None, lost, Done()]
        asked, complete = play(apply_plan(Enactor(ONE, self.guard()), 1), *once, lease, 0, None, Done(), Done(), Done())
        tried = [AcquireLock, ReadEndpoint, Work, ValidateLock]
        assert kinds(asked) == [*tried, ReleaseLock, *tried, Commit, ReleaseLock]
        assert complete is True

    def test_a_lease_without_one_is_written_under_unasked(self):
        asked, _ = play(apply_plan(Enactor(ONE, self.guard()), 1), LEASE, 0, None, Done(), Done())
        assert kinds(asked) == [AcquireLock, ReadEndpoint, Work, Commit, ReleaseLock]


class TestRenewal:
    def manager(self):
        return PRESETS["redis_lock"].manager

    def test_renews_at_a_third_of_the_time_to_live_until_told_of_the_loss(self):
        lost = Refused(Reason.LEASE_LOST)
        asked, kept = play(keep_alive(self.manager(), LEASE), None, Done(), None, lost)
        assert asked == [Sleep(pytest.approx(100 / 3)), RenewLease(LEASE)] * 2
        assert kept is False

    def test_tries_again_after_a_reply_that_never_came(self):
        asked, kept = play(keep_alive(self.manager(), LEASE), None, UNKNOWN, None)
        assert kinds(asked) == [Sleep, RenewLease, Sleep, RenewLease]
        assert kept is UNFINISHED


LEASES = st.builds(Lease, st.just("e0"), st.sampled_from("tu"), st.integers(1, 3), st.just(1), st.just(100))
OUTCOMES = st.one_of(
    st.builds(Done, st.integers(0, 9)),
    st.builds(Refused, st.sampled_from(Reason), st.integers(0, 9)),
    st.just(UNKNOWN),
)


def received(operation: Operation) -> st.SearchStrategy[Any]:  # noqa: PLR0911  (one case a kind)
    """Whatever an engine may answer."""
    match operation:
        case AwaitDue() | Belief():
            return st.booleans()
        case AwaitPlan(newer_than):
            return st.none() | st.just(UNKNOWN) | st.integers(newer_than + 1, newer_than + 5)
        case ReadEndpoint():
            return st.just(UNKNOWN) | st.integers(0, 9)
        case RegisterFence():
            return st.one_of(st.just(UNKNOWN), st.integers(0, 9), st.just(Refused(Reason.FENCE_TOO_LOW)))
        case ListPlans():
            return st.just(UNKNOWN) | st.just(Plans((1, 2, 3), (1,)))
        case AcquireLease() | TakeExpired():
            return LEASES | st.none() | st.just(UNKNOWN)
        case Work() | Withdraw() | Finish() | StartRenewal() | StopRenewal() | Sleep():
            return st.none()
    return OUTCOMES


@given(data=st.data(), name=st.sampled_from(sorted(OURS)))
@settings(max_examples=200, deadline=None, database=None)
def test_given_the_same_results_an_enactor_asks_for_the_same_and_always_ends(data, name):
    enactor, state = Enactor(TWO, OURS[name], first=1), EnactorState()
    for _ in range(3):
        program = enactor.next_activity(state)
        asked, results, value = [], [], UNFINISHED
        try:
            asked.append(next(program))
            while True:
                results.append(data.draw(received(asked[-1])))
                asked.append(program.send(results[-1]))
                assert len(asked) < 500
        except StopIteration as end:
            value = end.value
        assert play(enactor.next_activity(state), *results) == (asked, value)
        taken = [type(operation) for operation in asked if isinstance(operation, (StartRenewal, StopRenewal))]
        assert taken.count(StartRenewal) == taken.count(StopRenewal)
        state = value


def two_actors(versions: int = 2) -> tuple[MemoryWorld, Actor, Actor]:
    world = MemoryWorld(TWO)
    for version in range(1, versions + 1):
        world.client("planner").publish(version, version)
    return world, *(Actor(world.client(name), name, world.clock_ms) for name in "ab")


def in_force(world: MemoryWorld) -> set[int]:
    return {world.client("looker").read(endpoint) for endpoint in TWO.endpoints}


class TestOverAStore:
    @pytest.mark.parametrize("name", sorted(OURS))
    def test_alone_every_guard_brings_the_newest_plan_into_force(self, name):
        world, a, _ = two_actors(versions=7)
        enactor, state = Enactor(TWO, OURS[name]), EnactorState()
        for _ in range(3):
            state = a.run(enactor.next_activity(state))
        assert in_force(world) == {7}
        assert state == EnactorState(resumed=True, finished=7)
        assert world.client("a").plans().applicable == (5, 6, 7)
        assert world.shared.leases == {}

    @pytest.mark.parametrize("name", sorted(OURS))
    def test_an_enactor_that_waits_too_long_for_its_lease_shows_who_checks_too_early(self, name):
        """No pause outlives a lease: this is the incident, where a rightful owner holds an old plan."""
        world, a, b = two_actors()
        first = (AcquireLease, TakeExpired) if OURS[name].exclude else Commit
        a.run_until(apply_plan(Enactor(TWO, OURS[name]), 1), first)
        b.run(apply_plan(Enactor(TWO, OURS[name]), 2))
        a.go_on()
        stale = {
            "last_writer_wins",
            "one_time_check",
            "check_each_endpoint",
            "txt_lock",
            "txt_lock_safe_clean",
            "fenced_by_lock_order",
        }
        assert (in_force(world) != {2}) == (name in stale)

    @pytest.mark.parametrize("name", sorted(OURS))
    def test_an_owner_that_sleeps_beyond_its_lease_shows_what_only_the_store_can_stop(self, name):
        world, a, b = two_actors()
        a.run_until(apply_plan(Enactor(TWO, OURS[name]), 1), Commit)
        world.outlive(LEASE)
        b.run(apply_plan(Enactor(TWO, OURS[name]), 2))
        a.go_on()
        holds = {
            "owner_inside",
            "fenced_at_write",
            "fence_registered",
            "optimistic_watch",
            "compare_and_set",
            "monotonic",
            "monotonic_safe_clean",
        }
        assert (in_force(world) == {2}) == (name in holds)

    @pytest.mark.parametrize(("name", "overwritten"), [("fenced_at_write", [(3, 2)]), ("fence_registered", [])])
    def test_an_owner_that_wakes_between_its_successors_check_and_write(self, name, overwritten):
        """Why a fence is registered at the read: only then is the late write of plan 3 refused in time."""
        world = MemoryWorld(ONE)
        sleeper, successor = (Actor(world.client(each), each) for each in ("sleeper", "successor"))
        enactor = Enactor(ONE, PRESETS[name])
        sleeper.run_until(apply_plan(enactor, 3), Commit)
        world.outlive(LEASE)
        successor.run_until(apply_plan(enactor, 2), Commit)
        sleeper.go_on()
        successor.go_on()
        commits = [event for event in world.shared.history if event.kind == "commit"]
        stale = [(event.previous, event.version) for event in commits if event.version < event.previous]
        assert stale == overwritten

    def test_a_planner_and_an_enactor_tell_one_story(self):
        world = MemoryWorld(ONE)
        planner, enactor = Actor(world.client("planner"), "planner"), Actor(world.client("a"), "a")
        state = PlannerState()
        for _ in range(2):
            state = planner.run(publish_next(state))
        enactor.run(apply_plan(Enactor(ONE, PRESETS["monotonic"]), 2))
        told = [(timeless(event).kind, event.version, event.previous) for event in world.shared.history]
        assert told == [("publish", 1, 0), ("publish", 2, 1), ("commit", 2, 0)]
