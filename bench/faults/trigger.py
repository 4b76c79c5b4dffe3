"""Where a fault may strike inside a process: which operation, on which side of it, and how often."""

from enum import StrEnum
from random import Random

from leasebench.bench.faults.fault import Thread, Victim
from leasebench.enactors.operations import Finish
from leasebench.leases.operations import Operation

AMONG = 4
"""Which of the first so many matching operations of an application is struck is drawn."""


class Step(StrEnum):
    """An operation's name, as a scenario gives it."""

    DISCOVER = "discover"
    ACQUIRE = "acquire"
    CHECK = "check"
    WORK = "work"
    COMMIT = "commit"
    RELEASE = "release"
    RENEW = "renew"
    VALIDATE = "validate"
    LIST = "list"
    DELETE = "delete"


def trigger_in(victim: Victim, rng: Random, before: Step | None, after: Step | None, every: int) -> "Trigger | None":
    """The trigger of a fault before or after a step of `victim`; None where it leaves that thread alone."""
    step = before or after
    thread = Thread.RENEWER if step is Step.RENEW else Thread.WORKER
    if step is None or victim.thread is not thread:
        return None
    return Trigger("before" if before else "after", step, every, rng)


class Trigger:
    """Fires at one side (`before`, `after`) of one occurrence of `step`, in every `every`-th application.

    Which occurrence is drawn for each application, from as many as the one before had. A renewal and a clean-up are no
    part of an application: there every `every`-th occurrence is struck, with as much drawn on top.
    """

    def __init__(self, side: str, step: Step, every: int, rng: Random) -> None:
        self._side, self._step, self._every, self._rng = side, step, every, rng
        self._by_application = step not in (Step.RENEW, Step.LIST, Step.DELETE)
        self._applications = rng.randrange(every) if self._by_application else 0
        self._among = AMONG
        self._seen = 0
        self._skip = self._draw()
        self._fired = False

    def fires(self, side: str, operation: Operation) -> bool:
        """Tell whether to strike here. To be asked at both sides of every operation."""
        if side != self._side:
            return False
        if isinstance(operation, Finish) and self._by_application:
            self._applications += 1
            self._among, self._seen = min(max(self._seen, 1), AMONG), 0
            self._skip, self._fired = self._draw(), False
            return False
        if operation.step != self._step:
            return False
        self._seen += 1
        if self._fired or self._applications % self._every:
            return False
        if self._skip:
            self._skip -= 1
            return False
        if self._by_application:
            self._fired = True
        else:
            self._skip = self._draw()
        return True

    def _draw(self) -> int:
        if self._by_application:
            return self._rng.randrange(self._among)
        return self._every - 1 + self._rng.randrange(self._every)
