"""Breadth-first search over packed states: the first state that breaks a property is one of the nearest.

A state is one int: the number of its world and those of its local states side by side. A move of an enactor depends on
the world and on its own local state only. So what a move adds to a state is looked up by these two parts of its int,
and a transition costs one `&`, one look-up and one `+`.
"""

import gc
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import psutil

from leasebench.bench.engines.explorer.machine import Machine, TableFull
from leasebench.bench.engines.explorer.properties import Property
from leasebench.bench.engines.explorer.states import Move

FIRST_BITS = 11
"""Parts begin narrow, as a set of ints finds its elements by their low bits, and are widened when they are full."""


@dataclass(frozen=True, slots=True)
class StateLayout:
    """How many bits each part of a state has: the world's lowest, then each local state's."""

    enactors: int
    world_bits: int
    local_bits: int

    def pack(self, world: int, locals_: tuple[int, ...]) -> int:
        """Put the parts together."""
        state = world
        for client, local in enumerate(locals_):
            state |= local << self.shift(client)
        return state

    def unpack(self, state: int) -> tuple[int, tuple[int, ...]]:
        """The world and the local states of a state."""
        locals_ = tuple(state >> self.shift(client) & self.local_mask for client in range(self.enactors))
        return state & self.world_mask, locals_

    def shift(self, client: int) -> int:
        """The first bit of the local state of an enactor."""
        return self.world_bits + client * self.local_bits

    @property
    def world_mask(self) -> int:
        """The bits of the world."""
        return (1 << self.world_bits) - 1

    @property
    def local_mask(self) -> int:
        """A mask of as many bits as a local state has."""
        return (1 << self.local_bits) - 1

    def part(self, client: int) -> int:
        """The bits that an enactor's moves depend on."""
        return self.world_mask | self.local_mask << self.shift(client)

    def holds(self, machine: Machine) -> bool:
        """Whether all worlds and local states that there are by now have room."""
        return len(machine.worlds) <= 1 << self.world_bits and len(machine.locals) <= 1 << self.local_bits

    def widened(self, machine: Machine) -> "StateLayout":
        """A layout with room for twice as many as there are by now."""
        world_bits = max(self.world_bits, (2 * len(machine.worlds)).bit_length())
        return StateLayout(self.enactors, world_bits, max(self.local_bits, (2 * len(machine.locals)).bit_length()))


class LayoutOutgrown(Exception):
    """A part of the state has become too narrow: what was packed so far has to be packed again."""


class MoveTable(dict[int, tuple[int, ...]]):
    """What the moves of one mover add to a state, by the part of the state on which they depend."""

    def __init__(self, work_out: Callable[[int], tuple[int, ...]]) -> None:
        self._work_out = work_out

    def __missing__(self, part: int) -> tuple[int, ...]:
        sums = self[part] = self._work_out(part)
        return sums


class PackedMoves:
    """The moves of a machine in one layout.

    `broken` collects the properties that moves break, at the time when those moves are first worked out. That is soon
    enough: a breadth-first search meets each part of a state first in one of the nearest states that have it.
    """

    def __init__(self, machine: Machine, layout: StateLayout) -> None:
        self.machine, self.layout = machine, layout
        self.broken: list[Property] = []
        self.movers = [(MoveTable(self._shared), layout.world_mask)]
        """Moves, and the bits that they depend on: first the planner's and the environment's, then each enactor's."""
        self.movers += [
            (MoveTable(partial(self._own, client)), layout.part(client)) for client in range(layout.enactors)
        ]
        self.start = layout.pack(machine.start, machine.roots)
        self._swapped: dict[tuple[int, tuple[int, ...]], int] = {}
        self.canonical = self._canonical_of()

    def _shared(self, world: int) -> tuple[int, ...]:
        moves = self.machine.planner_moves(world) + self.machine.expiries(world)
        return self._sums(moves, lambda move: move.world - world)

    def _own(self, client: int, part: int) -> tuple[int, ...]:
        layout = self.layout
        world, locals_ = layout.unpack(part)
        local, shift = locals_[client], layout.shift(client)
        moves = self.machine.enactor_moves(client, world, local)
        return self._sums(moves, lambda move: move.world - world + (move.local - local << shift))

    def _sums(self, moves: list[Move], sum_of: Callable[[Move], int]) -> tuple[int, ...]:
        if not self.layout.holds(self.machine):
            raise LayoutOutgrown
        for move in moves:
            self.broken += move.breaks
        return tuple(map(sum_of, moves))

    def _canonical_of(self) -> Callable[[int], int]:
        """A function from a state to the representative of all states that differ by the names of equal enactors."""
        roots = self.machine.roots
        if not self.machine.scope.symmetry or len(set(roots)) == len(roots):
            return lambda state: state
        if len(roots) == 2:
            return self._sort_two()
        return self._sort

    def _sort_two(self) -> Callable[[int], int]:
        layout = self.layout
        first, second, mask = layout.shift(0), layout.shift(1), layout.local_mask
        world_mask, exchange = layout.world_mask, (1 << first) - (1 << second)
        swapped = MoveTable(lambda world: (self._renamed(world, (1, 0)) - world,))

        def sort_two(state: int) -> int:
            ahead = (state >> first & mask) - (state >> second)
            if ahead > 0:
                return state - ahead * exchange + swapped[state & world_mask][0]
            if ahead == 0 and swapped[state & world_mask][0] < 0:
                return state + swapped[state & world_mask][0]
            return state

        return sort_two

    def _sort(self, state: int) -> int:
        world, locals_ = self.layout.unpack(state)
        roots = self.machine.roots
        order = tuple(sorted(range(len(roots)), key=lambda client: (roots[client], locals_[client])))
        if order == tuple(range(len(roots))):
            return state
        return self.layout.pack(self._renamed(world, order), tuple(locals_[client] for client in order))

    def _renamed(self, world: int, order: tuple[int, ...]) -> int:
        known = self._swapped.get((world, order))
        if known is None:
            worlds = self.machine.worlds
            known = self._swapped[world, order] = worlds.number(worlds[world].permuted(order))
            if not self.layout.holds(self.machine):
                raise LayoutOutgrown
        return known


CHECK_EVERY = 1 << 12
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
        path = [self.states[place]]
        while place:
            place = self.parents[place]
            path.append(self.states[place])
        return path[::-1]


def search(machine: Machine, limits: Limits, until: Property | None = None, first_bits: int = FIRST_BITS) -> StateGraph:
    """Search to the end, to a limit, or until property `until` is broken; parts of states begin with `first_bits`."""
    packed = PackedMoves(machine, StateLayout(len(machine.roots), first_bits, first_bits))
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
    """Search on from the state at `place`. This is the hot loop: the only objects that it makes are states."""
    packed, states, parents = graph.packed, graph.states, graph.parents
    movers, canonical, broken = packed.movers, packed.canonical, packed.broken
    seen = set(states)
    add, append, append_parent = seen.add, states.append, parents.append
    transitions, counted, check_at = 0, 0, min(CHECK_EVERY, limits.states)
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
            if len(states) > check_at:
                check_at = min(len(states) + CHECK_EVERY, limits.states)
                graph.gave_up = limits.exceeded(len(states))
                if graph.gave_up:
                    return
    except LayoutOutgrown:
        transitions = counted  # what this state leads to is counted when it is looked at again
        raise LayoutOutgrown(place) from None
    finally:
        graph.transitions += transitions


def _repack(graph: StateGraph) -> None:
    """Give the parts of every state more room."""
    old, machine = graph.packed.layout, graph.packed.machine
    layout = old.widened(machine)
    graph.states[:] = [layout.pack(*old.unpack(state)) for state in graph.states]
    graph.packed = PackedMoves(machine, layout)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Switch the cycle collector off: it would visit millions of ints, which refer to nothing."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
