"""What both stores promise. Every sentence holds for the one in Redis and for its twin in memory."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from two_stores import LONG_MS, MemoryWorld, World, history, served_world

from leasebench.enactors.downstream.launches.program import Launch
from leasebench.enactors.operations import Checkpoint, Commit, DeletePlan, Plans, RegisterFence, Repair
from leasebench.enactors.plan import Cell
from leasebench.enactors.store.events import Event, parse_event
from leasebench.enactors.store.store import Store
from leasebench.leases.guard_axes import DeleteRule
from leasebench.leases.lease import Lease
from leasebench.leases.outcome import Done, Reason, Refused
from leasebench.registry import plugins

CELL = Cell("c", ("e0", "e1", "e2"))
WITH_ROLLBACK = Cell("c", ("e0", "e1", "e2"), rollback=True)
NobodysLease = Lease("e0", "nobody", 1, 1, LONG_MS)
MakeWorld = Callable[[Cell], World]
URL_OF = {"redis": "server_url"}
"""The fixture that has the URL of a server, by driver. A new driver needs its own here."""


@pytest.fixture(params=sorted(plugins("enactors.store")))
def world_of(request: pytest.FixtureRequest) -> Iterator[MakeWorld]:
    """Makes worlds in the store of each driver that is found; only in memory does time stand still."""
    with ExitStack() as stack:
        if request.param == "memory":
            yield MemoryWorld
        else:
            url = request.getfixturevalue(URL_OF[request.param])
            yield lambda cell: stack.enter_context(served_world(url, cell))


@pytest.fixture
def world(world_of: MakeWorld) -> World:
    return world_of(CELL)


@pytest.fixture
def a(world: World) -> Store:
    return world.client("a")


@pytest.fixture
def b(world: World) -> Store:
    return world.client("b")


def write(store: Store, version: int, endpoint: str = "e0", attempt: int = 90) -> None:
    outcome = store.commit(Commit(endpoint, version, "unconditional"), attempt)
    assert isinstance(outcome, Done)


def grant(store: Store, resource: str = "e0", token: str = "t", attempt: int = 80, ttl: int = LONG_MS) -> Lease:
    lease = store.grant(resource, ttl, token, attempt)
    assert lease is not None
    return lease


class TestUnconditional:
    def test_writes_an_endpoint_that_no_plan_reached(self, a):
        assert a.commit(Commit("e0", 3, "unconditional"), 7) == Done(0)
        assert a.read("e0") == 3
        assert history(a) == [Event(0, "commit", "e0", 3, 0, "a", 7)]

    def test_lets_an_older_plan_overwrite_a_newer_one_and_tells_what_was_there(self, a, b):
        write(a, 5)
        assert b.commit(Commit("e0", 2, "unconditional"), 8) == Done(5)
        assert a.read("e0") == 2
        assert history(a)[-1] == Event(0, "commit", "e0", 2, 5, "b", 8)

    def test_writing_the_same_version_again_is_a_commit_too(self, a):
        write(a, 3)
        assert a.commit(Commit("e0", 3, "unconditional"), 8) == Done(3)
        assert len(history(a)) == 2

    def test_touches_no_other_endpoint(self, a):
        write(a, 3, "e1")
        assert (a.read("e0"), a.read("e1"), a.read("e2")) == (0, 3, 0)

    def test_names_the_lease_that_the_writer_believed_to_hold(self, a):
        lease = grant(a)
        a.commit(Commit("e0", 1, "unconditional", lease), 9)
        assert history(a)[-1] == Event(0, "commit", "e0", 1, 0, "a", 9, lease="e0", token="t", fence=lease.fence)

    def test_a_lease_without_a_fencing_number_leaves_that_field_empty(self, a):
        a.commit(Commit("e0", 1, "unconditional", Lease("e0", "t", None, 1, LONG_MS)), 9)
        assert history(a)[-1] == Event(0, "commit", "e0", 1, 0, "a", 9, lease="e0", token="t")


class TestCheckpoint:
    def test_nothing_is_kept_by_a_commit_that_is_not_asked_to(self, a):
        write(a, 3)
        assert a.checkpoint() is None

    def test_a_commit_keeps_it_for_its_own_client(self, a, b):
        assert a.commit(Commit("e0", 3, "unconditional"), 7, Checkpoint(3, 1)) == Done(0)
        assert a.commit(Commit("e1", 3, "unconditional"), 8, Checkpoint(3, 2)) == Done(0)
        assert (a.checkpoint(), b.checkpoint()) == (Checkpoint(3, 2), None)
        assert history(a)[0] == Event(0, "commit", "e0", 3, 0, "a", 7), "the history tells of the commit as ever"

    def test_it_outlives_the_client_and_is_read_by_the_one_that_takes_its_place(self, a, b):
        a.commit(Commit("e0", 3, "unconditional"), 7, Checkpoint(3, 1))
        a.close()
        assert b.as_client("a").checkpoint() == Checkpoint(3, 1)

    def test_a_refused_commit_leaves_the_last_one(self, a):
        a.commit(Commit("e0", 3, "monotonic"), 7, Checkpoint(3, 1))
        assert a.commit(Commit("e0", 2, "monotonic"), 8, Checkpoint(2, 1)) == Refused(Reason.NOT_NEWER, 3)
        assert a.commit(Commit("e1", 4, "monotonic", referential=True), 9, Checkpoint(4, 2)) == Refused(
            Reason.PLAN_GONE
        )
        assert a.checkpoint() == Checkpoint(3, 1)

    def test_a_commit_in_a_transaction_keeps_it_too_unless_it_conflicts(self, a, b):
        a.read("e0", watch=True)
        assert a.commit(Commit("e0", 1, "watch"), 7, Checkpoint(1, 1)) == Done(0)
        a.read("e0", watch=True)
        write(b, 5)
        assert a.commit(Commit("e0", 2, "watch"), 8, Checkpoint(2, 1)) == Refused(Reason.WATCH_CONFLICT, 5)
        assert a.checkpoint() == Checkpoint(1, 1)


class TestOwnerChecked:
    def test_the_holder_may_write_even_an_old_plan(self, a):
        write(a, 5)
        assert a.commit(Commit("e0", 2, "owner_checked", grant(a)), 7) == Done(5)

    def test_one_who_never_held_the_lease_is_refused(self, a):
        write(a, 5)
        outcome = a.commit(Commit("e0", 6, "owner_checked", NobodysLease), 7)
        assert outcome == Refused(Reason.NOT_OWNER, 5)
        assert a.read("e0") == 5
        assert history(a)[-1] == Event(0, "reject", "e0", 6, 5, "a", 7, "e0", "nobody", 1, reason="not_owner")

    def test_one_whose_lease_ran_out_is_refused(self, world, a):
        lease = grant(a, ttl=1)
        world.outlive(lease)
        assert a.commit(Commit("e0", 1, "owner_checked", lease), 7) == Refused(Reason.NOT_OWNER)

    def test_one_whose_lease_another_took_over_is_refused(self, a, b):
        lease = grant(a)
        a.release(lease, 81)
        grant(b, token="other")
        assert a.commit(Commit("e0", 1, "owner_checked", lease), 7) == Refused(Reason.NOT_OWNER)

    def test_a_lease_of_the_whole_cell_covers_every_endpoint(self, a):
        lease = grant(a, "cell")
        assert a.commit(Commit("e1", 1, "owner_checked", lease), 7) == Done(0)
        assert a.commit(Commit("e2", 1, "owner_checked", lease), 8) == Done(0)


@pytest.mark.parametrize("rule", ["fenced", "fence_registered"])
class TestFenced:
    def test_a_fence_lower_than_one_that_wrote_is_refused(self, a, b, rule):
        old = grant(a)
        a.release(old, 81)
        new = grant(b, token="n")
        assert b.commit(Commit("e0", 1, rule, new), 7) == Done(0)
        assert a.commit(Commit("e0", 2, rule, old), 8) == Refused(Reason.FENCE_TOO_LOW, 1)
        assert history(a)[-1] == Event(0, "reject", "e0", 2, 1, "a", 8, "e0", "t", old.fence, reason="fence_too_low")

    def test_the_same_fence_may_write_again(self, a, rule):
        lease = grant(a)
        assert a.commit(Commit("e0", 1, rule, lease), 7) == Done(0)
        assert a.commit(Commit("e0", 2, rule, lease), 8) == Done(1)

    def test_a_lost_lease_may_write_until_its_successor_wrote(self, a, b, rule):
        old = grant(a)
        a.release(old, 81)
        grant(b, token="n")
        assert a.commit(Commit("e0", 1, rule, old), 7) == Done(0)

    def test_the_newest_fence_may_write_an_old_plan(self, a, rule):
        write(a, 5)
        assert a.commit(Commit("e0", 2, rule, grant(a)), 7) == Done(5)

    def test_fences_are_remembered_by_endpoint(self, a, b, rule):
        old = grant(a, "cell")
        a.release(old, 81)
        b.commit(Commit("e0", 1, rule, grant(b, "cell", "n")), 7)
        assert a.commit(Commit("e1", 1, rule, old), 8) == Done(0)

    def test_a_refused_write_does_not_raise_the_fence(self, a, b, rule):
        old = grant(a)
        a.release(old, 81)
        gone = Commit("e0", 1, rule, grant(b, token="n"), referential=True)
        assert b.commit(gone, 7) == Refused(Reason.PLAN_GONE)
        assert a.commit(Commit("e0", 1, rule, old), 8) == Done(0)


class TestRegisterFence:
    def test_returns_the_version_and_leaves_an_event(self, a):
        write(a, 5)
        lease = grant(a)
        assert a.register_fence(RegisterFence("e0", 6, lease), 7) == 5
        assert history(a)[-1] == Event(0, "register", "e0", 6, 5, "a", 7, "e0", "t", lease.fence)

    def test_closes_the_door_on_older_fences_before_anything_is_written(self, a, b):
        old = grant(a)
        a.release(old, 81)
        assert b.register_fence(RegisterFence("e0", 2, grant(b, token="n")), 7) == 0
        late = Commit("e0", 1, "fence_registered", old)
        assert a.commit(late, 8) == Refused(Reason.FENCE_TOO_LOW)

    def test_refuses_a_fence_lower_than_one_that_registered(self, a, b):
        write(a, 5)
        old = grant(a)
        a.release(old, 81)
        b.register_fence(RegisterFence("e0", 6, grant(b, token="n")), 7)
        assert a.register_fence(RegisterFence("e0", 6, old), 8) == Refused(Reason.FENCE_TOO_LOW, 5)
        assert history(a)[-1] == Event(
            0, "reject", "e0", 6, 5, "a", 8, "e0", "t", old.fence, reason="read_fence_too_low"
        )


class TestWatch:
    def test_writes_where_nobody_wrote_since_the_read(self, a):
        assert a.read("e0", watch=True) == 0
        assert a.commit(Commit("e0", 1, "watch", seen=0), 7) == Done(0)
        assert history(a) == [Event(0, "commit", "e0", 1, 0, "a", 7)]

    def test_is_refused_where_another_wrote_in_between(self, a, b):
        a.read("e0", watch=True)
        write(b, 5)
        assert a.commit(Commit("e0", 6, "watch"), 7) == Refused(Reason.WATCH_CONFLICT, 5)
        assert a.read("e0") == 5
        assert history(a)[-1] == Event(0, "watch_conflict", "e0", 6, 5, "a", 7, reason="watch_conflict")

    def test_notices_a_write_of_the_same_version(self, a, b):
        write(a, 5)
        a.read("e0", watch=True)
        write(b, 5)
        assert a.commit(Commit("e0", 6, "watch"), 7) == Refused(Reason.WATCH_CONFLICT, 5)

    def test_may_write_after_it_read_again(self, a, b):
        a.read("e0", watch=True)
        write(b, 5)
        a.commit(Commit("e0", 6, "watch"), 7)
        assert a.read("e0", watch=True) == 5
        assert a.commit(Commit("e0", 6, "watch"), 8) == Done(5)

    def test_a_new_read_forgets_the_one_before(self, a, b):
        a.read("e0", watch=True)
        write(b, 5)
        a.read("e1", watch=True)
        assert a.commit(Commit("e1", 6, "watch"), 7) == Done(0)

    def test_without_a_watched_read_it_protects_nothing(self, a, b):
        assert a.read("e0") == 0
        write(b, 5)
        assert a.commit(Commit("e0", 2, "watch"), 7) == Done(5)

    def test_one_clients_watch_is_not_anothers(self, a, b):
        a.read("e0", watch=True)
        write(a, 1)
        assert b.commit(Commit("e0", 2, "watch"), 7) == Done(1)

    def test_a_conflict_outranks_a_missing_plan(self, a, b):
        a.read("e0", watch=True)
        write(b, 5)
        gone = Commit("e0", 6, "watch", referential=True)
        assert a.commit(gone, 7) == Refused(Reason.WATCH_CONFLICT, 5)


class TestCompareAndSet:
    def test_writes_where_the_version_is_the_one_that_was_read(self, a):
        write(a, 5)
        assert a.commit(Commit("e0", 6, "compare_and_set", seen=5), 7) == Done(5)

    def test_an_endpoint_that_no_plan_reached_reads_as_zero(self, a):
        assert a.commit(Commit("e0", 6, "compare_and_set", seen=0), 7) == Done(0)

    @pytest.mark.parametrize("seen", [None, 0, 4, 6])
    def test_is_refused_where_it_is_another(self, a, seen):
        write(a, 5)
        outcome = a.commit(Commit("e0", 6, "compare_and_set", seen=seen), 7)
        assert outcome == Refused(Reason.CHANGED, 5)
        assert history(a)[-1] == Event(0, "reject", "e0", 6, 5, "a", 7, reason="changed")

    def test_compares_versions_and_not_their_order(self, a):
        write(a, 5)
        assert a.commit(Commit("e0", 2, "compare_and_set", seen=5), 7) == Done(5)


class TestMonotonic:
    def test_a_newer_plan_is_written(self, a):
        write(a, 5)
        assert a.commit(Commit("e0", 6, "monotonic"), 7) == Done(5)

    @pytest.mark.parametrize("version", [4, 5])
    def test_an_older_or_the_same_plan_is_refused(self, a, version):
        write(a, 5)
        assert a.commit(Commit("e0", version, "monotonic"), 7) == Refused(Reason.NOT_NEWER, 5)
        assert a.read("e0") == 5
        assert history(a)[-1] == Event(0, "reject", "e0", version, 5, "a", 7, reason="not_newer")

    def test_versions_are_compared_as_numbers_and_not_as_text(self, a):
        write(a, 9)
        assert a.commit(Commit("e0", 10, "monotonic"), 7) == Done(9)

    def test_versions_beyond_a_million_million_stay_exact(self, a):
        write(a, 2**53 - 2)
        assert a.commit(Commit("e0", 2**53 - 1, "monotonic"), 7) == Done(2**53 - 2)
        assert history(a)[-1].version == 2**53 - 1


class TestPublish:
    def test_the_first_plan_is_published(self, a):
        assert a.newest() == 0
        assert a.publish(1, 7) == Done(0)
        assert (a.newest(), a.plans()) == (1, Plans((1,)))
        assert history(a) == [Event(0, "publish", "", 1, 0, "a", 7)]

    def test_a_version_may_be_left_out(self, a):
        a.publish(1, 7)
        assert a.publish(4, 8) == Done(1)
        assert a.plans() == Plans((1, 4))

    @pytest.mark.parametrize("version", [3, 4])
    def test_one_that_is_not_the_newest_is_refused(self, a, version):
        a.publish(4, 7)
        assert a.publish(version, 8) == Refused(Reason.NOT_NEWEST, 4)
        assert a.plans() == Plans((4,))
        assert history(a)[-1] == Event(0, "reject", "", version, 4, "a", 8, reason="not_newest")

    def test_plans_are_listed_oldest_first_as_numbers(self, a):
        for version in (8, 9, 10, 11):
            a.publish(version, version)
        assert a.plans() == Plans((8, 9, 10, 11))

    @pytest.mark.parametrize("rule", [DeleteRule.ALWAYS, DeleteRule.QUARANTINE])
    def test_a_version_that_is_gone_is_never_published_again(self, a, rule):
        a.publish(3, 7)
        a.publish(5, 8)
        a.delete(DeletePlan(5, rule), 9)
        assert a.newest() == 3
        assert a.publish(5, 10) == Refused(Reason.NOT_NEWEST, 5)
        assert a.publish(4, 11) == Refused(Reason.NOT_NEWEST, 5)
        assert a.publish(6, 12) == Done(5)


class TestRollbackByAnOperator:
    @pytest.fixture
    def a(self, world) -> Store:
        store = world.client("a")
        for version in (1, 2):
            store.publish(version, version)
        return store

    def test_publishes_an_old_plans_content_as_the_newest_plan(self, a):
        assert a.publish(3, 7, content=1) == Done(2)
        assert a.plans() == Plans((1, 2, 3))
        assert history(a)[-1] == Event(0, "publish", "", 3, 2, "a", 7, reason="rollback_to_1")

    def test_to_every_commit_rule_it_is_a_newer_plan(self, a):
        write(a, 2)
        a.publish(3, 7, content=1)
        assert a.commit(Commit("e0", 3, "monotonic", referential=True), 8) == Done(2)

    def test_may_go_back_to_a_rollback(self, a):
        a.publish(3, 7, content=1)
        assert a.publish(4, 8, content=3) == Done(3)
        assert history(a)[-1].reason == "rollback_to_3"

    def test_content_in_quarantine_is_still_there(self, a):
        a.delete(DeletePlan(1, DeleteRule.QUARANTINE), 7)
        assert a.publish(3, 8, content=1) == Done(2)

    def test_content_that_is_gone_is_refused(self, a):
        a.delete(DeletePlan(1, DeleteRule.ALWAYS), 7)
        assert a.publish(3, 8, content=1) == Refused(Reason.PLAN_GONE, 2)
        assert a.plans() == Plans((2,))
        assert history(a)[-1] == Event(0, "reject", "", 3, 2, "a", 8, reason="plan_gone")

    def test_outlives_the_plan_that_it_took_its_content_from(self, a):
        a.publish(3, 7, content=1)
        a.delete(DeletePlan(1, DeleteRule.ALWAYS), 8)
        write(a, 3)
        assert a.resolve("e0") == Done(3)

    def test_has_to_be_the_newest_too(self, a):
        assert a.publish(2, 7, content=1) == Refused(Reason.NOT_NEWEST, 2)

    def test_a_refused_one_leaves_its_version_free(self, a):
        a.publish(3, 7, content=9)
        assert a.publish(3, 8) == Done(2)


class TestResolve:
    @pytest.fixture
    def a(self, world) -> Store:
        store = world.client("a")
        store.publish(1, 1)
        return store

    def test_an_endpoint_that_no_plan_reached_has_no_record_yet(self, a):
        assert a.resolve("e0") == Done(0)

    def test_the_plan_in_force_answers(self, a):
        write(a, 1)
        assert a.resolve("e0") == Done(1)

    def test_a_deleted_plan_does_not(self, a):
        write(a, 1)
        a.delete(DeletePlan(1, DeleteRule.ALWAYS), 7)
        assert a.resolve("e0") == Refused(Reason.PLAN_GONE, 1)

    def test_one_in_quarantine_does(self, a):
        write(a, 1)
        a.delete(DeletePlan(1, DeleteRule.QUARANTINE), 7)
        assert a.resolve("e0") == Done(1)

    def test_leaves_no_event(self, a):
        before = history(a)
        a.resolve("e0")
        assert history(a) == before


class TestDelete:
    @pytest.fixture
    def a(self, world) -> Store:
        store = world.client("a")
        store.publish(1, 1)
        store.publish(2, 2)
        return store

    def test_always_deletes_even_what_endpoints_point_at_and_counts_them(self, a):
        write(a, 1, "e0")
        write(a, 1, "e1")
        assert a.delete(DeletePlan(1, DeleteRule.ALWAYS), 7) == Done()
        assert a.plans() == Plans((2,))
        assert a.read("e0") == 1
        assert history(a)[-1] == Event(0, "delete", version=1, enactor="a", attempt=7, active_endpoints=2)

    def test_skip_active_leaves_what_an_endpoint_points_at(self, a):
        write(a, 1)
        assert a.delete(DeletePlan(1, DeleteRule.SKIP_ACTIVE), 7) == Refused(Reason.PLAN_ACTIVE)
        assert a.plans() == Plans((1, 2))
        assert history(a)[-1] == Event(
            0, "reject", version=1, enactor="a", attempt=7, reason="plan_active", active_endpoints=1
        )

    def test_skip_active_deletes_once_every_endpoint_has_moved_on(self, a):
        write(a, 1)
        write(a, 1)
        write(a, 2)
        assert a.delete(DeletePlan(1, DeleteRule.SKIP_ACTIVE), 7) == Done()
        assert history(a)[-1].active_endpoints == 0

    def test_an_endpoint_that_went_back_counts_again(self, a):
        for version in (1, 2, 1):
            write(a, version)
        assert a.delete(DeletePlan(1, DeleteRule.SKIP_ACTIVE), 7) == Refused(Reason.PLAN_ACTIVE)
        assert a.delete(DeletePlan(2, DeleteRule.SKIP_ACTIVE), 8) == Done()

    def test_quarantine_takes_a_plan_out_of_use_and_keeps_it(self, a):
        write(a, 1)
        assert a.delete(DeletePlan(1, DeleteRule.QUARANTINE), 7) == Done()
        assert a.plans() == Plans((2,), (1,))
        assert history(a)[-1] == Event(0, "quarantine", version=1, enactor="a", attempt=7, active_endpoints=1)

    def test_a_plan_is_quarantined_once(self, a):
        a.delete(DeletePlan(1, DeleteRule.QUARANTINE), 7)
        assert a.delete(DeletePlan(1, DeleteRule.QUARANTINE), 8) == Refused(Reason.PLAN_GONE)
        assert a.plans() == Plans((2,), (1,))

    def test_a_quarantined_plan_is_purged_when_nothing_points_at_it(self, a):
        write(a, 1)
        a.delete(DeletePlan(1, DeleteRule.QUARANTINE), 7)
        assert a.delete(DeletePlan(1, DeleteRule.SKIP_ACTIVE), 8) == Refused(Reason.PLAN_ACTIVE)
        write(a, 2)
        assert a.delete(DeletePlan(1, DeleteRule.SKIP_ACTIVE), 9) == Done()
        assert a.plans() == Plans((2,))

    @pytest.mark.parametrize("rule", list(DeleteRule))
    def test_what_does_not_exist_cannot_be_deleted(self, a, rule):
        assert a.delete(DeletePlan(9, rule), 7) == Refused(Reason.PLAN_GONE)
        assert history(a)[-1] == Event(
            0, "reject", version=9, enactor="a", attempt=7, reason="plan_gone", active_endpoints=0
        )


class TestReferential:
    @pytest.mark.parametrize("rule", [DeleteRule.ALWAYS, DeleteRule.QUARANTINE])
    def test_a_plan_that_was_taken_away_cannot_be_applied(self, a, rule):
        a.publish(1, 1)
        a.publish(2, 2)
        write(a, 2)
        a.delete(DeletePlan(1, rule), 3)
        outcome = a.commit(Commit("e0", 1, "unconditional", referential=True), 7)
        assert outcome == Refused(Reason.PLAN_GONE, 2)
        assert a.read("e0") == 2
        assert history(a)[-1] == Event(0, "reject", "e0", 1, 2, "a", 7, reason="plan_gone")

    def test_a_plan_that_was_never_published_cannot_be_applied(self, a):
        outcome = a.commit(Commit("e0", 1, "monotonic", referential=True), 7)
        assert outcome == Refused(Reason.PLAN_GONE)

    def test_a_plan_that_exists_can(self, a):
        a.publish(1, 1)
        assert a.commit(Commit("e0", 1, "monotonic", referential=True), 7) == Done(0)

    def test_without_it_a_deleted_plan_can_be_applied(self, a):
        a.publish(1, 1)
        a.delete(DeletePlan(1, DeleteRule.ALWAYS), 2)
        assert a.commit(Commit("e0", 1, "monotonic"), 7) == Done(0)

    def test_the_rule_is_looked_at_first(self, a):
        write(a, 5)
        outcome = a.commit(Commit("e0", 1, "monotonic", referential=True), 7)
        assert outcome == Refused(Reason.NOT_NEWER, 5)


class TestRollbackRecord:
    @pytest.fixture
    def a(self, world_of) -> Store:
        store = world_of(WITH_ROLLBACK).client("a")
        for version in (1, 2, 3):
            store.publish(version, version)
        return store

    def test_the_first_write_needs_no_plan_to_roll_back_to(self, a):
        assert a.commit(Commit("e0", 1, "unconditional"), 7) == Done(0)

    def test_a_write_over_a_deleted_plan_is_refused(self, a):
        write(a, 1)
        a.delete(DeletePlan(1, DeleteRule.ALWAYS), 4)
        outcome = a.commit(Commit("e0", 2, "unconditional"), 7)
        assert outcome == Refused(Reason.NO_ROLLBACK_PLAN, 1)
        assert a.read("e0") == 1
        assert history(a)[-1] == Event(0, "reject", "e0", 2, 1, "a", 7, reason="no_rollback_plan")

    def test_a_quarantined_plan_still_serves_to_roll_back_to(self, a):
        write(a, 1)
        a.delete(DeletePlan(1, DeleteRule.QUARANTINE), 4)
        assert a.commit(Commit("e0", 2, "unconditional"), 7) == Done(1)

    def test_the_commit_rule_is_looked_at_first(self, a):
        write(a, 2)
        a.delete(DeletePlan(2, DeleteRule.ALWAYS), 4)
        assert a.commit(Commit("e0", 1, "monotonic"), 7) == Refused(Reason.NOT_NEWER, 2)


class TestRepair:
    @pytest.fixture(params=[CELL, WITH_ROLLBACK], ids=["plain", "with_rollback"])
    def a(self, world_of, request) -> Store:
        store = world_of(request.param).client("a")
        for version in (1, 2, 3):
            store.publish(version, version)
        return store

    def test_points_an_endpoint_at_a_plan_whatever_stands_there(self, a):
        write(a, 3)
        assert a.repair(Repair("e0", 2), 7) == Done(3)
        assert (a.read("e0"), a.resolve("e0")) == (2, Done(2))
        assert history(a)[-1] == Event(0, "repair", "e0", 2, 3, "a", 7)

    def test_mends_an_endpoint_whose_plan_is_gone_so_that_commits_succeed_again(self, a):
        write(a, 1)
        a.delete(DeletePlan(1, DeleteRule.ALWAYS), 4)
        assert a.repair(Repair("e0", 2), 7) == Done(1)
        assert a.commit(Commit("e0", 3, "unconditional"), 8) == Done(2)

    def test_a_plan_that_is_gone_is_refused(self, a):
        write(a, 2)
        a.delete(DeletePlan(1, DeleteRule.ALWAYS), 4)
        assert a.repair(Repair("e0", 1), 7) == Refused(Reason.PLAN_GONE, 2)
        assert a.read("e0") == 2
        assert history(a)[-1] == Event(0, "reject", "e0", 1, 2, "a", 7, reason="plan_gone")

    def test_a_plan_in_quarantine_will_do(self, a):
        a.delete(DeletePlan(1, DeleteRule.QUARANTINE), 4)
        assert a.repair(Repair("e0", 1), 7) == Done(0)

    def test_reaches_an_endpoint_that_no_plan_reached(self, a):
        assert a.repair(Repair("e0", 1), 7) == Done(0)
        assert a.read("e0") == 1

    def test_moves_the_count_of_references(self, a):
        write(a, 1)
        a.repair(Repair("e0", 2), 7)
        assert a.delete(DeletePlan(2, DeleteRule.SKIP_ACTIVE), 8) == Refused(Reason.PLAN_ACTIVE)
        assert a.delete(DeletePlan(1, DeleteRule.SKIP_ACTIVE), 9) == Done()

    def test_to_the_same_plan_counts_no_reference_twice(self, a):
        write(a, 1)
        a.repair(Repair("e0", 1), 7)
        write(a, 2)
        assert a.delete(DeletePlan(1, DeleteRule.SKIP_ACTIVE), 9) == Done()

    def test_is_a_write_that_a_watching_client_notices(self, a):
        a.read("e0", watch=True)
        a.repair(Repair("e0", 1), 7)
        assert a.commit(Commit("e0", 2, "watch"), 8) == Refused(Reason.WATCH_CONFLICT, 1)


class TestBrokenEqualityFence:
    rule = "broken_equality_fence"

    def test_lets_a_lower_fence_write_after_a_higher_one(self, a, b):
        old = grant(a)
        a.release(old, 81)
        assert b.commit(Commit("e0", 2, self.rule, grant(b, token="n")), 7) == Done(0)
        assert a.commit(Commit("e0", 1, self.rule, old), 8) == Done(2)

    def test_rejects_the_highest_fence_that_wrote_and_no_other(self, a, b):
        old = grant(a)
        a.release(old, 81)
        new = grant(b, token="n")
        b.commit(Commit("e0", 1, self.rule, new), 7)
        a.commit(Commit("e0", 2, self.rule, old), 8)
        assert b.commit(Commit("e0", 3, self.rule, new), 9) == Refused(Reason.FENCE_TOO_LOW, 2)


class TestBrokenOwnerCheck:
    rule = "broken_owner_check"

    def test_lets_a_loser_write_under_its_successors_lease(self, a, b):
        lost = grant(a)
        a.release(lost, 81)
        grant(b, token="n")
        assert a.commit(Commit("e0", 1, self.rule, lost), 7) == Done(0)

    def test_refuses_where_nobody_holds_the_lease(self, world, a):
        lost = grant(a, ttl=1)
        world.outlive(lost)
        assert a.commit(Commit("e0", 1, self.rule, lost), 7) == Refused(Reason.NOT_OWNER)


class TestReleaseUnchecked:
    def test_by_the_holder_it_is_a_release(self, a):
        lease = grant(a)
        assert a.release_unchecked(lease, 7) == Done()
        assert history(a)[-1] == Event(0, "release", enactor="a", attempt=7, lease="e0", token="t", fence=1)
        assert grant(a, token="n").fence == 2

    def test_by_a_loser_it_takes_its_successors_lease(self, world, a, b):
        lost = grant(a, ttl=1)
        world.outlive(lost)
        successor = grant(b, token="n")
        assert a.release_unchecked(lost, 7) == Done()
        assert b.validate(successor) == Refused(Reason.LEASE_LOST)
        assert history(a)[-1] == Event(
            0, "release", enactor="a", attempt=7, lease="e0", token="t", fence=1, reason="foreign"
        )

    def test_where_nobody_holds_it_it_is_refused(self, world, a):
        lost = grant(a, ttl=1)
        world.outlive(lost)
        assert a.release_unchecked(lost, 7) == Refused(Reason.LEASE_LOST)
        assert history(a)[-1].reason == "lease_lost"


class TestGrantByClock:
    noon_ms = 1_700_000_000_000

    def test_a_free_one_is_granted_until_the_takers_own_time_says_so(self, a):
        lease = a.grant_by_clock("e0", 500, "t", 7, self.noon_ms)
        assert lease == Lease("e0", "t", 1, 7, 500)
        assert next(a.history()).expires_us == (self.noon_ms + 500) * 1000
        assert history(a) == [Event(0, "grant", enactor="a", attempt=7, lease="e0", token="t", fence=1)]

    def test_what_is_held_by_the_takers_clock_is_not_granted_and_leaves_no_event(self, a, b):
        a.grant_by_clock("e0", 500, "t", 7, self.noon_ms)
        assert b.grant_by_clock("e0", 500, "n", 8, self.noon_ms + 499) is None
        assert len(history(a)) == 1

    def test_a_clock_that_is_ahead_takes_it_from_its_holder(self, a, b):
        lease = a.grant_by_clock("e0", 500, "t", 7, self.noon_ms)
        assert b.grant_by_clock("e0", 500, "n", 8, self.noon_ms + 500).fence == 2
        assert a.validate(lease) == a.release(lease, 9) == Refused(Reason.LEASE_LOST)

    def test_the_servers_clock_has_no_say(self, world, a, b):
        a.grant_by_clock("e0", 1, "t", 7, self.noon_ms)
        world.outlive(grant(a, "e1", ttl=1))
        assert b.grant_by_clock("e0", 1, "n", 8, self.noon_ms) is None

    def test_after_a_release_another_may_have_it(self, a, b):
        lease = a.grant_by_clock("e0", 500, "t", 7, self.noon_ms)
        assert a.release(lease, 8) == Done()
        assert b.grant_by_clock("e0", 500, "n", 9, self.noon_ms).fence == 2


class TestLease:
    def test_a_grant_names_its_owner_and_its_fence(self, a):
        lease = a.grant("e0", LONG_MS, "t", 7)
        assert lease == Lease("e0", "t", 1, 7, LONG_MS)
        assert history(a) == [Event(0, "grant", enactor="a", attempt=7, lease="e0", token="t", fence=1)]

    def test_what_is_held_is_not_granted_again_and_a_poll_leaves_no_event(self, a, b):
        grant(a)
        assert b.grant("e0", LONG_MS, "n", 7) is None
        assert a.grant("e0", LONG_MS, "m", 8) is None
        assert len(history(a)) == 1

    def test_resources_are_independent(self, a, b):
        grant(a, "e0")
        assert grant(b, "e1").fence == 1

    def test_fences_grow_with_every_grant_of_a_resource(self, world, a, b):
        first = grant(a, ttl=1)
        world.outlive(first)
        second = grant(b, token="n")
        b.release(second, 82)
        assert [first.fence, second.fence, grant(a, token="m").fence] == [1, 2, 3]

    def test_the_expiry_stands_in_the_events_of_grant_and_renewal(self, a):
        a.renew(grant(a, ttl=5_000), 81)
        assert [event.expires_us - event.t_us for event in a.history()] == [5_000_000, 5_000_000]

    def test_a_renewal_by_the_holder_prolongs_it(self, a):
        lease = grant(a)
        assert a.renew(lease, 7) == Done()
        assert history(a)[-1] == Event(0, "renew", enactor="a", attempt=7, lease="e0", token="t", fence=1)

    def test_several_are_renewed_at_once_each_with_its_event_and_a_lost_one_keeps_none_from_it(self, a, b):
        leases = [grant(a, resource, f"t{resource}") for resource in ("e0", "e1", "e2")]
        a.release(leases[1], 81)
        grant(b, "e1", "other")
        before = len(history(a))
        assert a.renew_many(leases, 7) == (Done(), Refused(Reason.LEASE_LOST), Done())
        came = history(a)[before:]
        assert [(event.kind, event.lease, event.token, event.attempt) for event in came] == [
            ("renew", "e0", "te0", 7),
            ("reject", "e1", "te1", 7),
            ("renew", "e2", "te2", 7),
        ]
        assert a.renew_many([], 8) == ()

    def test_several_that_are_renewed_at_once_live_on_as_one_that_is(self, world, a):
        long = grant(a)
        short = Lease("e0", long.token, long.fence, long.grant, 1)
        assert a.renew_many([long, short], 7) == (Done(), Done())
        world.outlive(short)
        assert a.renew_many([long], 8) == (Refused(Reason.LEASE_LOST),)

    def test_a_renewal_gives_the_full_time_to_live_again(self, world, a):
        short = grant(a, ttl=1_000)
        long = Lease(short.resource, short.token, short.fence, short.grant, LONG_MS)
        a.renew(long, 7)
        world.outlive(grant(a, "e1", ttl=1))
        assert a.validate(long) == Done()

    def test_after_a_release_another_may_have_it(self, a, b):
        lease = grant(a)
        assert a.release(lease, 7) == Done()
        assert history(a)[-1] == Event(0, "release", enactor="a", attempt=7, lease="e0", token="t", fence=1)
        assert grant(b, token="n").fence == 2

    def test_validation_tells_the_holder_and_writes_nothing(self, a):
        lease = grant(a)
        assert a.validate(lease) == Done()
        assert len(history(a)) == 1

    @pytest.mark.parametrize("call", ["renew", "release"])
    def test_a_lease_that_ran_out_is_lost(self, world, a, call):
        lease = grant(a, ttl=1)
        world.outlive(lease)
        assert a.validate(lease) == Refused(Reason.LEASE_LOST)
        assert getattr(a, call)(lease, 7) == Refused(Reason.LEASE_LOST)
        assert history(a)[-1] == Event(
            0, "reject", enactor="a", attempt=7, lease="e0", token="t", fence=1, reason="lease_lost"
        )

    @pytest.mark.parametrize("call", ["renew", "release"])
    def test_a_loser_cannot_touch_its_successors_lease(self, world, a, b, call):
        lost = grant(a, ttl=1)
        world.outlive(lost)
        successor = grant(b, token="n")
        assert getattr(a, call)(lost, 7) == Refused(Reason.LEASE_LOST)
        assert b.validate(successor) == Done()

    def test_a_second_release_is_refused(self, a):
        lease = grant(a)
        a.release(lease, 7)
        assert a.release(lease, 8) == Refused(Reason.LEASE_LOST)


class TestHistory:
    def test_is_the_order_in_which_things_happened_whoever_did_them(self, a, b):
        a.publish(1, 1)
        lease = grant(b, attempt=1)
        a.commit(Commit("e0", 1, "monotonic"), 2)
        b.commit(Commit("e0", 1, "monotonic", lease), 2)
        b.release(lease, 3)
        a.delete(DeletePlan(1, DeleteRule.SKIP_ACTIVE), 3)
        told = [(event.kind, event.enactor, event.attempt) for event in b.history()]
        assert told == [
            ("publish", "a", 1),
            ("grant", "b", 1),
            ("commit", "a", 2),
            ("reject", "b", 2),
            ("release", "b", 3),
            ("reject", "a", 3),
        ]

    def test_reads_leave_no_event(self, a):
        a.read("e0")
        a.read("e0", watch=True)
        a.newest()
        a.plans()
        a.validate(NobodysLease)
        assert history(a) == []

    def test_carries_the_servers_time_which_does_not_step_back_here(self, a):
        for version in range(1, 20):
            write(a, version)
        times = [event.t_us for event in a.history()]
        assert times == sorted(times)
        assert times[0] > 1_600_000_000_000_000


class TestExpiryByForce:
    def test_ends_a_lease_and_says_whose_it_was(self, a, b):
        lease = grant(a)
        assert b.expire("e0")
        assert history(a)[-1] == Event(0, "expire", enactor="b", lease="e0", token="t", fence=lease.fence)
        assert a.validate(lease) == Refused(Reason.LEASE_LOST)
        assert b.grant("e0", LONG_MS, "u", 9).fence == lease.fence + 1

    def test_its_owner_learns_of_it_as_if_its_time_were_over(self, a, b):
        lease = grant(a)
        b.expire("e0")
        assert a.renew(lease, 7) == Refused(Reason.LEASE_LOST)
        assert a.commit(Commit("e0", 1, "owner_checked", lease), 8) == Refused(Reason.NOT_OWNER)

    def test_ends_a_record_that_its_owner_dates(self, a, b):
        a.grant_by_clock("e0", LONG_MS, "t", 1, 1_000)
        assert b.expire("e0")
        assert b.grant_by_clock("e0", LONG_MS, "u", 2, 1_001).fence == 2

    def test_of_a_lease_that_nobody_holds_does_nothing(self, a):
        assert not a.expire("e0")
        assert history(a) == []


class TestTheLogOfEvents:
    def test_its_lines_are_its_events(self, a):
        a.publish(1, 1)
        grant(a)
        write(a, 1)
        assert [parse_event(line) for line in a.history_lines(block=2)] == list(a.history())
        assert a.events_waiting() == 3

    def test_what_is_drained_is_the_oldest_and_is_gone(self, a):
        for version in range(1, 8):
            a.publish(version, version)
        everything = list(a.history_lines())
        assert [len(lines) for lines in a.drain(5, block=2)] == [2, 2, 1]
        assert list(a.history_lines()) == everything[5:]
        assert a.events_waiting() == 2
        assert a.events_ever() in (7, -1)
        assert [line for lines in a.drain(100) for line in lines] == everything[5:]
        assert a.events_waiting() == 0


class TestTheSession:
    def test_a_plan_is_announced_to_whoever_waits_for_a_newer_one(self, a, b):
        assert not a.await_announcement(0, timeout_ms=1)
        b.publish(3, 1)
        assert a.await_announcement(2, timeout_ms=1)
        assert not a.await_announcement(3, timeout_ms=1)

    def test_the_server_tells_who_holds_a_lease_and_by_whose_clock(self, a):
        assert (a.holder("e0"), a.held_until_ms("e0")) == (None, None)
        grant(a, token="mine")
        assert (a.holder("e0"), a.held_until_ms("e0")) == ("mine", None)
        a.grant_by_clock("cell", 100, "by_clock", 2, 1_000)
        assert (a.holder("cell"), a.held_until_ms("cell")) == ("by_clock", 1_100)

    def test_it_may_go_under_another_clients_name(self, a):
        a.as_client("operator").publish(1, 1)
        assert [event.enactor for event in a.history()] == ["operator"]

    def test_a_removed_cell_is_as_new(self, a):
        a.publish(1, 1)
        write(a, 1)
        grant(a)
        a.remove_all()
        assert (a.newest(), a.read("e0"), a.holder("e0"), list(a.history())) == (0, 0, None, [])
        assert a.publish(1, 2) == Done(0)


class TestLaunch:
    """The one stored procedure that the explorer runs in memory."""

    def test_takes_the_first_host_whose_lease_is_live_and_numbers_its_instances(self, a, b):
        token = grant(b, "host-2", "tb").token
        assert [a.call(Launch((1, 2)), 5), a.call(Launch((2,)), 6)] == [Done(1), Done(2)]
        launched = [event for event in history(a) if event.kind == "launch"]
        told = [(one.lease, one.token, one.version, one.enactor, one.attempt) for one in launched]
        assert told == [("host-2", token, 1, "a", 5), ("host-2", token, 2, "a", 6)]

    def test_without_a_live_lease_it_is_refused_for_want_of_capacity(self, world, a):
        world.outlive(grant(a, "host-1", ttl=50))
        assert a.call(Launch((1, 2)), 5) == Refused("no_lease")
        (refused,) = (event for event in history(a) if event.kind == "reject")
        assert (refused.reason, refused.enactor, refused.attempt, refused.lease) == ("no_lease", "a", 5, "")
