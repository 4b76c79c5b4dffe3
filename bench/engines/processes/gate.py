"""A gate at the boundary of every operation: the program's end of it, in its own process.

A program that is run by a schedule waits here before each operation until the harness lets it go on, and says what it
asks for and what it received last. Each program has a line of its own to the harness: of an enactor, its worker and its
renewer. Local operations are not waited for, but told.
"""

import os
from collections.abc import Callable
from multiprocessing.connection import wait
from typing import Any, Literal, NamedTuple

from leasebench.leases.operations import Operation


class Order(NamedTuple):
    """What the harness says to a program at its gate.

    `step`: do the operation, with the wall clock `skew_ms` ahead; `crash`: die; `free`: go on by yourself from now
    on; `over`: stop here.
    """

    action: Literal["step", "crash", "free", "over"]
    skew_ms: float = 0.0


class Arrival(NamedTuple):
    """What a program says as it comes to its gate: what it received, its local operations since, what it asks for now.

    `asks` is None for a renewer that has nothing to renew.
    """

    received: Any
    local: tuple[Operation, ...]
    asks: Operation | None


class ScheduleOver(Exception):
    """The harness says that the schedule has ended: the program goes no further."""


class OperationGate:
    """One program's gate. `withdrawn` tells whether what it is about to ask for is not wanted any more."""

    def __init__(self, line: Any, withdrawn: Callable[[], bool] = lambda: False) -> None:
        self._line, self._withdrawn = line, withdrawn
        self._received: Any = None
        self._local: list[Operation] = []
        self._woken, self._wake = os.pipe()
        self.is_open = False

    def pass_local(self, operation: Operation, do: Callable[[Operation], Any]) -> Any:
        """Do a local operation at once; one that only takes time takes none: a schedule knows order, and no time."""
        self._local.append(operation)
        return operation.skipped if operation.passes_time else do(operation)

    def ask(self, step: Operation) -> Order | None:
        """Wait for an order; None if the operation was withdrawn meanwhile. Raises ScheduleOver."""
        self._arrive(step)
        while not self._withdrawn():
            ready = wait([self._line, self._woken])
            if self._line not in ready:
                os.read(self._woken, 1)
                continue
            order: Order = self._line.recv()
            if order.action == "over":
                raise ScheduleOver
            self.is_open = order.action == "free"
            return order
        return None

    def receive(self, result: Any) -> None:
        """Remember what came of the operation; it is told with the next question."""
        self._received = result

    def rest(self) -> None:
        """Tell what was received last: nothing more is asked for until further notice."""
        if not self.is_open:
            self._arrive(None)

    def wake(self) -> None:
        """Let the gate look whether its operation was withdrawn; called from another thread."""
        os.write(self._wake, b"!")

    def _arrive(self, asks: Operation | None) -> None:
        self._line.send(Arrival(self._received, tuple(self._local), asks))
        self._received, self._local = None, []
