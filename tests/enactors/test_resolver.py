"""The resolver: its program by hand, and its cache under any order of times."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playing import play
from pydantic import ValidationError

from leasebench.enactors.downstream.operations import ReadClock
from leasebench.enactors.downstream.resolver.kind import PLUGIN, ResolverSettings
from leasebench.enactors.downstream.resolver.operations import Lookup
from leasebench.enactors.downstream.resolver.program import Answer, CacheRule, Resolver, ResolverState
from leasebench.enactors.kind import Assignment
from leasebench.enactors.operations import AwaitDue, Resolve
from leasebench.enactors.plan import Cell
from leasebench.leases.guard import presets
from leasebench.leases.outcome import UNKNOWN, Done, Reason, Refused

MS = 1_000_000
RESOLVER = Resolver(("e0", "e1"), CacheRule(ttl_ms=50, negative_ttl_ms=100))
NOTHING_KNOWN = ResolverState(0, (None, None))
GONE = Refused(Reason.PLAN_GONE, 7)


def knows(*answers, number=0):
    return ResolverState(number, answers)


class TestLookingUp:
    def test_asks_the_store_when_it_knows_nothing_and_keeps_the_answer(self):
        asked, state = play(RESOLVER.look_up(NOTHING_KNOWN), True, Done(3), 10 * MS, None)
        assert asked == [AwaitDue(), Resolve("e0"), ReadClock(), Lookup("e0", 3)]
        assert state == knows(Answer(3, False, 10 * MS), None, number=1)

    def test_answers_from_the_cache_while_the_answer_is_young(self):
        before = knows(Answer(3, False, 10 * MS), None, number=2)
        asked, state = play(RESOLVER.look_up(before), True, 59 * MS, None)
        assert asked == [AwaitDue(), ReadClock(), Lookup("e0", 3, age_us=49_000)]
        assert state == knows(Answer(3, False, 10 * MS), None, number=3)

    def test_asks_again_once_the_answer_is_too_old(self):
        before = knows(None, Answer(3, False, 10 * MS), number=1)
        asked, state = play(RESOLVER.look_up(before), True, 60 * MS, Done(4), 61 * MS, None)
        assert asked == [AwaitDue(), ReadClock(), Resolve("e1"), ReadClock(), Lookup("e1", 4)]
        assert state.cache[1] == Answer(4, False, 61 * MS)

    def test_keeps_an_empty_answer_for_a_time_of_its_own(self):
        _, state = play(RESOLVER.look_up(NOTHING_KNOWN), True, GONE, 10 * MS, None)
        assert state.cache[0] == Answer(7, True, 10 * MS)
        asked, _ = play(RESOLVER.look_up(knows(*state.cache, number=2)), True, 109 * MS, None)
        assert asked[-1] == Lookup("e0", 7, age_us=99_000, empty=True)
        asked, _ = play(RESOLVER.look_up(knows(*state.cache, number=2)), True, 110 * MS)
        assert asked[-1] == Resolve("e0")

    @pytest.mark.parametrize(("outcome", "answered"), [(UNKNOWN, False), (Done(0), True)])
    def test_keeps_nothing_of_what_was_no_answer_or_came_before_the_first_plan(self, outcome, answered):
        asked, state = play(RESOLVER.look_up(NOTHING_KNOWN), True, outcome, 10 * MS, None)
        assert asked[-1] == Lookup("e0", 0, answered=answered)
        assert state.cache == (None, None)

    def test_does_nothing_once_the_load_is_over(self):
        assert play(RESOLVER.look_up(NOTHING_KNOWN), False) == ([AwaitDue()], NOTHING_KNOWN)


def test_a_lookup_is_journalled_as_what_the_customer_got():
    assert Lookup("e0", 3, age_us=5).perform(None) == Done(5)
    assert Lookup("e0", 3, age_us=5, empty=True).perform(None) == Refused(Reason.PLAN_GONE, 5)
    assert Lookup("e0", 0).perform(None) is None
    assert Lookup("e0", 0, answered=False).perform(None) is UNKNOWN


lookups = st.lists(st.tuples(st.integers(0, 200), st.sampled_from([Done(0), Done(3), GONE, UNKNOWN])), max_size=40)
ttls = st.integers(0, 120)


@given(lookups, ttls, ttls)
def test_no_answer_is_given_that_is_older_than_its_kind_may_be(steps, ttl_ms, negative_ttl_ms):
    resolver = Resolver(("e0",), CacheRule(ttl_ms, negative_ttl_ms))
    state, now_ns = knows(None), 0
    for gap_ms, outcome in steps:
        now_ns += gap_ms * MS
        program = resolver.look_up(state)
        asks = next(program)
        asked = False
        try:
            while True:
                asked |= isinstance(asks, Resolve)
                results = {AwaitDue: True, ReadClock: now_ns, Resolve: outcome, Lookup: None}
                if isinstance(asks, Lookup):
                    given_now = asks
                asks = program.send(results[type(asks)])
        except StopIteration as end:
            state = end.value
        limit_ms = negative_ttl_ms if given_now.empty else ttl_ms
        assert given_now.age_us == 0 or given_now.age_us < limit_ms * 1000
        assert asked or given_now.age_us < limit_ms * 1000, "what was not asked for comes from the cache"
    assert state.number == len(steps)


def test_goes_round_as_many_endpoints_as_it_is_told():
    cell = Cell("c", tuple(f"e{number}" for number in range(5)))

    def endpoints(number, **settings):
        place = Assignment(cell, presets()["monotonic"], ResolverSettings(**settings), number, 3)
        activities, state = PLUGIN.begin(place)
        found = []
        for _ in range(4):
            asked, state = play(activities(state), True, UNKNOWN, 0, None)
            found.append(asked[-1].endpoint)
        return found

    assert endpoints(0, endpoints=2) == ["e0", "e1", "e0", "e1"]
    assert endpoints(1) == ["e1", "e2", "e3", "e4"]
    assert endpoints(2, endpoints=99) == ["e2", "e3", "e4", "e0"], "no more than there are"


@pytest.mark.parametrize("wrong", [{"count": 0}, {"endpoints": 0}, {"cache_ttl_ms": -1}, {"ttl_ms": 5}])
def test_refuses_settings_that_make_no_sense(wrong):
    with pytest.raises(ValidationError):
        ResolverSettings(**wrong)
