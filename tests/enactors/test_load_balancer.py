"""The decisions of a load balancer (health, velocity, fail-over), whatever its checks say; and its program, by hand."""

from math import floor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playing import play
from pydantic import ValidationError

from leasebench.enactors.downstream.load_balancer.failover import ZoneCapacity, zone_to_fail_over
from leasebench.enactors.downstream.load_balancer.fleet import (
    FIRST_BASE_TARGET,
    ZONES,
    Cause,
    Fleet,
    FleetRule,
    Target,
    TargetMove,
    zone_of,
)
from leasebench.enactors.downstream.load_balancer.health import Health, HealthRule
from leasebench.enactors.downstream.load_balancer.kind import PLUGIN, LoadBalancerSettings
from leasebench.enactors.downstream.load_balancer.operations import (
    Checked,
    CheckTarget,
    DisableFailover,
    Join,
    MoveTargets,
)
from leasebench.enactors.downstream.load_balancer.program import Balancer, BalancerState, CheckTimes
from leasebench.enactors.downstream.load_balancer.velocity import VelocityControl
from leasebench.enactors.downstream.operations import ReadClock
from leasebench.leases.operations import Sleep
from leasebench.leases.outcome import UNKNOWN, Done

MS = 1_000_000
INTERVAL = 100 * MS
RULE = FleetRule(INTERVAL, HealthRule(unhealthy_after=2, healthy_after=3), failover_below=0.5, hold_ns=500 * MS)
NO_LIMIT = VelocityControl(0.0, 1000 * MS)


def fleet_of(count, velocity=NO_LIMIT):
    return Fleet(velocity).joined(range(1, count + 1), 0, RULE)


class TestHealth:
    @given(st.lists(st.booleans(), max_size=60), st.integers(1, 4), st.integers(1, 4))
    def test_changes_its_mind_after_so_many_checks_in_a_row_and_not_before(self, checks, unhealthy, healthy):
        rule, health = HealthRule(unhealthy, healthy), Health()
        for at, passed in enumerate(checks):
            before, health = health, health.after(passed, rule)
            if health.healthy != before.healthy:
                limit = unhealthy if before.healthy else healthy
                assert checks[at - limit + 1 : at + 1] == [health.healthy] * limit
            else:
                limit = unhealthy if health.healthy else healthy
                assert health.against < limit


class TestVelocity:
    @given(
        st.lists(st.tuples(st.integers(0, 400), st.integers(0, 12)), max_size=60),
        st.floats(0.01, 1),
        st.integers(1, 1000),
        st.integers(1, 100),
    )
    def test_no_window_ever_holds_more_removals_than_the_share(self, steps, share, window_ns, targets):
        control, now_ns, removed = VelocityControl(share, window_ns), 0, []
        for gap_ns, asked in steps:
            now_ns += gap_ns
            if control.allows(asked, targets, now_ns):
                control = control.after(asked, now_ns)
                removed.append((now_ns, asked))
            assert len(control.removals) <= max(1, floor(share * targets)), "its memory is bounded"
        for begin_ns, _ in removed:
            held = sum(count for at_ns, count in removed if begin_ns <= at_ns < begin_ns + window_ns)
            assert held <= share * targets

    def test_a_share_of_nothing_limits_nothing(self):
        assert NO_LIMIT.after(50, 0).allows(1000, 1000, 0)
        assert NO_LIMIT.after(50, 0).removals == ()

    def test_allows_again_once_the_window_has_passed(self):
        control = VelocityControl(0.1, 100).after(2, 1000)
        assert not control.allows(1, 20, 1099)
        assert control.allows(2, 20, 1100)


zones = st.fixed_dictionaries(
    {
        name: st.builds(
            lambda targets, out, failed: ZoneCapacity(targets, max(0, targets - out), failed),
            st.integers(0, 9),
            st.integers(0, 9),
            st.booleans(),
        )
        for name in ZONES
    }
)


class TestFailover:
    @given(zones, st.floats(0, 1))
    def test_takes_out_the_worst_of_those_below_and_never_the_last(self, there, below):
        chosen = zone_to_fail_over(there, below)
        serving = [name for name, zone in there.items() if zone.in_service and not zone.failed_over]
        low = [name for name in serving if there[name].share < below]
        if chosen is None:
            assert not low or len(serving) == 1
        else:
            assert chosen in low
            assert len(serving) > 1
            assert there[chosen].share == min(there[name].share for name in low)


steps = st.lists(st.tuples(st.booleans(), st.integers(0, 150)), max_size=150)


def driven(fleet, checks):
    """Let the checks of a fleet come out as they may; gives each instant, the fleet, and the moves."""
    now_ns = 0
    for passed, gap_ms in checks:
        now_ns = max(now_ns, fleet.targets[0].due_ns) + gap_ms * MS
        fleet, back = fleet.recovered(now_ns, RULE)
        fleet, moves = fleet.checked(passed, now_ns, RULE)
        yield now_ns, fleet, (*back, *moves)


class TestFleet:
    @settings(deadline=None)
    @given(steps, st.integers(1, 14), st.floats(0.05, 1))
    def test_velocity_control_bounds_what_checks_and_failovers_remove_together(self, checks, count, share):
        control = VelocityControl(share, 300 * MS)
        removed = []
        for now_ns, _, moves in driven(fleet_of(count, control), checks):
            removed += [(now_ns, len(one.numbers)) for one in moves if one.removes and one.cause is not Cause.VELOCITY]
        for begin_ns, _ in removed:
            assert sum(many for at_ns, many in removed if begin_ns <= at_ns < begin_ns + 300 * MS) <= share * count

    @settings(deadline=None)
    @given(steps, st.integers(1, 14))
    def test_moves_tell_exactly_who_is_in_service(self, checks, count):
        serving = set(range(1, count + 1))
        for _, fleet, moves in driven(fleet_of(count), checks):
            for move in moves:
                numbers = set(move.numbers)
                assert {zone_of(number) for number in numbers} <= {move.zone}
                assert numbers <= serving if move.removes else not numbers & serving, "each is moved once"
                if move.cause is not Cause.VELOCITY:
                    serving = serving - numbers if move.removes else serving | numbers
            assert {one.number for one in fleet.targets if one.in_service} == serving
            assert fleet.absent == count - len(serving)
            assert {one.number for one in fleet.targets} == set(range(1, count + 1))
            assert sorted(fleet.targets, key=lambda one: (one.due_ns, one.number)) == list(fleet.targets)

    @settings(deadline=None)
    @given(steps, st.integers(3, 14))
    def test_a_zone_whose_checks_pass_never_fails_over(self, checks, count):
        """Checks fail where a target is not there or the check is late: zone a has neither."""
        fleet, now_ns = fleet_of(count), 0
        for passed, gap_ms in checks:
            target = fleet.targets[0]
            now_ns = max(now_ns, target.due_ns) + gap_ms * MS
            fleet, back = fleet.recovered(now_ns, RULE)
            fleet, moves = fleet.checked(passed or zone_of(target.number) == "a", now_ns, RULE)
            assert not [one for one in (*back, *moves) if one.zone == "a"]
            assert fleet.capacity()["a"].share == 1

    @given(st.integers(0, 10_000))
    def test_checks_that_fell_due_while_one_was_late_are_left_out(self, late_ms):
        fleet = Fleet(NO_LIMIT, (Target(1, 50 * MS),))
        now_ns = 50 * MS + late_ms * MS
        (target,) = fleet.checked(True, now_ns, RULE)[0].targets
        assert now_ns < target.due_ns <= now_ns + INTERVAL
        assert (target.due_ns - 50 * MS) % INTERVAL == 0, "it keeps to its own instants"

    def test_a_failed_over_zone_comes_back_after_its_hold_as_far_as_it_is_healthy(self):
        fleet = fleet_of(12)  # zone b: 1, 4, 7, 10
        sick = {1, 4, 7}
        moves, now_ns = [], 0
        while not any(one.cause is Cause.FAILOVER for one in moves):
            now_ns = fleet.targets[0].due_ns
            fleet, new = fleet.checked(fleet.targets[0].number not in sick, now_ns, RULE)
            moves += new
        assert moves[-1] == TargetMove("b", (10,), Cause.FAILOVER, removes=True)
        assert fleet.recovered(now_ns + 499 * MS, RULE) == (fleet, ())
        back, moves = fleet.recovered(now_ns + 500 * MS, RULE)
        assert moves[0] == TargetMove("b", (10,), Cause.FAILOVER, removes=False)
        assert moves[1] == TargetMove("b", (10,), Cause.FAILOVER, removes=True), "too little of it is in service still"
        assert back.absent == 4
        quiet, moves = fleet.recovered(now_ns + 500 * MS, FleetRule(INTERVAL, RULE.health, 0.0, RULE.hold_ns))
        assert (len(moves), quiet.absent) == (1, 3), "with the fail-over off it stays"

    def test_what_velocity_control_keeps_in_service_is_told_once(self):
        fleet = Fleet(VelocityControl(0.01, INTERVAL), (Target(1, 0),))
        moves = []
        for _ in range(5):
            fleet, new = fleet.checked(False, fleet.targets[0].due_ns, RULE)
            moves += new
        assert moves == [TargetMove("b", (1,), Cause.VELOCITY, removes=True)]
        assert fleet.absent == 0


BALANCER = Balancer(2, 10, RULE, CheckTimes(check_ms=1.0, move_ms=4.0, timeout_ms=50.0))
BASE = (FIRST_BASE_TARGET, FIRST_BASE_TARGET + 1)


def begun(balancer=BALANCER):
    _, state = play(balancer.next_activity(BalancerState(Fleet(NO_LIMIT))), 0, Done(2))
    return state


class TestProgram:
    def test_base_targets_join_first(self):
        asked, state = play(BALANCER.next_activity(BalancerState(Fleet(NO_LIMIT))), 0, Done(2))
        assert asked == [ReadClock(), Join(*BASE)]
        assert [one.number for one in state.fleet.targets] == list(BASE)

    def test_a_join_without_a_reply_is_tried_again(self):
        _, state = play(BALANCER.next_activity(BalancerState(Fleet(NO_LIMIT))), 0, UNKNOWN)
        assert state.base == 0

    def test_instances_join_as_they_are_launched_and_no_more_than_there_is_room_for(self):
        asked, state = play(BALANCER.next_activity(begun()), MS, Done(3))
        assert asked == [ReadClock(), Join(1, 8)]
        assert state.launched == 3
        assert state.look_at_ns == MS + INTERVAL
        full = BalancerState(state.fleet, base=2, launched=8)
        assert play(BALANCER.next_activity(full), MS)[0] == [ReadClock()]

    @pytest.mark.parametrize(
        ("late_ms", "outcome", "configured", "passed"),
        [
            (0, Done(1), True, True),
            (50, Done(1), True, True),
            (51, Done(1), True, False),
            (0, Done(0), False, False),
            (0, UNKNOWN, False, False),
        ],
    )
    def test_a_check_fails_without_a_configuration_and_when_it_is_late(self, late_ms, outcome, configured, passed):
        fleet = Fleet(NO_LIMIT, (Target(7, 10 * MS),))
        state = BalancerState(fleet, base=2, look_at_ns=10**12)
        now_ns = (10 + late_ms) * MS
        asked, _ = play(BALANCER.next_activity(state), now_ns, None, outcome, None, now_ns)
        assert asked[1:4] == [Sleep(1.0), CheckTarget(7), Checked(7, 10 * MS, now_ns, configured, passed)]

    def test_what_is_decided_is_done_and_takes_its_time(self):
        fleet = Fleet(NO_LIMIT, (Target(7, 0, Health(True, 1)), Target(8, MS), Target(9, 2 * MS)))
        state = BalancerState(fleet, base=2, look_at_ns=10**12)
        results = (0, None, Done(0), None, 0, None, Done(1))
        asked, state = play(BALANCER.next_activity(state), *results)
        assert asked[-2:] == [Sleep(4.0), MoveTargets(TargetMove("b", (7,), Cause.CHECK, removes=True))]
        assert state.fleet.absent == 1

    def test_waits_for_what_is_due_next(self):
        state = BalancerState(Fleet(NO_LIMIT, (Target(7, 30 * MS),)), base=2, look_at_ns=20 * MS)
        assert play(BALANCER.next_activity(state), 5 * MS, None)[0] == [ReadClock(), Sleep(15.0)]

    def test_an_operator_who_switches_the_failover_off_brings_every_zone_back(self):
        balancer = Balancer(2, 10, RULE, BALANCER.times, disable_after_s=3.0)
        state = begun(balancer)
        assert state.disable_at_ns == 3000 * MS
        assert balancer.rule_at(state).failover_below == 0.5
        fleet = Fleet(NO_LIMIT, (Target(7, 0, in_service=False),), (("b", 10**12),), absent=1)
        state = BalancerState(fleet, base=2, look_at_ns=10**12, disable_at_ns=3000 * MS)
        asked, state = play(balancer.next_activity(state), 3000 * MS, Done(0), None, Done(1))
        back = TargetMove("b", (7,), Cause.FAILOVER, removes=False)
        assert asked == [ReadClock(), DisableFailover(), Sleep(4.0), MoveTargets(back)]
        assert (state.fleet.absent, state.fleet.held_until_ns) == (0, ())
        assert balancer.rule_at(state).failover_below == 0


def test_without_failover_no_zone_is_ever_too_low():
    place = type("Place", (), {"settings": LoadBalancerSettings(failover=False)})
    activities, state = PLUGIN.begin(place)
    assert activities.__self__.rule_at(state).failover_below == 0


@pytest.mark.parametrize(
    "wrong", [{"targets": 11, "max_targets": 10}, {"velocity": 1.5}, {"failover_below": 0}, {"max_targets": 3_001}]
)
def test_refuses_settings_that_make_no_sense(wrong):
    with pytest.raises((ValidationError, ValueError)):
        LoadBalancerSettings(**wrong)
