"""Drives a program from operation to operation and from activity to activity; every engine shares it.

The interpreter performs nothing. An engine performs what is asked for and hands the result back: at once
(`run_activity`), or whenever a schedule or a search decides (`asks`, `receive`).
"""

from collections.abc import Callable
from typing import Any

from leasebench.enactors.kind import Activities
from leasebench.leases.operations import Carried, Operation, Program

MAX_LOCAL = 10_000
"""Local operations in a row; a program that asks for nothing else will never come to an end."""


class Interpreter:
    """One program under way. `carried` is what it carried on from its last activity.

    `activities` may be replaced at any time; the next activity is taken from the new ones. `received` are the results
    that `receive` gave the present activity so far.
    """

    def __init__(self, activities: Activities, carried: Any) -> None:
        self.activities = activities
        self.carried = carried
        self.received: tuple[Any, ...] = ()
        self._program: Program[Any] | None = None
        self._asks: Operation | None = None

    @property
    def asks(self) -> Operation:
        """What the program asks for now; begins an activity if none is under way."""
        if self._asks is None:
            self._asks = next(self.program)
        return self._asks

    @property
    def program(self) -> Program[Any]:
        """The present activity; begun if none is under way."""
        if self._program is None:
            self._program = self.activities(self.carried)
        return self._program

    def receive(self, result: Any) -> bool:
        """Give the program the result of what it asks for. Returns whether its activity ended with that."""
        assert self._asks is not None
        try:
            self._asks = self.program.send(result)
        except StopIteration as end:
            self._end(end.value)
            return True
        self.received = (*self.received, result)
        return False

    def run_activity(self, execute: Callable[[Operation], Any]) -> Any:
        """Run the present activity, or the next one, to its end. Returns what it carries on."""
        asks = self.asks
        send = self.program.send
        try:
            while True:
                asks = send(execute(asks))
        except StopIteration as end:
            self._end(end.value)
            return self.carried

    def skip_local(self) -> list[Operation]:
        """Skip what nobody else can see, as where no time passes. Returns what that was, in order.

        That loses no order that matters: what a local operation receives does not depend on when it is done.
        """
        skipped: list[Operation] = []
        while (asks := self.asks).local:
            if len(skipped) == MAX_LOCAL:
                raise AssertionError(f"a program did {MAX_LOCAL} local operations in a row, last {asks}")
            skipped.append(asks)
            self.receive(asks.skipped)
        return skipped

    def _end(self, carried: Any) -> None:
        self.carried, self.received = carried, ()
        self._program = self._asks = None


def run_once(program: Program[Carried], execute: Callable[[Operation], Any]) -> Carried:
    """Run one activity to its end. Returns what it carries on."""
    carried: Carried = Interpreter(lambda _: program, None).run_activity(execute)
    return carried
