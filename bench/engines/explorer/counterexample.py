"""Counterexamples: from a state that a search found to a trace of what really happens, and the replay of a trace.

A search merges states that differ by the names of equal enactors, so the states along a shortest path are not those of
one run. `choices_to` goes along the path again under the true names: at each state there is a move to a state that is
the next one of the path under other names. `trace_of` then lets live programs make these choices over one cell, so that
a trace never rests on the merged states: it is a run that happened. `replay` makes it happen again, and compares.
"""

from collections.abc import Iterable
from typing import Any

from leasebench.bench.engines.explorer.concrete_run import ConcreteRun, Impossible
from leasebench.bench.engines.explorer.machine import LOCAL_BITS, WORLD_BITS, Machine
from leasebench.bench.engines.explorer.properties import STATE_PROPERTIES, Property
from leasebench.bench.engines.explorer.reachability import Reachability
from leasebench.bench.engines.explorer.search import PackedMoves, StateGraph, StateLayout
from leasebench.bench.engines.explorer.states import Choice
from leasebench.bench.engines.explorer.trace import Trace, TraceStep
from leasebench.definitions import DefinitionError
from leasebench.enactors.store.memory.memory_store import MemoryStore


def choices_to(graph: StateGraph, place: int, breaking: Property | None) -> list[Choice]:
    """The choices on a shortest path to the state at `place`, and the step from there that breaks `breaking`."""
    machine, old = graph.packed.machine, graph.packed.layout
    wide = StateLayout(len(machine.roots), WORLD_BITS, LOCAL_BITS)  # renamed worlds are new ones, and need room
    packed = PackedMoves(machine, wide)
    world, locals_ = machine.start, machine.roots
    choices = []
    for state in graph.path_to(place)[1:]:
        wanted = packed.canonical(wide.pack(*old.unpack(state)))
        for move, next_world, next_locals in machine.moves(world, locals_):
            if packed.canonical(wide.pack(next_world, next_locals)) == wanted:
                choices.append(move.choice)
                world, locals_ = next_world, next_locals
                break
        else:
            raise AssertionError("a state has no move to the one that it was found to lead to")
    if breaking is not None:
        last = next(move for move, _, _ in machine.moves(world, locals_) if breaking in move.breaks)
        choices.append(last.choice)
    return choices


def trace_of(
    machine: Machine, choices: Iterable[Choice], property_: Property, store: type[MemoryStore] = MemoryStore
) -> Trace:
    """Make `choices` with live programs and one cell, and record what happens."""
    run = ConcreteRun(machine.guard, machine.scope, store)
    return Trace(
        guard=machine.guard,
        scope=machine.scope,
        property=property_,
        steps=[run.take(choice) for choice in choices],
    )


COMPARED = ("operation", "result", "local", "in_force", "plans", "breaks")


def replay(trace: Trace, place: str) -> list[TraceStep]:
    """Replay a trace that was read from `place`. Returns its steps as they happened this time.

    Raises DefinitionError at the first step that can't happen or has another outcome, and if the last step does not
    break the property.
    """
    run = ConcreteRun(trace.guard, trace.scope)
    steps = []
    for recorded in trace.steps:
        at = f"{place}: step {recorded.step}: "
        try:
            step = run.take(recorded.choice)
        except Impossible as error:
            raise DefinitionError(f"{at}{recorded.actor} {recorded.action}: {error}: {_ADVICE}") from error
        for name in COMPARED:
            was, now = getattr(recorded, name), getattr(step, name)
            if was != now:
                raise DefinitionError(f"{at}{name} was {_short(was)} and is now {_short(now)}: {_ADVICE}")
        steps.append(step)
    if not _broken(trace, steps, Machine(trace.guard, trace.scope)):
        raise DefinitionError(f"{place}: its last step does not break {trace.property}: {_ADVICE}")
    return steps


_ADVICE = "record it again with leasebench explore --trace DIR"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 200 else text[:200] + "..."


def _broken(trace: Trace, steps: list[TraceStep], machine: Machine) -> bool:
    """Whether the trace breaks its property at its end: by its last step, or by what can't be reached from there."""
    if steps and trace.property in steps[-1].breaks:
        return True
    if trace.property not in STATE_PROPERTIES:
        return False
    world, locals_ = machine.start, machine.roots
    for step in steps:
        after = {move.choice: state for move, *state in machine.moves(world, locals_)}
        world, locals_ = after[step.choice]  # type: ignore[assignment]
    return Reachability(machine).fails(trace.property, (world, locals_))
