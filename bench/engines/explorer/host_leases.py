"""Every order of steps of workers that keep one host's lease, and of launches there, behind an endpoint.

Workers and launcher are live programs over the store in memory, one operation a step. Beside them anything may happen
at any time: the lease expires, the record is emptied or repaired, or is not used any longer by one that looked it up, a
process dies and begins anew, a request or its reply is lost. A token is only ever compared, so each grant gets the
lowest number that nobody can name: with that there are few states, and all of them are looked at.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, NamedTuple

from leasebench.bench.engines.explorer.host_worker import (
    HOST,
    HostBelief,
    LaunchBelief,
    LaunchUnlooked,
    OneHost,
    grant_of,
    launch_on_host,
    token_of,
)
from leasebench.bench.engines.explorer.programs import Programs
from leasebench.enactors.downstream.launches.program import Launch
from leasebench.enactors.downstream.operations import Reach
from leasebench.enactors.kind import Activities
from leasebench.enactors.plan import Cell
from leasebench.enactors.store.memory.memory_cell import Grant, MemoryCell
from leasebench.enactors.store.memory.memory_store import MemoryStore
from leasebench.enactors.store.performing import perform
from leasebench.leases.operations import Operation
from leasebench.leases.outcome import UNKNOWN, Done

MAX_STATES = 1_000_000
NOTICED_WITHIN = 12
"""Steps of a worker alone, with the record there, within which it has to have noticed: more than two rounds."""
STEP, UNSENT, UNANSWERED, DEATH, FORGET = "step", "unsent", "unanswered", "death", "forget"
EXPIRE, EMPTY, REPAIR = "expire", "empty", "repair"
HARMLESS = (STEP, EXPIRE, REPAIR, FORGET)
"""By these alone it has to be possible that the lease is held again."""


class HostProperty(StrEnum):
    """The properties of host leases.

    - `foreign_launch`: nothing is launched on a host whose lease has become another's, or nobody's.
    - `loss_noticed`: from every reachable state, a worker that believes in a lease that it lost gives it up after a few
      steps of its own, once it can reach the store.
    - `held_again`: from every reachable state, the host's lease can be held again by a worker that knows of it.
    """

    FOREIGN_LAUNCH = "foreign_launch"
    LOSS_NOTICED = "loss_noticed"
    HELD_AGAIN = "held_again"


class HostChoice(NamedTuple):
    """What happens next: `what` of a process, by its place, or of the environment (-1)."""

    what: str
    process: int = -1
    name: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.what}" if self.name else self.what


class HostState(NamedTuple):
    """One state: the number of the grant that has the lease (0: none), whether there is a record, the programs."""

    holder: int
    record: bool
    positions: tuple[int, ...]


class HostMove(NamedTuple):
    """One move: what was chosen, where it leads, and whether it was a launch under a lease that did not stand."""

    choice: HostChoice
    after: HostState
    foreign: bool = False


@dataclass(frozen=True, slots=True)
class HostExploration:
    """What came of it. `broken` has, for each property that does not hold, a shortest way to where it breaks."""

    states: int
    transitions: int
    broken: dict[HostProperty, tuple[HostChoice, ...]]


class TooManyStates(RuntimeError):
    """The search reached MAX_STATES: nothing is proven."""


class HostMoves:
    """The moves of `workers` equal workers and of one launcher."""

    def __init__(self, worker: OneHost, workers: int, launches: Activities = launch_on_host) -> None:
        # What a process has received tells its positions apart: nothing is asked of the interpreter.
        self.programs = Programs(plain=True)
        kept, _ = self.programs.add(worker.next_activity, HostBelief())
        launching, _ = self.programs.add(launches, LaunchBelief())
        self._roots = (kept,) * workers + (launching,)
        self.names = (*(f"worker-{number}" for number in range(workers)), "launcher")
        self.start = HostState(0, record=True, positions=self._roots)

    def moves(self, state: HostState) -> Iterator[HostMove]:
        """Every move from a state."""
        if state.holder:
            yield HostMove(HostChoice(EXPIRE), state._replace(holder=0))
        yield HostMove(HostChoice(EMPTY if state.record else REPAIR), state._replace(record=not state.record))
        for process, position in enumerate(state.positions):
            at = self.programs.positions[position]
            yield self.step(state, process)
            if not isinstance(at.asks, Reach):
                yield HostMove(self._choice(UNSENT, process), self._resumed(state, process, state.holder, UNKNOWN))
                done = self._performed(state, process)
                after = self._resumed(state, process, done.holder, UNKNOWN)
                yield HostMove(self._choice(UNANSWERED, process), after, done.foreign)
            if at.carried.reached and position == self.programs.carrying(position, at.carried):
                forgetful = self.programs.carrying(position, replace(at.carried, reached=False))
                yield HostMove(self._choice(FORGET, process), self._at(state, process, forgetful, state.holder))
            if position != self._roots[process]:
                dead = self._at(state, process, self._roots[process], state.holder)
                yield HostMove(self._choice(DEATH, process), dead)

    def step(self, state: HostState, process: int) -> HostMove:
        """The step of one process, with its reply."""
        choice = self._choice(STEP, process)
        if isinstance(self.programs.positions[state.positions[process]].asks, Reach):
            return HostMove(choice, self._resumed(state, process, state.holder, state.record))
        done = self._performed(state, process)
        return HostMove(choice, self._resumed(state, process, done.holder, done.result), done.foreign)

    def named(self, state: HostState, process: int) -> frozenset[int]:
        """The grants that a process can still name: leases that it believes in, or has in its hand."""
        return self.programs.positions[state.positions[process]].slots

    def _choice(self, what: str, process: int) -> HostChoice:
        return HostChoice(what, process, self.names[process])

    def _performed(self, state: HostState, process: int) -> "Performed":
        asks: Operation = self.programs.positions[state.positions[process]].asks
        cell = MemoryCell(Cell("c", ()))
        if state.holder:
            cell.leases[HOST] = Grant(token_of(state.holder), None)
        taken = {state.holder}.union(*(self.named(state, each) for each in range(len(state.positions))))
        free = next(number for number in range(1, len(taken) + 2) if number not in taken)
        result = perform(MemoryStore(cell, self.names[process]), asks, free, token_of(free), 0)
        grant = cell.leases.get(HOST)
        holder = 0 if grant is None else grant_of(grant.token)
        went_by = None
        if isinstance(asks, LaunchUnlooked):
            went_by = asks.lease.grant
        elif isinstance(asks, Launch) and isinstance(result, Done):
            went_by = grant_of(cell.history[-1].token)
        return Performed(holder, result, went_by is not None and went_by != state.holder)

    def _resumed(self, state: HostState, process: int, holder: int, result: Any) -> HostState:
        position, _ = self.programs.after(state.positions[process], result)
        return self._at(state, process, position, holder)

    @staticmethod
    def _at(state: HostState, process: int, position: int, holder: int) -> HostState:
        positions = (*state.positions[:process], position, *state.positions[process + 1 :])
        return state._replace(holder=holder, positions=positions)


class Performed(NamedTuple):
    """What an operation came to: who has the lease then, the result, and whether it was a launch without a lease."""

    holder: int
    result: Any
    foreign: bool


def explore_host(worker: OneHost, workers: int = 2, launches: Activities = launch_on_host) -> HostExploration:
    """Look at every reachable state, breadth first. Raises TooManyStates."""
    machine = HostMoves(worker, workers, launches)
    came_by: dict[HostState, tuple[HostState, HostChoice] | None] = {machine.start: None}
    reverse: dict[HostState, list[HostState]] = {}
    broken: dict[HostProperty, tuple[HostChoice, ...]] = {}
    transitions = 0
    waiting = deque([machine.start])
    while waiting:
        state = waiting.popleft()
        if HostProperty.LOSS_NOTICED not in broken and not _notices(machine, state):
            broken[HostProperty.LOSS_NOTICED] = _way_to(came_by, state)
        for move in machine.moves(state):
            transitions += 1
            if move.foreign and HostProperty.FOREIGN_LAUNCH not in broken:
                broken[HostProperty.FOREIGN_LAUNCH] = (*_way_to(came_by, state), move.choice)
            if move.choice.what in HARMLESS:
                reverse.setdefault(move.after, []).append(state)
            if move.after not in came_by:
                if len(came_by) >= MAX_STATES:
                    raise TooManyStates(f"more than {MAX_STATES:,} states")
                came_by[move.after] = (state, move.choice)
                waiting.append(move.after)
    hopeless = _never_held_again(machine, list(came_by), reverse)
    if hopeless is not None:
        broken[HostProperty.HELD_AGAIN] = _way_to(came_by, hopeless)
    return HostExploration(len(came_by), transitions, broken)


def _notices(machine: HostMoves, state: HostState) -> bool:
    """Whether each worker that believes in a lost lease gives it up by steps of its own, once the record is there."""
    for worker in range(len(state.positions)):
        alone = state._replace(record=True)
        lost = machine.named(alone, worker) - {alone.holder}
        for _ in range(NOTICED_WITHIN):
            if not lost & machine.named(alone, worker):
                break
            alone = machine.step(alone, worker).after
        if lost & machine.named(alone, worker):
            return False
    return True


def _never_held_again(
    machine: HostMoves, states: list[HostState], reverse: dict[HostState, list[HostState]]
) -> HostState | None:
    """The first state from which no worker can come to hold the lease and know of it; None if there is none."""
    held = [each for each in states if each.holder and _is_known(machine, each)]
    can, waiting = set(held), deque(held)
    while waiting:
        for before in reverse.get(waiting.popleft(), ()):
            if before not in can:
                can.add(before)
                waiting.append(before)
    return next((each for each in states if each not in can), None)


def _is_known(machine: HostMoves, state: HostState) -> bool:
    return any(state.holder in machine.named(state, worker) for worker in range(len(state.positions)))


def _way_to(came_by: dict[HostState, tuple[HostState, HostChoice] | None], state: HostState) -> tuple[HostChoice, ...]:
    way: list[HostChoice] = []
    while (before := came_by[state]) is not None:
        state, choice = before
        way.append(choice)
    return tuple(reversed(way))
