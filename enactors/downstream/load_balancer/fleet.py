"""The targets of a load balancer, and what is decided about them. Pure: it knows no clock, and moves nothing itself."""

from bisect import insort
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from leasebench.enactors.downstream.load_balancer.failover import ZoneCapacity, zone_to_fail_over
from leasebench.enactors.downstream.load_balancer.health import Health, HealthRule
from leasebench.enactors.downstream.load_balancer.velocity import VelocityControl

ZONES = ("a", "b", "c")
FIRST_BASE_TARGET = 1_000_000_000
"""Base targets have the numbers from here on; a launched instance is the target with its own number."""


NEW = Health()
"""What is believed of a target that joins."""


class Cause(StrEnum):
    """Why a target is taken out of service or put back; `VELOCITY`: why it was not taken out."""

    CHECK = "check"
    FAILOVER = "failover"
    VELOCITY = "velocity"


def zone_of(number: int) -> str:
    """The zone of a target."""
    return ZONES[number % len(ZONES)]


@dataclass(frozen=True, slots=True)
class Target:
    """One target: when its next check is due, what is believed of it, and whether it is in service."""

    number: int
    due_ns: int
    health: Health = NEW
    in_service: bool = True


@dataclass(frozen=True, slots=True)
class TargetMove:
    """Targets of one zone that are taken out of service or put back at once, or are kept from being taken out.

    One without numbers: the velocity control has kept the zone from failing over.
    """

    zone: str
    numbers: tuple[int, ...]
    cause: Cause
    removes: bool


@dataclass(frozen=True, slots=True)
class FleetRule:
    """When a target is unhealthy and when a zone fails over (`failover_below` 0: never), and for how long."""

    interval_ns: int
    health: HealthRule
    failover_below: float
    hold_ns: int


@dataclass(frozen=True, slots=True)
class Fleet:
    """All targets in the order in which they are due, and until when each zone is failed over.

    `absent` counts the targets that are out of service.
    """

    velocity: VelocityControl
    targets: tuple[Target, ...] = ()
    held_until_ns: tuple[tuple[str, int], ...] = ()
    absent: int = 0

    def joined(self, numbers: Iterable[int], now_ns: int, rule: FleetRule) -> "Fleet":
        """Add targets, in service from now on; their checks are spread over the interval."""
        new = tuple(numbers)
        gap_ns = rule.interval_ns // max(1, len(new))
        added = [Target(number, now_ns + place * gap_ns) for place, number in enumerate(new, 1)]
        return replace(self, targets=tuple(sorted((*self.targets, *added), key=_due)))

    def checked(self, passed: bool, now_ns: int, rule: FleetRule) -> "tuple[Fleet, tuple[TargetMove, ...]]":
        """Return the fleet after the check of its first target, and what follows from it.

        Its next check is due at its next instant after now: what fell due meanwhile is left out, so that no more than
        one check of a target ever waits.
        """
        target = self.targets[0]
        health = target.health.after(passed, rule.health)
        late = max(0, now_ns - target.due_ns) // rule.interval_ns
        seen = replace(target, health=health, due_ns=target.due_ns + (late + 1) * rule.interval_ns)
        targets = list(self.targets[1:])
        insort(targets, seen, key=_due)
        fleet = replace(self, targets=tuple(targets))
        zone = zone_of(target.number)
        if zone in dict(self.held_until_ns) or health.healthy == target.in_service:
            return fleet, ()
        move = TargetMove(zone, (target.number,), Cause.CHECK, removes=not health.healthy)
        if health.healthy:
            return _moved(fleet, move), (move,)
        if not self.velocity.allows(1, len(targets), now_ns):
            held_back = (replace(move, cause=Cause.VELOCITY),) if target.health.healthy else ()
            return fleet, held_back
        fleet, failovers = _failed_over(_removed(fleet, move, now_ns), now_ns, rule)
        return fleet, (move, *failovers)

    def recovered(self, now_ns: int, rule: FleetRule) -> "tuple[Fleet, tuple[TargetMove, ...]]":
        """Put the zones back whose hold is over, as far as their targets are healthy; they may fail over again."""
        over = [zone for zone, until_ns in self.held_until_ns if until_ns <= now_ns]
        if not over:
            return self, ()
        fleet = replace(self, held_until_ns=tuple(one for one in self.held_until_ns if one[0] not in over))
        back = [_back(fleet, zone) for zone in over]
        for move in back:
            fleet = _moved(fleet, move)
        fleet, failovers = _failed_over(fleet, now_ns, rule)
        return fleet, (*(move for move in back if move.numbers), *failovers)

    def capacity(self) -> dict[str, ZoneCapacity]:
        """How much of each zone is in service."""
        there = Counter(zone_of(target.number) for target in self.targets)
        serving = Counter(zone_of(target.number) for target in self.targets if target.in_service)
        held = dict(self.held_until_ns)
        return {zone: ZoneCapacity(there[zone], serving[zone], zone in held) for zone in ZONES}


def _failed_over(fleet: Fleet, now_ns: int, rule: FleetRule) -> tuple[Fleet, tuple[TargetMove, ...]]:
    """Fail over one zone if one has to; what the velocity control does not allow is left as it is."""
    zone = zone_to_fail_over(fleet.capacity(), rule.failover_below)
    if zone is None:
        return fleet, ()
    numbers = tuple(sorted(one.number for one in fleet.targets if one.in_service and zone_of(one.number) == zone))
    move = TargetMove(zone, numbers, Cause.FAILOVER, removes=True)
    if not fleet.velocity.allows(len(numbers), len(fleet.targets), now_ns):
        return fleet, (TargetMove(zone, (), Cause.VELOCITY, removes=True),)
    held = (*fleet.held_until_ns, (zone, now_ns + rule.hold_ns))
    return replace(_removed(fleet, move, now_ns), held_until_ns=held), (move,)


def _back(fleet: Fleet, zone: str) -> TargetMove:
    """What of a zone can be put back after its fail-over."""
    ready = (one.number for one in fleet.targets if one.health.healthy and not one.in_service)
    numbers = tuple(sorted(number for number in ready if zone_of(number) == zone))
    return TargetMove(zone, numbers, Cause.FAILOVER, removes=False)


def _removed(fleet: Fleet, move: TargetMove, now_ns: int) -> Fleet:
    return replace(_moved(fleet, move), velocity=fleet.velocity.after(len(move.numbers), now_ns))


def _moved(fleet: Fleet, move: TargetMove) -> Fleet:
    numbers = set(move.numbers)
    targets = tuple(
        replace(one, in_service=not move.removes) if one.number in numbers else one for one in fleet.targets
    )
    return replace(fleet, targets=targets, absent=sum(not one.in_service for one in targets))


def _due(target: Target) -> tuple[int, int]:
    return target.due_ns, target.number
