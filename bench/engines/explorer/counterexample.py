"""From the states of a shortest way to what was chosen at each, and from there to a trace of what really happens.

The search merges states that differ by the names of equal enactors, so the states along a way are not those of one run.
The way is gone again under the true names: at each state there is a move whose outcome is the next one by another name.
"""

from collections.abc import Iterable

from leasebench.bench.engines.explorer.concrete_run import ConcreteRun
from leasebench.bench.engines.explorer.machine import LOCAL_BITS, WORLD_BITS, Machine
from leasebench.bench.engines.explorer.moves import Choice
from leasebench.bench.engines.explorer.packed import PackedMoves, StateLayout
from leasebench.bench.engines.explorer.properties import Property
from leasebench.bench.engines.explorer.search import StateGraph
from leasebench.bench.engines.explorer.trace import Trace, guard_table
from leasebench.enactors.store.memory.memory_store import MemoryStore


def choices_to(graph: StateGraph, place: int, breaking: Property | None) -> list[Choice]:
    """What was chosen on a shortest way to the state at `place`, and there the step that breaks `breaking`."""
    machine, old = graph.packed.machine, graph.packed.layout
    wide = StateLayout(len(machine.roots), WORLD_BITS, LOCAL_BITS)  # renamed worlds are new ones, and need room
    packed = PackedMoves(machine, wide)
    world, locals_ = machine.start, machine.roots
    chosen = []
    for state in graph.path_to(place)[1:]:
        wanted = packed.canonical(wide.pack(*old.unpack(state)))
        for move, next_world, next_locals in machine.moves(world, locals_):
            if packed.canonical(wide.pack(next_world, next_locals)) == wanted:
                chosen.append(move.choice)
                world, locals_ = next_world, next_locals
                break
        else:
            raise AssertionError("a state has no move to the one that it was found to lead to")
    if breaking is not None:
        last = next(move for move, _, _ in machine.moves(world, locals_) if breaking in move.breaks)
        chosen.append(last.choice)
    return chosen


def trace_of(
    machine: Machine, choices: Iterable[Choice], property_: Property, store: type[MemoryStore] = MemoryStore
) -> Trace:
    """Go through `choices` with live programs and one cell, and write down what happens."""
    scene = ConcreteRun(machine.guard, machine.scope, store)
    return Trace(
        guard=machine.guard.name,
        table=guard_table(machine.guard),
        scope=machine.scope,
        property=property_,
        steps=[scene.take(choice) for choice in choices],
    )
