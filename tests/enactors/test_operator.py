"""The operator's programs: watching, repairing, rolling back."""

import pytest
from playing import UNFINISHED, play
from two_stores import Actor, MemoryWorld

from leasebench.enactors.operations import Commit, DeletePlan, ListPlans, Plans, Publish, Repair, Resolve
from leasebench.enactors.operator.program import MAX_TRIES, Operator, OperatorState, roll_back
from leasebench.enactors.plan import Cell
from leasebench.leases.guard_axes import DeleteRule
from leasebench.leases.operations import Sleep
from leasebench.leases.outcome import UNKNOWN, Done, Reason, Refused

CELL = Cell("c", ("e0", "e1"), rollback=True)
WATCHER = Operator(CELL, look_ms=50, react_ms=300)
RESTLESS = Operator(CELL, look_ms=50, react_ms=300, rollback_every_ms=100)
GONE = Refused(Reason.PLAN_GONE, 2)


class TestWatching:
    def test_looks_at_every_endpoint_and_leaves_what_answers(self):
        asked, state = play(WATCHER.next_activity(OperatorState()), None, Done(3), Done(0))
        assert asked == [Sleep(50), Resolve("e0"), Resolve("e1")]
        assert state == OperatorState(since_rollback_ms=50)

    def test_takes_its_time_looks_again_and_repairs_to_the_newest_plan(self):
        plans = Plans((5, 6), (1,))
        asked, state = play(
            WATCHER.next_activity(OperatorState()), None, GONE, Done(5), None, GONE, GONE, plans, Done(2), Done(2)
        )
        assert asked == [
            Sleep(50),
            Resolve("e0"),
            Resolve("e1"),
            Sleep(300),
            Resolve("e0"),
            Resolve("e1"),
            ListPlans(),
            Repair("e0", 6),
            Repair("e1", 6),
        ]
        assert state == OperatorState(since_rollback_ms=350)

    def test_repairs_nothing_that_has_mended_itself_meanwhile(self):
        asked, _ = play(WATCHER.next_activity(OperatorState()), None, GONE, Done(5), None, Done(6), Done(6))
        assert len(asked) == 6

    def test_a_lookup_without_a_reply_is_no_empty_endpoint(self):
        asked, _ = play(WATCHER.next_activity(OperatorState()), None, UNKNOWN, Done(5))
        assert len(asked) == 3

    @pytest.mark.parametrize("plans", [UNKNOWN, Plans(), Plans((), (1,))])
    def test_has_nothing_to_repair_with_where_no_plan_is_known(self, plans):
        asked, state = play(WATCHER.next_activity(OperatorState()), None, GONE, Done(5), None, GONE, Done(5), plans)
        assert asked[-1] == ListPlans()
        assert state is not UNFINISHED

    def test_never_rolls_back_unless_it_is_told_how_often(self):
        assert play(WATCHER.next_activity(OperatorState(1e9)))[0] == [Sleep(50)]


class TestRollingBack:
    def test_comes_when_enough_time_was_slept_through(self):
        assert play(RESTLESS.next_activity(OperatorState(99)))[0] == [Sleep(50)]
        assert play(RESTLESS.next_activity(OperatorState(100)))[0] == [ListPlans()]

    def test_publishes_the_oldest_plans_content_as_the_newest_plan(self):
        asked, state = play(RESTLESS.next_activity(OperatorState(100)), Plans((4, 5, 9), (1,)), Done(9))
        assert asked == [ListPlans(), Publish(10, content=4)]
        assert state == OperatorState()

    def test_tries_again_above_what_the_planner_published_meanwhile(self):
        asked, _ = play(roll_back(), Plans((4, 9)), Refused(Reason.NOT_NEWEST, 12), Done(12))
        assert asked[1:] == [Publish(10, content=4), Publish(13, content=4)]

    def test_gives_up_after_a_bounded_number_of_tries(self):
        asked, value = play(roll_back(), Plans((4, 9)), *[Refused(Reason.NOT_NEWEST, 12)] * MAX_TRIES)
        assert len(asked) == 1 + MAX_TRIES
        assert value is None

    @pytest.mark.parametrize("received", [UNKNOWN, Refused(Reason.PLAN_GONE, 9)])
    def test_gives_up_where_the_plan_is_gone_or_no_reply_comes(self, received):
        assert len(play(roll_back(), Plans((4, 9)), received)[0]) == 2

    @pytest.mark.parametrize("plans", [UNKNOWN, Plans(), Plans((4,))])
    def test_needs_an_older_plan(self, plans):
        assert play(roll_back(), plans) == ([ListPlans()], None)


def test_a_wedged_cell_takes_commits_again_after_the_operators_step():
    """No commit succeeds where the plan in force is gone: the outage of October 2025, aws.amazon.com/message/101925."""
    world = MemoryWorld(CELL)
    enactor, operator = world.client("a"), Actor(world.client("operator"), "operator")
    for version in (1, 2, 3):
        enactor.publish(version, version)
    enactor.commit(Commit("e0", 1, "unconditional"), 4)
    enactor.delete(DeletePlan(1, DeleteRule.ALWAYS), 5)
    refused = enactor.commit(Commit("e0", 2, "unconditional"), 6)
    assert refused == Refused(Reason.NO_ROLLBACK_PLAN, 1)
    operator.run(WATCHER.next_activity(OperatorState()))
    assert (enactor.resolve("e0"), enactor.read("e1")) == (Done(3), 0)
    assert enactor.commit(Commit("e0", 2, "unconditional"), 7) == Done(3)
    assert [event.enactor for event in world.shared.history if event.kind == "repair"] == ["operator"]
