"""A program kind: what acts in a trial, such as a planner, an enactor, an operator.

A kind is one folder of this room (or of another package, by the entry point `leasebench.enactors`) that exports
`PLUGIN`. It brings its settings, its activities, what its processes show of themselves while they run, and when they
have settled. The harness knows kinds by this face only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from leasebench.definitions import Definition
from leasebench.enactors.plan import Cell
from leasebench.leases.guard import Guard
from leasebench.leases.operations import Operation, Program

MAX_GAUGES = 64
"""How many gauges one kind may have."""
PUBLISHED = "published"
"""The gauge of a kind that publishes plans: the newest version that it published in its cell."""
COMMITS, STALE, RACED_APPLICATIONS = "commits", "stale", "raced_applications"
"""Gauges that a live view adds up over all kinds that have them."""
CHECKS = "checks"
"""A gauge: how many checks there were, and in its low ENDPOINT_BITS the number of the endpoint checked last."""
ENDPOINT_BITS = 16

Activities = Callable[[Any], Program[Any]]
"""Given what a program carries, its next activity."""


class Ends(StrEnum):
    """When the processes of a kind are told to stop."""

    WITH_THE_LOAD = "with the load"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class Assignment:
    """What one process is assigned: it is number `number` of the `count` processes of its kind in its cell.

    `settings` are the kind's own. `tries` is how often one application tries one endpoint; None for the kind's choice.
    """

    cell: Cell
    guard: Guard
    settings: Any
    number: int = 0
    count: int = 1
    tries: int | None = None


class Notebook(Protocol):
    """Sets the gauges of a process and records the spans that only its kind knows."""

    def show(self, gauge: str, value: int) -> None:
        """Set one of the kind's gauges; the supervisor may read it at any time."""
        ...

    def note(self, step: str, version: int, start_ns: int, *, complete: bool, due_ns: int = 0, seen: int = 0) -> None:
        """Record a span of several operations as one of its own, from `start_ns` until now.

        `due_ns` is when it was due; `version` and `seen` are numbers that the kind gives a meaning to.
        """
        ...

    def endpoint_number(self, endpoint: str) -> int:
        """Return the number of an endpoint of the cell, from 0."""
        ...


class Observer(Protocol):
    """Sees each operation of one process as it is done. It may not do any I/O but through its notebook."""

    def waiting(self, operation: Operation) -> None:
        """`operation` waits for something that is not there yet."""
        ...

    def performed(self, operation: Operation, result: Any, now_ns: int) -> None:
        """`operation` was done; its program is about to receive `result`."""
        ...

    def carried(self, state: Any) -> None:
        """An activity has ended, and its program carries `state` on."""
        ...


class NoObserver:
    """The observer of a kind that has no gauges."""

    def waiting(self, operation: Operation) -> None:
        """Nothing to show."""

    def performed(self, operation: Operation, result: Any, now_ns: int) -> None:
        """Nothing to show."""

    def carried(self, state: Any) -> None:
        """Nothing to show."""


@runtime_checkable
class ProgramKind(Protocol):
    """The face of every program kind.

    One whose processes apply plans, and end each application with `Finish`, also says `applies = True`: faults then
    count by applications, elsewhere by occurrences of the step that they name. One that says `steps`, those of its own
    operations, has a fault at any other step refused; those of its guard's lease manager need no mention.

    One whose work comes in open loop has a method `schedule(place)` that returns the `Arrivals` that `AwaitDue` goes
    by. One whose settings have to fit those of other kinds has a method `misfits(settings, others)`, which yields a
    Mistake, at a path in its own table, for each that does not. One that says `behind_endpoint = True` reaches a data
    store through an endpoint (`enactors.downstream`): its leases are there, and its stored procedures work there. One
    with a lease manager of its own, in place of the guard's, returns it from `lease_manager(place)`.
    """

    name: str
    about: str
    settings: type[Definition]
    """Its table in a scenario. A field `count` says how many processes there are in each cell."""
    single: bool
    """Whether there is one in each cell at most; it is then named as its kind, without a number."""
    ends: Ends
    gauges: tuple[str, ...]
    """What its processes show of themselves while they run, by name; at most MAX_GAUGES."""
    renews: bool
    """Whether its processes have a second program that renews the guard's leases."""

    def begin(self, place: Assignment) -> tuple[Activities, Any]:
        """Return the activities of one process, and what it carries at first."""
        ...

    def after_load(self, place: Assignment) -> Activities:
        """Return the activities once the load is over."""
        ...

    def observer(self, notebook: Notebook) -> Observer:
        """Return what watches the operations of one process."""
        ...

    def settled(self, gauge: Callable[[str], int], published: int) -> bool:
        """Tell from a process's gauges whether it has no more to do, with plan `published` the last one of its cell."""
        ...


def behind_endpoint(kind: ProgramKind) -> bool:
    """Tell whether the processes of a kind work on the data store behind an endpoint."""
    return bool(getattr(kind, "behind_endpoint", False))
