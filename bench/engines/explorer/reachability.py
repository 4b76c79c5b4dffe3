"""Reachability: whether one further plan can still come into force at all endpoints, from a given state.

The question is asked of every state, so it is first asked of parts of a state. One enactor runs alone while all others
stand still; leases that others hold expire meanwhile, where the scope lets them. If that brings all endpoints to the
further plan, then every state with this world and this local state converges, whatever the other enactors are about to
do: that they stand still is one of the possible orders. Only where no enactor converges alone is every order of steps
searched, and only if none of them gets there is the property broken.

One further plan is enough to ask about: a state in which the planner has more to publish leads to one where it did.
"""

from collections import deque
from collections.abc import Callable, Iterator

from leasebench.bench.engines.explorer.machine import Machine
from leasebench.bench.engines.explorer.properties import Property
from leasebench.bench.engines.explorer.search import StateGraph

MAX_ALONE = 100_000
"""Steps of one enactor alone. Long before, it has reached the plan, waits, or is back at a state where it was."""
State = tuple[int, tuple[int, ...]]


class Reachability:
    """What can still be reached in one machine; answers about parts of states are remembered."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._alone: dict[tuple[Property, int, int, int], bool] = {}
        self._targets: dict[tuple[Property, int], int | None] = {}

    def first_failing(self, graph: StateGraph, asked: Property) -> int | None:
        """The place of the nearest state from which a further plan can't come into force; None if it always can.

        The further plan is the planner's for `converges`, an operator's for `rollback`.
        """
        layout = graph.packed.layout
        part, good = layout.part(0), set[int]()
        for place, state in enumerate(graph.states):
            if state & part in good:
                continue
            world, locals_ = layout.unpack(state)
            target = self._target(asked, world)
            if target is not None and self._converges_alone(asked, 0, target, locals_[0]):
                good.add(state & part)
            elif self.fails(asked, (world, locals_)):
                return place
        return None

    def fails(self, asked: Property, state: State) -> bool:
        """Whether no order of steps brings all endpoints of this state to one further plan."""
        world, locals_ = state
        target = self._target(asked, world)
        if target is None:
            return True
        if any(self._converges_alone(asked, client, target, local) for client, local in enumerate(locals_)):
            return False
        return not self._reached(asked, self._search((target, locals_)))

    def _target(self, asked: Property, world: int) -> int | None:
        key = (asked, world)
        if key not in self._targets:
            machine = self._machine
            further: Callable[[int], int | None] = (
                machine.with_further_plan if asked is Property.CONVERGES else machine.with_rollback
            )
            after = further(world)
            # Nobody has to crash or lose a reply to reach a plan, and the scope's limit on grants must not prevent it.
            self._targets[key] = None if after is None else machine.without_limits(after)
        return self._targets[key]

    def _converges_alone(self, asked: Property, client: int, world: int, local: int) -> bool:
        """Whether one enactor, running alone, brings all endpoints to the newest plan."""
        path: dict[tuple[Property, int, int, int], None] = {}
        answer = False
        for _ in range(MAX_ALONE):
            key = (asked, client, world, local)
            if key in self._alone:
                answer = self._alone[key]
                break
            if key in path:
                break  # back where it was: it goes round in a circle
            path[key] = None
            if self._in_force(asked, world):
                answer = True
                break
            move = self._machine.step(client, world, local)
            if move is None:
                over = self._machine.expiries(world)
                if not over:
                    break  # it waits for what only another enactor can do
                world = over[0].world
            else:
                world, local = move.world, move.local
        self._alone.update(dict.fromkeys(path, answer))
        return answer

    def _search(self, start: State) -> Iterator[State]:
        """All states that can be reached while nothing more is published."""
        machine, met, waiting = self._machine, {start}, deque([start])
        while waiting:
            state = waiting.popleft()
            yield state
            world, locals_ = state
            after = [(move.world, locals_) for move in machine.expiries(world)]
            for client, local in enumerate(locals_):
                after += [
                    (move.world, (*locals_[:client], move.local, *locals_[client + 1 :]))
                    for move in machine.enactor_moves(client, world, local)
                ]
            new = dict.fromkeys(each for each in after if each not in met)
            met.update(new)
            waiting.extend(new)

    def _reached(self, asked: Property, states: Iterator[State]) -> bool:
        return any(
            self._in_force(asked, world)
            or any(self._converges_alone(asked, client, world, local) for client, local in enumerate(locals_))
            for world, locals_ in states
        )

    def _in_force(self, asked: Property, world: int) -> bool:
        """Whether every endpoint is at the newest plan; the operator of a rollback repairs one that dangles."""
        at = self._machine.worlds[world]
        repairs = asked is Property.ROLLBACK
        return all(
            seen.version == at.newest or (repairs and seen.version and not at.exists(seen.version))
            for seen in at.endpoints
        )
