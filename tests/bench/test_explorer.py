"""What the explorer says about guards, and how far it may be trusted."""

import pytest
from exploring import GUARDS, OWN

from leasebench.bench.engines.explorer.exploration import Exploration, explore, not_explorable, walk
from leasebench.bench.engines.explorer.machine import Machine
from leasebench.bench.engines.explorer.properties import Property
from leasebench.bench.engines.explorer.report import explored, unexpected, verdict
from leasebench.bench.engines.explorer.scope import ExplorationScope
from leasebench.bench.engines.explorer.search import Limits, search
from leasebench.leases.guard import presets
from leasebench.verdict import Verdict

STALE, DANGLING = Property.STALE_OVERWRITE, Property.DANGLING
SCOPE = ExplorationScope(plans=4, clean_age=2, tries=2)
CALM = SCOPE.model_copy(update={"expiry": False})
_explored: dict[tuple[str, ExplorationScope], Exploration] = {}


def holds(name: str, asked: Property, scope: ExplorationScope = SCOPE) -> bool | None:
    key = (name, scope)
    if key not in _explored:
        _explored[key] = explore(GUARDS[name], scope)
    return _explored[key].answers[asked].holds


class TestWhatIsKnown:
    def test_one_time_check_breaks_in_both_ways(self):
        assert holds("one_time_check", STALE) is False
        assert holds("one_time_check", DANGLING) is False

    @pytest.mark.parametrize("name", ["txt_lock", "fenced_by_lock_order"])
    def test_a_lock_taken_after_the_check_breaks_even_if_leases_never_expire(self, name):
        assert holds(name, STALE, CALM) is False
        assert holds(name, Property.DOUBLE_HOLD, CALM) is True

    @pytest.mark.parametrize("name", ["fenced_at_write", "redis_lock", "redis_lock_renewed", "redis_lock_cell"])
    def test_a_lock_with_the_check_inside_breaks_only_when_a_lease_may_expire(self, name):
        assert holds(name, STALE) is False
        assert holds(name, STALE, CALM) is True

    def test_a_fence_registered_at_the_read_does_not_break_although_two_hold_the_lease(self):
        assert holds("fence_registered", STALE) is True
        assert holds("fence_registered", DANGLING) is True
        assert holds("fence_registered", Property.DOUBLE_HOLD) is False

    @pytest.mark.parametrize("name", ["compare_and_set", "monotonic", "monotonic_safe_clean", "optimistic_watch"])
    def test_a_version_check_in_the_store_does_not_break(self, name):
        trouble = SCOPE.model_copy(update={"crashes": 1, "messages": 1})
        for asked in (STALE, DANGLING, Property.WEDGED, Property.CONVERGES, Property.ROLLBACK):
            assert holds(name, asked, trouble) is True

    @pytest.mark.parametrize("name", ["skip_active_alone", "referential_alone"])
    def test_neither_half_of_a_safe_clean_up_is_enough_while_plans_go_stale(self, name):
        assert holds(name, DANGLING) is False

    def test_both_halves_together_are_enough(self):
        assert holds("stale_but_resolving", STALE) is False
        assert holds("stale_but_resolving", DANGLING) is True

    def test_a_guard_that_is_no_preset_holds(self):
        assert holds("check_then_delete", STALE) is True

    def test_an_owner_that_looks_and_writes_under_its_own_lease_does_not_break(self):
        trouble = SCOPE.model_copy(update={"messages": 1})
        for asked in (STALE, DANGLING, Property.WEDGED, Property.CONVERGES, Property.ROLLBACK):
            assert holds("owner_inside", asked, trouble) is True
        assert holds("owner_inside", Property.DOUBLE_HOLD) is False

    def test_a_quarantine_keeps_a_stale_guard_from_empty_records(self):
        assert holds("txt_lock_safe_clean", STALE) is False
        assert holds("txt_lock_safe_clean", DANGLING) is True
        assert holds("txt_lock_safe_clean", Property.CONVERGES) is True

    def test_only_a_record_that_its_owner_dates_is_granted_twice(self):
        assert holds("client_clock_lock", Property.EXCLUSION) is False
        assert holds("redis_lock", Property.EXCLUSION) is True

    def test_a_lease_of_the_dead_is_in_the_way_for_ever_if_it_never_expires(self):
        dead = CALM.model_copy(update={"crashes": 1})
        assert holds("redis_lock", Property.CONVERGES, dead) is False
        assert holds("redis_lock", Property.ROLLBACK, dead) is False
        assert holds("redis_lock", Property.CONVERGES, dead.model_copy(update={"expiry": True, "rollback": False}))

    def test_a_commit_that_arrives_late_breaks_a_lock_that_never_expires(self):
        late = CALM.model_copy(update={"messages": 1})
        assert holds("redis_lock", STALE, late) is False
        assert holds("fence_registered", STALE, late) is True


class TestThePublicSpinModel:
    """Its repair checks and applies in one atomic step, and skips the active plan when it cleans up.

    What its step compares the plan with is the version that the enactor saw at its start. That is a check made once
    and a blind write, however atomic. Had it compared the endpoint's own version with what was seen, as a
    `compare_and_set` does, it would hold.
    """

    def test_its_remaining_stale_overwrite_is_found(self):
        found = explore(GUARDS["skip_active_alone"], ExplorationScope())
        trace = found.answers[STALE].trace
        assert trace is not None
        assert trace.steps[-1].operation.version < trace.steps[-1].result.previous

    def test_had_it_compared_the_endpoints_own_version_it_would_hold(self):
        assert holds("swapped_once", STALE) is True


class TestASearch:
    def test_that_runs_out_of_states_says_so_and_proves_nothing(self):
        found = explore(GUARDS["redis_lock"], SCOPE, Limits(states=2_000))
        assert "gave up at" in found.gave_up
        assert not found.exhaustive
        assert found.answers[DANGLING].holds is None
        assert found.answers[Property.DOUBLE_HOLD].holds is False

    def test_that_runs_out_of_memory_says_so(self):
        found = explore(GUARDS["redis_lock"], SCOPE, Limits(memory_bytes=1))
        assert found.gave_up.endswith("GB")

    def test_for_one_property_stops_where_that_is_broken(self):
        whole = explore(GUARDS["one_time_check"], SCOPE)
        found = explore(GUARDS["one_time_check"], SCOPE, only=STALE)
        assert found.answers[STALE].steps == whole.answers[STALE].steps
        assert found.states < whole.states
        assert list(found.answers) == [STALE]

    def test_widens_its_states_on_the_way_without_losing_one(self):
        wide = search(Machine(GUARDS["txt_lock"], SCOPE), Limits())
        narrow = search(Machine(GUARDS["txt_lock"], SCOPE), Limits(), first_bits=2)
        assert narrow.packed.layout.local_bits > 2
        assert len(narrow.states) == len(wide.states)
        assert narrow.transitions == wide.transitions
        assert list(narrow.parents) == list(wide.parents)

    def test_cannot_look_into_a_library(self):
        assert not_explorable(presets()["redis_py_lock"]) == "not explorable: a third-party lock"

    def test_of_a_guard_without_a_lease_says_nothing_about_leases(self):
        found = explore(GUARDS["monotonic"], SCOPE)
        assert found.answers[Property.DOUBLE_HOLD].holds is None
        assert verdict(found) is Verdict.CLEAN


class TestAWalk:
    def test_finds_what_breaks_and_proves_nothing(self):
        found = walk(GUARDS["last_writer_wins"], SCOPE, walks=200, seed=1)
        assert found.answers[STALE].holds is False
        assert found.answers[Property.ROLLBACK].holds is None
        assert not found.exhaustive

    def test_finds_the_same_again_with_the_same_seed(self):
        one, two = (walk(GUARDS["redis_lock"], SCOPE, walks=100, seed=7) for _ in range(2))
        assert (one.states, one.transitions) == (two.states, two.transitions)
        assert one.answers == two.answers

    def test_breaks_nothing_that_holds(self):
        found = walk(GUARDS["monotonic"], SCOPE, walks=200, seed=2)
        assert {answer.holds for answer in found.answers.values()} == {None}
        assert verdict(found) is Verdict.UNPROVEN


class TestWhatIsExpected:
    @pytest.mark.parametrize("name", ["last_writer_wins", "txt_lock", "redis_lock", "monotonic", "fence_registered"])
    def test_no_preset_surprises(self, name):
        holds(name, STALE)
        assert not unexpected(GUARDS[name], _explored[name, SCOPE])

    def test_a_guard_that_says_nothing_of_itself_is_expected_to_hold(self):
        assert unexpected(OWN["skip_active_alone"], explore(OWN["skip_active_alone"], SCOPE))
        assert not unexpected(OWN["check_then_delete"], explore(OWN["check_then_delete"], SCOPE))

    def test_json_has_the_published_shape(self):
        found = explored(GUARDS["redis_lock"], explore(GUARDS["redis_lock"], SCOPE))
        printed = found.model_dump(mode="json", exclude={"table"})
        assert set(printed) == {"guard", "scope", "states", "transitions", "seconds", "exhaustive", "properties"}
        assert set(printed["properties"]) == {
            "stale_overwrite", "dangling", "wedged", "double_hold", "converges", "rollback",
        }  # fmt: skip
        assert printed["properties"]["stale_overwrite"] == {"holds": False, "shortest_trace": 13}
        assert printed["properties"]["rollback"] == {"holds": True, "shortest_trace": None}
