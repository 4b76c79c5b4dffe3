"""The load balancer's program: check each target when it is due, and do what the fleet's rules say.

One check after the other: where there are more of them than there is time for, they come late, and a check that comes
too late fails, whatever its target is like. So a slow check system takes healthy capacity out. In the outage of October
2025 instances were put into service before their network was there; their checks alternated between failing and
healthy, which put the check system under load and delayed the checks of everybody else (AWS post-event summary,
https://aws.amazon.com/message/101925/).
"""

from dataclasses import dataclass, replace

from leasebench.enactors.downstream.load_balancer.fleet import FIRST_BASE_TARGET, Fleet, FleetRule, TargetMove
from leasebench.enactors.downstream.load_balancer.operations import (
    MOST_JOINING,
    Checked,
    CheckTarget,
    DisableFailover,
    Join,
    MoveTargets,
)
from leasebench.enactors.downstream.operations import ReadClock
from leasebench.leases.operations import Program, Sleep
from leasebench.leases.outcome import Done


@dataclass(frozen=True, slots=True)
class BalancerState:
    """What a load balancer carries: its fleet, how many of its targets joined, when it looks for new instances.

    `disable_at_ns`: when an operator switches the fail-over off; None for never, or done.
    """

    fleet: Fleet
    base: int = 0
    launched: int = 0
    look_at_ns: int = 0
    disable_at_ns: int | None = None


@dataclass(frozen=True, slots=True)
class CheckTimes:
    """How long one check takes and one move of targets, and from which lateness on a check fails, milliseconds."""

    check_ms: float
    move_ms: float
    timeout_ms: float


@dataclass(frozen=True, slots=True)
class Balancer:
    """Has `base` targets from the start, and each launched instance as one more, up to `most` in all."""

    base: int
    most: int
    rule: FleetRule
    times: CheckTimes
    disable_after_s: float | None = None

    def next_activity(self, state: BalancerState) -> Program[BalancerState]:
        """Do what is due: one thing."""
        now_ns: int = yield ReadClock()
        if state.base < self.base:
            return (yield from self._begin(state, now_ns))
        if state.disable_at_ns is not None and now_ns >= state.disable_at_ns:
            return (yield from self._disable(state, now_ns))
        fleet, moves = state.fleet.recovered(now_ns, self.rule_at(state))
        if moves:
            yield from self._move(moves)
            return replace(state, fleet=fleet)
        state = replace(state, fleet=fleet)
        if now_ns >= state.look_at_ns:
            return (yield from self._look_for_instances(state, now_ns))
        targets = state.fleet.targets
        if not targets or targets[0].due_ns > now_ns:
            held = (held_ns for _, held_ns in state.fleet.held_until_ns)
            until_ns = min([state.look_at_ns, *held, *(one.due_ns for one in targets[:1])])
            yield Sleep((until_ns - now_ns) / 1e6)
            return state
        return (yield from self._check(state, now_ns))

    def rule_at(self, state: BalancerState) -> FleetRule:
        """The rule that holds: without fail-over once an operator has switched it off."""
        off = self.disable_after_s is not None and state.base == self.base and state.disable_at_ns is None
        return replace(self.rule, failover_below=0.0) if off else self.rule

    def _begin(self, state: BalancerState, now_ns: int) -> Program[BalancerState]:
        """Let base targets join, some at a time; an operator's patience begins with the last of them."""
        first = FIRST_BASE_TARGET + state.base
        last = min(first + MOST_JOINING, FIRST_BASE_TARGET + self.base) - 1
        if not isinstance((yield Join(first, last)), Done):
            return state
        base = state.base + last - first + 1
        fleet = state.fleet.joined(range(first, last + 1), now_ns, self.rule)
        disable_at_ns = None
        if base == self.base and self.disable_after_s is not None:
            disable_at_ns = now_ns + int(self.disable_after_s * 1e9)
        return replace(state, base=base, fleet=fleet, look_at_ns=now_ns, disable_at_ns=disable_at_ns)

    def _look_for_instances(self, state: BalancerState, now_ns: int) -> Program[BalancerState]:
        look_at_ns = now_ns + self.rule.interval_ns
        first = state.launched + 1
        last = min(state.launched + MOST_JOINING, self.most - self.base)
        joined = 0
        if first <= last:
            outcome = yield Join(first, last)
            joined = outcome.previous if isinstance(outcome, Done) else 0
        if not joined:
            return replace(state, look_at_ns=look_at_ns)
        fleet = state.fleet.joined(range(first, first + joined), now_ns, self.rule)
        return replace(state, fleet=fleet, launched=state.launched + joined, look_at_ns=look_at_ns)

    def _check(self, state: BalancerState, began_ns: int) -> Program[BalancerState]:
        target = state.fleet.targets[0]
        yield Sleep(self.times.check_ms)
        outcome = yield CheckTarget(target.number)
        configured = isinstance(outcome, Done) and bool(outcome.previous)
        passed = configured and began_ns - target.due_ns <= self.times.timeout_ms * 1e6
        yield Checked(target.number, target.due_ns, began_ns, configured, passed)
        now_ns: int = yield ReadClock()
        fleet, moves = state.fleet.checked(passed, now_ns, self.rule_at(state))
        yield from self._move(moves)
        return replace(state, fleet=fleet)

    def _disable(self, state: BalancerState, now_ns: int) -> Program[BalancerState]:
        """An operator switches the automatic fail-over off: every zone comes back now."""
        yield DisableFailover()
        state = replace(state, disable_at_ns=None)
        held = tuple((zone, now_ns) for zone, _ in state.fleet.held_until_ns)
        fleet, moves = replace(state.fleet, held_until_ns=held).recovered(now_ns, self.rule_at(state))
        yield from self._move(moves)
        return replace(state, fleet=fleet)

    def _move(self, moves: tuple[TargetMove, ...]) -> Program[None]:
        for move in moves:
            yield Sleep(self.times.move_ms)
            yield MoveTargets(move)
