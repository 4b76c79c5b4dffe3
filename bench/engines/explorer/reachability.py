"""What can still be reached from a state: whether its endpoints can come to one further plan.

The question is asked of every state, so it is first asked of its parts. An enactor that goes on alone, while all others
stand still, does what its program says: where that gets all endpoints to the further plan, every state with this world
and this local state converges, whatever the others are doing. Leases that others hold run out meanwhile, where the
scope lets them. Only where no enactor manages alone every order of steps is searched, and only if none of them gets
there the property is broken.

One further plan is enough to ask about: a state in which the planner has more to publish leads to one where it did.
"""

from collections import deque
from collections.abc import Callable, Iterator

from leasebench.bench.engines.explorer.machine import Machine
from leasebench.bench.engines.explorer.properties import Property
from leasebench.bench.engines.explorer.search import StateGraph

MAX_ALONE = 100_000
"""Steps of one enactor alone; it comes to the plan, waits or goes round in a circle long before."""
State = tuple[int, tuple[int, ...]]


class Reachability:
    """What can still be reached, in one machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._alone: dict[tuple[Property, int, int, int], bool] = {}
        self._targets: dict[tuple[Property, int], int | None] = {}

    def first_failing(self, graph: StateGraph, asked: Property) -> int | None:
        """The place of the nearest state from which a further plan can't come into force; None if there is none.

        The further plan is the planner's for `converges`, an operator's for `rollback`.
        """
        layout = graph.packed.layout
        part, good = layout.part(0), set[int]()
        for place, state in enumerate(graph.states):
            if state & part in good:
                continue
            world, locals_ = layout.unpack(state)
            target = self._target(asked, world)
            if target is not None and self._manages(asked, 0, target, locals_[0]):
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
        if any(self._manages(asked, client, target, local) for client, local in enumerate(locals_)):
            return False
        return not self._reached(asked, self._search((target, locals_)))

    def _target(self, asked: Property, world: int) -> int | None:
        key = (asked, world)
        if key not in self._targets:
            machine = self._machine
            further: Callable[[int], int | None] = (
                machine.further if asked is Property.CONVERGES else machine.rolled_back
            )
            after = further(world)
            # To come to a plan nobody has to crash or lose a reply, and no bound of the scope is in the way.
            self._targets[key] = None if after is None else machine.unbounded(after)
        return self._targets[key]

    def _manages(self, asked: Property, client: int, world: int, local: int) -> bool:
        """Whether an enactor that goes on alone gets all endpoints to the newest plan."""
        way: dict[tuple[Property, int, int, int], None] = {}
        answer = False
        for _ in range(MAX_ALONE):
            key = (asked, client, world, local)
            if key in self._alone:
                answer = self._alone[key]
                break
            if key in way:
                break
            way[key] = None
            if self._in_force(asked, world):
                answer = True
                break
            move = self._machine.step(client, world, local)
            if move is None:
                over = self._machine.expiries(world)
                if not over:
                    break
                world = over[0].world
            else:
                world, local = move.world, move.local
        self._alone.update(dict.fromkeys(way, answer))
        return answer

    def _search(self, start: State) -> Iterator[State]:
        """All states that are reached while nothing more is published."""
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
            or any(self._manages(asked, client, world, local) for client, local in enumerate(locals_))
            for world, locals_ in states
        )

    def _in_force(self, asked: Property, world: int) -> bool:
        """Whether every endpoint is at the newest plan; an operator sees to one that resolves to nothing."""
        at = self._machine.worlds[world]
        mended = asked is Property.ROLLBACK
        return all(
            seen.version == at.newest or (mended and seen.version and not at.exists(seen.version))
            for seen in at.endpoints
        )
