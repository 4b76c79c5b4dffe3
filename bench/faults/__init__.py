"""One small file a fault; each exports `PLUGIN`.

A fault is a table in a scenario: its `kind` finds the plug-in, the other keys are validated by it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

from enactors.operations import Operation
from leases.definitions import Definition, DefinitionError, nearest, validate
from leases.registry import plugins


@dataclass(frozen=True, slots=True)
class Pause:
    """Stop the whole process (SIGSTOP) for `ms`."""

    ms: float


@dataclass(frozen=True, slots=True)
class Delay:
    """Sleep for `ms`; the process goes on running."""

    ms: float


Action = Pause | Delay
Boundary = Callable[[str, Operation], Action | None]
"""Called in the process before and after each operation (`before`, `after`); says what to do there."""


@dataclass(frozen=True, slots=True)
class Victim:
    """The process that a fault may strike: its name, its number among the enactors, and its guard's TTL."""

    process: str
    enactor: int
    ttl_ms: int


class Strike(Protocol):
    """One fault of a scenario, with its settings."""

    def boundary(self, victim: Victim, rng: Random) -> Boundary | None:
        """Return what the fault does inside `victim`; None if it leaves it alone."""
        ...

    def hit(self, seconds: float, action_ms: float, victim: Victim) -> bool:
        """Tell whether an action that asked for `action_ms` and lasted `seconds` did what the fault is for."""
        ...


class Fault(Protocol):
    """A kind of fault: its name, the colour in which plots shade it, and its settings."""

    name: str
    about: str
    colour: str
    settings: type[Definition]

    def available(self) -> str | None:
        """Return why the fault can't be had on this machine; None if it can."""
        ...


def parse_faults(tables: Sequence[dict[str, Any]], place: str, at: tuple[str, ...]) -> tuple[Strike, ...]:
    """Parse the fault tables of a scenario. Raises DefinitionError."""
    return tuple(_parse(table, place, (*at, str(index))) for index, table in enumerate(tables))


def _parse(table: Any, place: str, at: tuple[str, ...]) -> Strike:
    key = ".".join(at)
    if not isinstance(table, dict) or not isinstance(table.get("kind"), str):
        raise DefinitionError(f"{place}: {key}: must be a table with a kind")
    known = plugins("bench.faults")
    if table["kind"] not in known:
        raise DefinitionError(f"{place}: {key}.kind: {nearest('fault', table['kind'], known)}")
    settings = {name: value for name, value in table.items() if name != "kind"}
    strike: Strike = validate(known[table["kind"]].settings, settings, place, at)
    return strike
