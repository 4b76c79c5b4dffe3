"""Breadth-first search of all that can happen: the first state that breaks a property is one of the nearest."""

import gc
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

from leasebench.bench.engines.explorer.interned import TableFull
from leasebench.bench.engines.explorer.machine import Machine
from leasebench.bench.engines.explorer.packed import LayoutOutgrown, PackedMoves, StateLayout
from leasebench.bench.engines.explorer.properties import Property

LOOK_EVERY = 1 << 12
"""New states between two looks at how much memory is in use."""
MAX_STATES = (1 << 32) - 1
"""Parents are kept as 32-bit numbers."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a search gives up."""

    memory_bytes: int = 4 << 30
    states: int = MAX_STATES

    def exceeded(self, states: int) -> str | None:
        """Why to give up at so many states; None if there is room for more."""
        used = psutil.Process().memory_info().rss
        if states <= self.states and used <= self.memory_bytes:
            return None
        return f"gave up at {states:,} states and {used / (1 << 30):.2f} GB"


@dataclass
class StateGraph:
    """What a search found: every state in the order of its distance from the start, and where it was reached from.

    `broken` names for each property that a step breaks the state (by its place) in which that step is possible.
    `gave_up` says why the search did not get to its end.
    """

    packed: PackedMoves
    states: list[int]
    parents: "array[int]"
    transitions: int = 0
    broken: dict[Property, int] = field(default_factory=dict)
    gave_up: str | None = None

    def note(self, place: int) -> bool:
        """Note which properties were found to be broken by a step from the state at `place`."""
        for each in self.packed.broken:
            self.broken.setdefault(each, place)
        self.packed.broken.clear()
        return True

    def path_to(self, place: int) -> list[int]:
        """The states from the start to `place`."""
        way = [self.states[place]]
        while place:
            place = self.parents[place]
            way.append(self.states[place])
        return way[::-1]


def search(machine: Machine, limits: Limits, until: Property | None = None) -> StateGraph:
    """Search to the end, to a limit, or until property `until` is broken."""
    packed = PackedMoves(machine, StateLayout(len(machine.roots)))
    graph = StateGraph(packed, [packed.start], array("I", [0]))
    place = 0
    with _without_collector():
        while True:
            try:
                _go_on(graph, place, limits, until)
            except LayoutOutgrown as grown:
                place = grown.args[0]
                _repack(graph)
            except TableFull:
                graph.gave_up = "more worlds or local states than there are numbers for"
                return graph
            else:
                return graph


def _go_on(graph: StateGraph, place: int, limits: Limits, until: Property | None) -> None:
    """Search on from the state at `place`. This is the hot loop: it makes no object but the states."""
    packed, states, parents = graph.packed, graph.states, graph.parents
    movers, canonical, broken = packed.movers, packed.canonical, packed.broken
    seen = set(states)
    add, append, append_parent = seen.add, states.append, parents.append
    transitions, counted, look_at = 0, 0, min(LOOK_EVERY, limits.states)
    try:
        while place < len(states):
            state, counted = states[place], transitions
            for moves, part in movers:
                sums = moves[state & part]
                transitions += len(sums)
                for each in sums:
                    after = canonical(state + each)
                    if after not in seen:
                        add(after)
                        append(after)
                        append_parent(place)
            if broken and graph.note(place) and until in graph.broken:
                graph.gave_up = f"stopped where {until} was broken"
                return
            place += 1
            if len(states) > look_at:
                look_at = min(len(states) + LOOK_EVERY, limits.states)
                graph.gave_up = limits.exceeded(len(states))
                if graph.gave_up:
                    return
    except LayoutOutgrown:
        transitions = counted  # what this state leads to is counted when it is looked at again
        raise LayoutOutgrown(place) from None
    finally:
        graph.transitions += transitions


def _repack(graph: StateGraph) -> None:
    """Give every part of a state more room."""
    old, machine = graph.packed.layout, graph.packed.machine
    layout = old.widened(machine)
    graph.states[:] = [layout.pack(*old.unpack(state)) for state in graph.states]
    graph.packed = PackedMoves(machine, layout)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Ints hold nothing, so the collector of cycles would look at millions of them for nothing."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
