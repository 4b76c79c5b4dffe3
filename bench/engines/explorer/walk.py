"""Random walks, for scopes that are too large to search: what they break is broken, of the rest nothing is known."""

import time
from random import Random

from leasebench.bench.engines.explorer.counterexample import trace_of
from leasebench.bench.engines.explorer.exploration import Answer, Exploration, why_not_applicable
from leasebench.bench.engines.explorer.machine import Machine
from leasebench.bench.engines.explorer.moves import Choice, Move
from leasebench.bench.engines.explorer.properties import OF_A_STATE, Property
from leasebench.bench.engines.explorer.reachability import Reachability, State
from leasebench.bench.engines.explorer.scope import ExplorationScope
from leasebench.enactors.store.memory.memory_store import MemoryStore
from leasebench.leases.guard import Guard

MAX_WALK_STEPS = 300
"""Of one walk; it ends sooner where nothing more can happen."""


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
    """Go `walks` random ways, drawn from `seed`. The traces are the shortest that were met, not the shortest there are.

    What can still be reached is asked where a walk ends.
    """
    began = time.perf_counter()
    machine, rng = Machine(guard, scope, store, plain=plain), Random(seed)
    reachability, moves_of = Reachability(machine), _MoveCache(machine)
    met: set[State] = set()
    shortest: dict[Property, list[Choice]] = {}
    steps = 0
    for _ in range(walks):
        state, way = (machine.start, machine.roots), list[Choice]()
        for _ in range(MAX_WALK_STEPS):
            met.add(state)
            moves = moves_of.state(state)
            if not moves:
                break
            move, state = moves[rng.randrange(len(moves))]
            way.append(move.choice)
            steps += 1
            for flaw in move.breaks:
                _keep(shortest, flaw, way)
        for each in OF_A_STATE:
            if reachability.fails(each, state):
                _keep(shortest, each, way)
    answers = {}
    for each in Property:
        if only in (None, each):
            found = shortest.get(each)
            why = why_not_applicable(guard, scope, each)
            answers[each] = (
                Answer(False, trace_of(machine, found, each, store)) if found else Answer(None, not_applicable=why)
            )
    gave_up = f"{walks:,} random walks (seed {seed}) prove nothing"
    return Exploration(guard.name, scope, len(met), steps, time.perf_counter() - began, gave_up, answers)


def _keep(shortest: dict[Property, list[Choice]], flaw: Property, way: list[Choice]) -> None:
    if flaw not in shortest or len(way) < len(shortest[flaw]):
        shortest[flaw] = list(way)


class _MoveCache:
    """The moves from a state, those of each part worked out once."""

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
