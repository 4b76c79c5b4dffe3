"""The explorer finds what a plain search finds that merges nothing, or only what is equal in every respect."""

import pytest
from exploring import GUARDS
from plain_explorer import PlainExplorer

from leasebench.bench.engines.explorer.exploration import explore
from leasebench.bench.engines.explorer.machine import Machine
from leasebench.bench.engines.explorer.properties import STATE_PROPERTIES, Property
from leasebench.bench.engines.explorer.scope import ExplorationScope
from leasebench.bench.engines.explorer.search import Limits, search

TINY = {"plans": 2, "clean_age": 1, "tries": 1, "grants": 2}
SMALL = {"plans": 2, "clean_age": 1, "tries": 2, "grants": 2}


def explored(name: str, scope: ExplorationScope) -> dict[Property, int]:
    """The shortest traces of the properties that a step breaks."""
    found = explore(GUARDS[name], scope)
    assert found.exhaustive
    return {
        asked: answer.steps
        for asked, answer in found.answers.items()
        if answer.holds is False and asked not in STATE_PROPERTIES
    }


def plainly(name: str, scope: ExplorationScope, *, merge: bool, depth: int | None = None) -> dict[Property, int]:
    found, _ = PlainExplorer(GUARDS[name], scope).shortest(merge=merge, depth=depth)
    return found


class TestWithoutAnyMerging:
    def test_every_order_of_two_plans_was_looked_at(self):
        scope = ExplorationScope(**TINY)
        assert plainly("last_writer_wins", scope, merge=False) == explored("last_writer_wins", scope)

    @pytest.mark.parametrize("name", ["one_time_check", "compare_and_set", "optimistic_watch", "monotonic"])
    def test_every_order_of_one_plan_was_looked_at(self, name):
        scope = ExplorationScope(**TINY | {"plans": 1})
        assert plainly(name, scope, merge=False) == explored(name, scope) == {}

    @pytest.mark.parametrize(
        ("name", "depth"),
        [("one_time_check", 10), ("redis_lock", 8), ("client_clock_lock", 8), ("fence_registered", 8)],
    )
    def test_no_shorter_trace_was_missed(self, name, depth):
        scope = ExplorationScope(**TINY | {"plans": 1 + (name == "one_time_check")})
        shortest = {asked: steps for asked, steps in explored(name, scope).items() if steps <= depth}
        assert shortest
        assert plainly(name, scope, merge=False, depth=depth) == shortest


class TestMergingOnlyWhatIsEqualInEveryRespect:
    @pytest.mark.parametrize("name", [name for name in GUARDS if name not in ("redis_lock_renewed", "redis_lock_cell")])
    def test_the_same_properties_break_after_as_many_steps(self, name):
        scope = ExplorationScope(**SMALL)
        assert plainly(name, scope, merge=True) == explored(name, scope)

    @pytest.mark.parametrize("name", ["redis_lock_renewed", "redis_lock_cell"])
    def test_with_a_renewer_too(self, name):
        scope = ExplorationScope(**TINY)
        assert plainly(name, scope, merge=True) == explored(name, scope)

    @pytest.mark.parametrize("name", ["last_writer_wins", "one_time_check", "monotonic_safe_clean"])
    def test_with_enough_plans_to_delete_some(self, name):
        scope = ExplorationScope(plans=3, clean_age=1, tries=1)
        assert plainly(name, scope, merge=True) == explored(name, scope)

    @pytest.mark.parametrize("name", ["redis_lock", "fence_registered", "optimistic_watch", "client_clock_lock"])
    def test_with_a_crash(self, name):
        scope = ExplorationScope(**SMALL, crashes=1)
        assert plainly(name, scope, merge=True) == explored(name, scope)

    @pytest.mark.parametrize("name", ["last_writer_wins", "txt_lock", "fence_registered", "optimistic_watch"])
    def test_with_a_commit_in_flight(self, name):
        scope = ExplorationScope(**SMALL, messages=1)
        assert plainly(name, scope, merge=True) == explored(name, scope)

    @pytest.mark.parametrize("name", ["one_time_check", "redis_lock", "optimistic_watch", "redis_lock_cell"])
    def test_with_two_endpoints(self, name):
        scope = ExplorationScope(**TINY, endpoints=2, expiry=False)
        assert plainly(name, scope, merge=True) == explored(name, scope)


@pytest.mark.parametrize(
    ("name", "scope"),
    [
        ("last_writer_wins", ExplorationScope(plans=3, clean_age=1, tries=1)),
        ("redis_lock", ExplorationScope(plans=2, clean_age=1, tries=1, crashes=1, expiry=False)),
        ("monotonic", ExplorationScope(plans=2, clean_age=1, tries=1)),
    ],
    ids=["wedged", "a dead owner's lease", "holds"],
)
def test_the_nearest_state_that_cannot_converge_is_the_same(name, scope):
    plain = PlainExplorer(GUARDS[name], scope)
    _, nodes = plain.shortest(merge=True)
    stuck = min((node.steps for node in nodes if plain.stuck(node)), default=None)
    assert explore(GUARDS[name], scope).answers[Property.CONVERGES].steps == stuck


@pytest.mark.parametrize("name", ["redis_lock", "fence_registered", "txt_lock", "optimistic_watch", "compare_and_set"])
def test_taking_equal_enactors_for_each_other_changes_no_verdict(name):
    scope = ExplorationScope(plans=3, clean_age=1, tries=2)
    apart = scope.model_copy(update={"symmetry": False})
    assert explored(name, scope) == explored(name, apart)
    together, all_names = (len(search(Machine(GUARDS[name], each), Limits()).states) for each in (scope, apart))
    assert all_names / 2 <= together < all_names


def test_three_enactors_are_taken_for_each_other_too():
    scope = ExplorationScope(plans=2, enactors=3, clean_age=1, tries=1)
    apart = scope.model_copy(update={"symmetry": False})
    assert explored("fence_registered", scope) == explored("fence_registered", apart)


@pytest.mark.parametrize("name", ["redis_lock", "txt_lock", "fence_registered", "client_clock_lock"])
def test_giving_up_a_wait_reaches_no_other_state_at_one_endpoint(name):
    """Why the scope leaves it out there."""
    scope = ExplorationScope(plans=3, clean_age=1, tries=1)
    impatient = scope.model_copy(update={"give_up": True})
    patiently, impatiently = (len(search(Machine(GUARDS[name], each), Limits()).states) for each in (scope, impatient))
    assert patiently == impatiently


@pytest.mark.parametrize("name", ["fenced_at_write", "fence_registered", "broken_release"])
def test_any_number_of_grants_breaks_nothing_that_a_few_do_not(name):
    """Ranks make the state space finite without a bound; six grants in two plans are as good as any number."""
    scope = ExplorationScope(plans=2, clean_age=1, tries=2)
    few = scope.model_copy(update={"grants": 6})
    assert explored(name, scope) == explored(name, few)
