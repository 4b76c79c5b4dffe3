"""How an enactor begins where its predecessor was killed: by hand, and killed anywhere over a store in memory."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playing import UNFINISHED, play
from two_stores import Actor, MemoryWorld

from leasebench.enactors.enactor.program import Enactor
from leasebench.enactors.enactor.resuming import EnactorState, Resumption, resume
from leasebench.enactors.operations import (
    AwaitPlan,
    Checkpoint,
    CheckpointedCommit,
    Commit,
    Finish,
    ListPlans,
    Plans,
    ReadCheckpoint,
    ReadEndpoint,
    ResumePlan,
    Work,
)
from leasebench.enactors.plan import Cell
from leasebench.leases.guard import presets
from leasebench.leases.operations import Operation
from leasebench.leases.outcome import UNKNOWN, Done, Reason, Refused

TWO = Cell("c", ("e0", "e1"))
FOUR = Cell("c", ("e0", "e1", "e2", "e3"))
PRESETS = presets()
LAST_WRITER = PRESETS["last_writer_wins"]
READS = [ReadEndpoint("e0"), ReadEndpoint("e1")]
ENDLESS = 5_000


class TestCheckpoint:
    def test_it_is_read_after_the_endpoints(self):
        asked, state = play(resume(TWO, Resumption.CHECKPOINT), 7, 4, Checkpoint(7, 1))
        assert asked == [*READS, ReadCheckpoint()]
        assert state == EnactorState(resumed=True, finished=4, unfinished=Checkpoint(7, 1))

    @pytest.mark.parametrize("kept", [None, Checkpoint(7, 2), Checkpoint(4, 1), Checkpoint(3, 1)])
    def test_nothing_is_left_of_a_plan_that_was_walked_to_its_end_or_is_in_force_everywhere(self, kept):
        assert play(resume(TWO, Resumption.CHECKPOINT), 7, 4, kept)[1] == EnactorState(resumed=True, finished=4)

    def test_it_begins_again_after_a_reply_that_never_came(self):
        assert play(resume(TWO, Resumption.CHECKPOINT), 7, 4, UNKNOWN)[1] == EnactorState()

    def test_the_walk_goes_on_behind_it_with_the_plan_of_that_time(self):
        enactor = Enactor(FOUR, LAST_WRITER, first=1, resumption=Resumption.CHECKPOINT)
        state = EnactorState(resumed=True, finished=4, unfinished=Checkpoint(7, 2))
        asked, after = play(enactor.next_activity(state), 2, None, Done(4), None, Done(9), None)
        commits = [step for step in asked if isinstance(step, Commit)]
        assert asked[0] == ResumePlan(7, 2)
        assert [(step.endpoint, step.version, step.checkpoint) for step in commits] == [
            ("e3", 7, Checkpoint(7, 3)),
            ("e0", 7, Checkpoint(7, 4)),
        ]
        assert asked[-1] == Finish(7, complete=True)
        assert after == EnactorState(resumed=True, finished=7, to_clean=7)

    def test_a_plan_that_is_gone_is_gone_on_with_once(self):
        enactor = Enactor(TWO, PRESETS["monotonic_safe_clean"], resumption=Resumption.CHECKPOINT)
        state = EnactorState(resumed=True, finished=4, unfinished=Checkpoint(7, 1))
        asked, after = play(enactor.next_activity(state), 1, None, Refused(Reason.PLAN_GONE, 9), None, None)
        assert Finish(7, complete=False) in asked
        assert after == EnactorState(resumed=True, finished=4)

    def test_behind_an_endpoint_that_was_missed_none_is_kept(self):
        enactor = Enactor(FOUR, PRESETS["monotonic_safe_clean"], resumption=Resumption.CHECKPOINT)
        program = enactor.next_activity(EnactorState(resumed=True))
        asked, _ = play(program, 3, None, Done(0), None, Refused(Reason.PLAN_GONE, 0), None, Done(0), None, Done(0))
        assert [type(step) for step in asked if isinstance(step, Commit)] == [CheckpointedCommit] * 2 + [Commit] * 2


class TestOtherWays:
    def test_starting_over_asks_for_nothing_else_and_keeps_nothing(self):
        assert play(resume(TWO), 7, 4) == (READS, EnactorState(resumed=True, finished=4))
        asked, value = play(Enactor(TWO, LAST_WRITER).next_activity(EnactorState(resumed=True)), 3, None, Done(0), None)
        assert asked == [AwaitPlan(0), Work("e0"), Commit("e0", 3, "unconditional"), Work("e1"), asked[-1]]
        assert (type(asked[-1]), value) == (Commit, UNFINISHED)

    def test_giving_up_leaves_the_newest_plan_to_others(self):
        asked, state = play(resume(TWO, Resumption.GIVE_UP), 7, 4, Plans((4, 7, 9)))
        assert asked == [*READS, ListPlans()]
        assert state == EnactorState(resumed=True, finished=9)

    def test_where_nothing_was_applied_yet_there_is_nothing_to_give_up(self):
        assert play(resume(TWO, Resumption.GIVE_UP), 0, 0) == (READS, EnactorState(resumed=True))

    def test_giving_up_begins_again_after_a_reply_that_never_came(self):
        assert play(resume(TWO, Resumption.GIVE_UP), 7, 4, UNKNOWN)[1] == EnactorState()


class Killable:
    """An enactor over a store in memory, which may be killed at any step; its successor has its name."""

    def __init__(self, world, enactor, name):
        self._enactor, self._actor = enactor, Actor(world.client(name), name)
        self.writes: list[tuple[str, int]] = []
        self.start()

    def start(self):
        self._state, self._program = EnactorState(), None

    def step(self):
        if self._program is None:
            self._program = self._enactor.next_activity(self._state)
            self._asked: Operation = next(self._program)
        result = self._actor.perform(self._asked)
        if isinstance(self._asked, Commit) and isinstance(result, Done):
            self.writes.append((self._asked.endpoint, self._asked.version))
        try:
            self._asked = self._program.send(result)
        except StopIteration as end:
            self._state, self._program = end.value, None

    @property
    def resumed(self):
        return self._state.resumed

    @property
    def finished(self):
        return self._state.finished


STEPS = st.lists(
    st.tuples(st.sampled_from(["go", "go", "go", "kill", "publish"]), st.integers(0, 1), st.integers(1, 12)),
    max_size=40,
)


@given(story=STEPS, way=st.sampled_from(Resumption), guard=st.sampled_from(["monotonic", "compare_and_set"]))
@settings(max_examples=120, deadline=None, database=None)
def test_wherever_enactors_are_killed_no_way_lets_an_old_plan_through_a_guard_that_holds(story, way, guard):
    world = MemoryWorld(FOUR)
    enactors = [
        Killable(world, Enactor(FOUR, PRESETS[guard], number * 2, resumption=way), f"enactor-{number}")
        for number in (0, 1)
    ]
    planner, newest = world.client("planner"), 0
    for what, number, count in story:
        if what == "kill":
            enactors[number].start()
        elif what == "publish":
            newest += 1
            planner.publish(newest, newest)
        else:
            for _ in range(count):
                enactors[number].step()
    # One more plan reaches every endpoint, even if all that were there before were given up.
    for each in enactors:
        while not each.resumed:
            each.step()
    newest += 1
    planner.publish(newest, newest)
    for _ in range(ENDLESS):
        for each in enactors:
            each.step()
        if all(each.finished == newest for each in enactors):
            break
    store = world.client("reader")
    assert [store.read(endpoint) for endpoint in FOUR.endpoints] == [newest] * 4
    commits = [event for event in store.history() if event.kind == "commit"]
    assert all(event.previous <= event.version for event in commits), "no plan over a newer one"


@given(deaths=st.lists(st.integers(1, 30), max_size=6))
@settings(max_examples=60, deadline=None, database=None)
def test_with_checkpoints_no_plan_is_written_twice_where_without_a_guard_a_new_start_writes_it_again(deaths):
    """One plan, one enactor that is killed after so many steps each time."""
    written = {}
    for way in (Resumption.CHECKPOINT, Resumption.START_OVER):
        world = MemoryWorld(FOUR)
        world.client("planner").publish(1, 1)
        enactor = Killable(world, Enactor(FOUR, LAST_WRITER, resumption=way), "enactor-0")
        for steps in deaths:
            for _ in range(steps):
                enactor.step()
            enactor.start()
        for _ in range(ENDLESS):
            if enactor.finished:
                break
            enactor.step()
        written[way] = enactor.writes
    assert sorted(written[Resumption.CHECKPOINT]) == [(endpoint, 1) for endpoint in FOUR.endpoints]
    assert set(written[Resumption.START_OVER]) == set(written[Resumption.CHECKPOINT])
    assert len(written[Resumption.START_OVER]) >= len(FOUR.endpoints)
