"""Explore one guard in one scope: search, ask what can be reached, and say of each property whether it holds."""

import time
from dataclasses import dataclass, field
from typing import Any

from leasebench.bench.engines.explorer.machine import Machine
from leasebench.bench.engines.explorer.outlook import Outlook
from leasebench.bench.engines.explorer.properties import OF_A_STATE, Property
from leasebench.bench.engines.explorer.retrace import choices_to, trace_of
from leasebench.bench.engines.explorer.scope import Scope
from leasebench.bench.engines.explorer.search import Graph, Limits, search
from leasebench.bench.engines.explorer.trace import Trace
from leasebench.enactors.store.memory.memory_store import MemoryStore
from leasebench.leases.guard import Guard

OF_A_LEASE = (Property.DOUBLE_HOLD, Property.EXCLUSION)


@dataclass(frozen=True)
class Verdict:
    """Whether a property holds in the scope: None where that is not known, or where it says nothing, and why."""

    holds: bool | None
    trace: Trace | None = None
    says_nothing: str = ""

    @property
    def steps(self) -> int | None:
        """The length of the trace that breaks it: the shortest there is, if it was searched for breadth first."""
        return None if self.trace is None else len(self.trace.steps)


@dataclass(frozen=True)
class Exploration:
    """What came of exploring one guard. `gave_up` says why it is not exhaustive."""

    guard: str
    scope: Scope
    states: int
    transitions: int
    seconds: float
    gave_up: str | None
    verdicts: dict[Property, Verdict] = field(default_factory=dict)

    @property
    def exhaustive(self) -> bool:
        """Whether every order of steps in the scope was looked at."""
        return self.gave_up is None


def opaque(guard: Guard) -> str | None:
    """Why a guard can't be explored; None if it can."""
    return "not explorable: a third-party lock" if guard.library is not None else None


def explore(
    guard: Guard,
    scope: Scope,
    limits: Limits | None = None,
    only: Property | None = None,
    store: type[MemoryStore] = MemoryStore,
    *,
    plain: bool = False,
) -> Exploration:
    """Explore breadth first; with `only`, until that property is broken; with `plain`, as `programs` explains."""
    assert opaque(guard) is None
    began = time.perf_counter()
    machine = Machine(guard, scope, store, plain=plain)
    graph = search(machine, limits or Limits(), only)
    places: dict[Property, int | None] = dict(graph.broken)
    outlook = Outlook(machine)
    for each in OF_A_STATE:
        if each not in places and only in (None, each):
            places[each] = outlook.first_failing(graph, each)
    verdicts = {each: _verdict(graph, each, places, store) for each in Property if only in (None, each)}
    return Exploration(
        guard.name,
        scope,
        len(graph.states),
        graph.transitions,
        time.perf_counter() - began,
        graph.gave_up,
        verdicts,
    )


def no_question(guard: Guard, scope: Scope, asked: Property) -> str:
    """Why a property does not apply; an empty text if it does."""
    if asked in OF_A_LEASE and guard.exclude is None:
        return "no lease"
    if asked is Property.WEDGED and not scope.rollback:
        return "no rollback record"
    return ""


def _verdict(graph: Graph, asked: Property, places: dict[Property, int | None], store: Any) -> Verdict:
    machine = graph.packed.machine
    if why := no_question(machine.guard, machine.scope, asked):
        return Verdict(None, says_nothing=why)
    place = places.get(asked)
    if place is not None:
        step = asked if asked in graph.broken else None
        return Verdict(False, trace_of(machine, choices_to(graph, place, step), asked, store))
    return Verdict(True) if graph.gave_up is None else Verdict(None)
