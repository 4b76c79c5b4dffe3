"""What the load balancer does in the data store, and the note of a check."""

from typing import Any, ClassVar

from leasebench.enactors.downstream.load_balancer.fleet import FIRST_BASE_TARGET, ZONES, Cause, TargetMove
from leasebench.enactors.downstream.network.operations import CONFIGURED
from leasebench.enactors.procedure import StoredProcedure, script_beside
from leasebench.leases.operations import Operation, operation

MOST_JOINING = 200
"""The most targets that join in one step: a script holds up everybody else."""


@operation
class Join(StoredProcedure):
    """Put the targets `first` to `last` into service; of instances only those that were launched.

    Done says how many joined. Each leaves an event `join`, which says whether the target's configuration is there.
    """

    first: int
    last: int

    step: ClassVar[str] = "join"
    lua: ClassVar[str] = script_beside(__name__, "join.lua")

    def works_on(self) -> tuple[str, ...]:
        return "launched", *(f"targets:{zone}" for zone in ZONES), CONFIGURED

    def arguments(self) -> tuple[str | int, ...]:
        return self.first, self.last, "base" if self.first >= FIRST_BASE_TARGET else "launched"


@operation
class CheckTarget(StoredProcedure):
    """Ask whether a target's configuration is there. Done with 1 or 0; leaves no event."""

    version: int

    step: ClassVar[str] = "check_target"
    lua: ClassVar[str] = "return redis.call('EXISTS', KEYS[1])"

    def works_on(self) -> tuple[str, ...]:
        return (f"{CONFIGURED}{self.version}",)


@operation
class MoveTargets(StoredProcedure):
    """Take targets of a zone out of service or put them back, or note that the velocity control kept them in.

    Each leaves an event `remove`, `restore` or `reject`: `active` is 1 if its configuration was there.
    """

    move: TargetMove

    step: ClassVar[str] = "move_targets"
    lua: ClassVar[str] = script_beside(__name__, "move.lua")

    def works_on(self) -> tuple[str, ...]:
        return f"targets:{self.move.zone}", *(f"{CONFIGURED}{number}" for number in self.move.numbers)

    def arguments(self) -> tuple[str | int, ...]:
        move = self.move
        event = "restore" if not move.removes else "reject" if move.cause is Cause.VELOCITY else "remove"
        fails_over = move.removes and move.cause is Cause.FAILOVER
        return event, move.zone, move.cause.value, int(fails_over), *move.numbers


@operation
class DisableFailover(StoredProcedure):
    """Note that an operator has switched the automatic fail-over off."""

    step: ClassVar[str] = "disable_failover"
    lua: ClassVar[str] = """
        append(KEYS[1], 'failover_disabled', '', '', '', ARGV[1], ARGV[2], '', '', '', '', '', '')
        return 0
    """

    def works_on(self) -> tuple[str, ...]:
        return ()


@operation
class Checked(Operation):
    """Note a check of `target` that was due at `due_ns` and began at `began_ns`. No I/O.

    `configured`: its configuration was there. One that came too late has not `passed` even so.
    """

    target: int
    due_ns: int
    began_ns: int
    configured: bool
    passed: bool

    local: ClassVar[bool] = True

    def perform(self, client: Any) -> None:  # noqa: ARG002
        return None
