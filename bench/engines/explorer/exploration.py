"""Explore one guard in one scope, and answer for each property whether it holds.

`explore` searches every order of steps, so that "holds" is a proof within the scope. `walk` takes random paths, where a
scope is too large to search: what it finds broken is broken, and of the rest nothing is known.
"""

import time
from dataclasses import dataclass, field
from random import Random
from typing import Any

from leasebench.bench.engines.explorer.counterexample import choices_to, trace_of
from leasebench.bench.engines.explorer.machine import Machine
from leasebench.bench.engines.explorer.properties import STATE_PROPERTIES, Property
from leasebench.bench.engines.explorer.reachability import Reachability, State
from leasebench.bench.engines.explorer.scope import ExplorationScope
from leasebench.bench.engines.explorer.search import Limits, StateGraph, search
from leasebench.bench.engines.explorer.states import Choice, Move
from leasebench.bench.engines.explorer.trace import Trace
from leasebench.enactors.store.memory.memory_store import MemoryStore
from leasebench.leases.guard import Guard

LEASE_PROPERTIES = (Property.DOUBLE_HOLD, Property.EXCLUSION)


@dataclass(frozen=True)
class PropertyAnswer:
    """Whether a property holds in the scope; None where that is not known, or where the property does not apply."""

    holds: bool | None
    trace: Trace | None = None
    not_applicable: str = ""

    @property
    def steps(self) -> int | None:
        """The length of the trace that breaks it. After a search no other trace is shorter."""
        return None if self.trace is None else len(self.trace.steps)


@dataclass(frozen=True)
class Exploration:
    """What came of exploring one guard. `gave_up` says why it is not exhaustive."""

    guard: str
    scope: ExplorationScope
    states: int
    transitions: int
    seconds: float
    gave_up: str | None
    answers: dict[Property, PropertyAnswer] = field(default_factory=dict)

    @property
    def exhaustive(self) -> bool:
        """Whether every order of steps in the scope was looked at."""
        return self.gave_up is None


def not_explorable(guard: Guard) -> str | None:
    """Why a guard can't be explored; None if it can."""
    return "not explorable: a third-party lock" if guard.library is not None else None


def explore(
    guard: Guard,
    scope: ExplorationScope,
    limits: Limits | None = None,
    only: Property | None = None,
    store: type[MemoryStore] = MemoryStore,
    *,
    plain: bool = False,
) -> Exploration:
    """Explore breadth first; with `only`, until that property is broken; with `plain`, as `programs` explains."""
    assert not_explorable(guard) is None
    began = time.perf_counter()
    machine = Machine(guard, scope, store, plain=plain)
    graph = search(machine, limits or Limits(), only)
    places: dict[Property, int | None] = dict(graph.broken)
    reachability = Reachability(machine)
    for each in STATE_PROPERTIES:
        if each not in places and only in (None, each):
            places[each] = reachability.first_failing(graph, each)
    answers = {each: _answer(graph, each, places, store) for each in Property if only in (None, each)}
    return Exploration(
        guard.name,
        scope,
        len(graph.states),
        graph.transitions,
        time.perf_counter() - began,
        graph.gave_up,
        answers,
    )


def why_not_applicable(guard: Guard, scope: ExplorationScope, asked: Property) -> str:
    """Why a property does not apply; an empty text if it does."""
    if asked in LEASE_PROPERTIES and guard.exclude is None:
        return "no lease"
    if asked is Property.WEDGED and not scope.rollback:
        return "no rollback record"
    return ""


def _answer(graph: StateGraph, asked: Property, places: dict[Property, int | None], store: Any) -> PropertyAnswer:
    machine = graph.packed.machine
    if why := why_not_applicable(machine.guard, machine.scope, asked):
        return PropertyAnswer(None, not_applicable=why)
    place = places.get(asked)
    if place is not None:
        step = asked if asked in graph.broken else None
        return PropertyAnswer(False, trace_of(machine, choices_to(graph, place, step), asked, store))
    return PropertyAnswer(True) if graph.gave_up is None else PropertyAnswer(None)


MAX_WALK_STEPS = 300
"""The length of one random walk; it ends sooner if no step is left."""


def walk(
    guard: Guard,
    scope: ExplorationScope,
    walks: int,
    seed: int,
    only: Property | None = None,
    store: type[MemoryStore] = MemoryStore,
    *,
    plain: bool = False,
) -> Exploration:
    """Take `walks` random paths, drawn from `seed`. Traces are the shortest that were met, not the shortest there are.

    The properties of a state are checked where each walk ends.
    """
    began = time.perf_counter()
    machine, rng = Machine(guard, scope, store, plain=plain), Random(seed)
    reachability, moves_of = Reachability(machine), _MoveCache(machine)
    met: set[State] = set()
    shortest: dict[Property, list[Choice]] = {}
    steps = 0
    for _ in range(walks):
        state, choices = (machine.start, machine.roots), list[Choice]()
        for _ in range(MAX_WALK_STEPS):
            met.add(state)
            moves = moves_of.state(state)
            if not moves:
                break
            move, state = moves[rng.randrange(len(moves))]
            choices.append(move.choice)
            steps += 1
            for broken in move.breaks:
                _keep(shortest, broken, choices)
        for each in STATE_PROPERTIES:
            if reachability.fails(each, state):
                _keep(shortest, each, choices)
    answers = {}
    for each in Property:
        if only in (None, each):
            found = shortest.get(each)
            why = why_not_applicable(guard, scope, each)
            answers[each] = (
                PropertyAnswer(False, trace_of(machine, found, each, store))
                if found
                else PropertyAnswer(None, not_applicable=why)
            )
    gave_up = f"{walks:,} random walks (seed {seed}) prove nothing"
    return Exploration(guard.name, scope, len(met), steps, time.perf_counter() - began, gave_up, answers)


def _keep(shortest: dict[Property, list[Choice]], broken: Property, choices: list[Choice]) -> None:
    if broken not in shortest or len(choices) < len(shortest[broken]):
        shortest[broken] = list(choices)


class _MoveCache:
    """The moves from a state; those of each part of it are worked out once."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._shared: dict[int, list[Move]] = {}
        self._own: dict[tuple[int, int, int], list[Move]] = {}

    def state(self, state: State) -> list[tuple[Move, State]]:
        world, locals_ = state
        if world not in self._shared:
            self._shared[world] = self._machine.planner_moves(world) + self._machine.expiries(world)
        found: list[tuple[Move, State]] = [(move, (move.world, locals_)) for move in self._shared[world]]
        for client, local in enumerate(locals_):
            key = (client, world, local)
            if key not in self._own:
                self._own[key] = self._machine.enactor_moves(*key)
            found += [
                (move, (move.world, (*locals_[:client], move.local, *locals_[client + 1 :]))) for move in self._own[key]
            ]
        return found
