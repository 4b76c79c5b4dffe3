"""Where a fault may act inside a process: at which operation, on which side of it, and how often."""

from collections.abc import Collection, Iterator
from random import Random
from typing import Annotated

from pydantic import AfterValidator, Field

from leasebench.bench.faults.fault import ProgramFault, Thread, Victim
from leasebench.definitions import nearest
from leasebench.enactors.operations import Finish
from leasebench.leases.guard import Guard
from leasebench.leases.operations import Operation
from leasebench.registry import plugins

AMONG = 4
"""The fault hits one of the first so many matching operations of an application, drawn at random."""
RENEW = "renew"
"""The step of a process's second program, which renews its lease."""
APART = (RENEW, "list", "delete")
"""Steps of an enactor that are no part of an application."""


def steps() -> set[str]:
    """The steps that a fault may name: those of every operation that a program kind or lease manager brings."""
    plugins("enactors")
    plugins("leases.managers")  # imported by now, and with them the operations that they define
    return {operation.step for operation in _below(Operation) if operation.step}


def steps_of(kind: str) -> set[str]:
    """The steps that a process of this program kind may take: all, if the kind does not say which.

    Which of them its guard's lease manager takes is not known here, so every step that is no program kind's counts.
    """
    program = plugins("enactors")[kind]
    own: Collection[str] | None = getattr(program, "steps", None)
    if own is None:
        return steps()
    leases = {one.step for one in _below(Operation) if one.step and one.__module__ != Finish.__module__}
    return {*own, *(leases if program.renews else ())}


def _below(operation: type[Operation]) -> Iterator[type[Operation]]:
    for each in operation.__subclasses__():
        yield each
        yield from _below(each)


def _known(step: str) -> str:
    known = steps()
    if step not in known:
        raise ValueError(nearest("operation", step, known))
    return step


Step = Annotated[str, AfterValidator(_known)]
"""An operation's name, as a scenario gives it."""


class StepFault(ProgramFault):
    """A fault at one side of an operation (`before` or `after`), once in every `every`-th application."""

    before: Step | None = None
    """The operation before which it acts."""
    after: Step | None = None
    """The operation after which it acts."""
    every: int = Field(default=1, ge=1)
    """In every so many applications."""

    @property
    def steps(self) -> Collection[str]:
        return [step for step in (self.before, self.after) if step is not None]

    def never_hits(self, guard: Guard) -> str | None:
        """A step of the lease is never taken where there is none, nor a renewal where nothing renews."""
        own = getattr(plugins("enactors")[self.program], "steps", None)
        of_lease = set() if own is None else set(self.steps) - set(own)
        if not of_lease:
            return None
        if guard.exclude is None:
            return f"it acts at the step {', '.join(sorted(of_lease))}, and without a lease there is none"
        return None if guard.renewed or RENEW not in of_lease else "it acts at a renewal, and nothing renews the lease"

    def trigger_in(self, victim: Victim, rng: Random) -> "Trigger | None":
        """When to act inside `victim`; None where the fault leaves that thread alone."""
        step = self.before or self.after
        kind = plugins("enactors")[victim.kind]
        # A kind without a second program renews, if at all, as its own work.
        thread = Thread.RENEWER if step == RENEW and kind.renews else Thread.WORKER
        if step is None or victim.thread is not thread:
            return None
        applies = getattr(kind, "applies", False)
        side = "before" if self.before else "after"
        return Trigger(side, step, self.every, rng, by_application=applies and step not in APART)


class Trigger:
    """Fires at one side (`before`, `after`) of one occurrence of `step`, in every `every`-th application.

    Which occurrence is drawn for each application, from as many as the one before had. A step that is no part of an
    application (a renewal, a clean-up, whatever a program kind does that applies no plans) is hit at about every
    `every`-th occurrence: after `every` at least, and less than twice as many.
    """

    def __init__(self, side: str, step: str, every: int, rng: Random, *, by_application: bool) -> None:
        self._side, self._step, self._every, self._rng = side, step, every, rng
        self._by_application = by_application
        self._applications = rng.randrange(every) if self._by_application else 0
        self._among = AMONG
        self._seen = 0
        self._skip = self._draw()
        self._fired = False

    def fires(self, side: str, operation: Operation) -> bool:
        """Tell whether to act here. To be asked at both sides of every operation."""
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
