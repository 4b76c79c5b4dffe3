"""Every move of every process from one state: the explorer's transition relation, one part of a state at a time.

A state is a world and one local state for each enactor, all of them numbers in a table. A move of an enactor depends
on the world and on its own local state only, a move of the planner or of the environment on the world alone. So each
is worked out once, and found again by those numbers in every state where it is possible.
"""

from collections.abc import Hashable, Iterator
from typing import Any, Generic, TypeVar

from leasebench.bench.engines.explorer.effects import NOTHING_BROKEN, CellModel, Effect, MustWait
from leasebench.bench.engines.explorer.programs import Programs
from leasebench.bench.engines.explorer.scope import ExplorationScope
from leasebench.bench.engines.explorer.states import (
    ARRIVE,
    CRASH,
    EXPIRE,
    GIVE_UP,
    OWN_CONNECTION,
    RECORD_OVER,
    SEND,
    STEP,
    Choice,
    EndpointState,
    InFlight,
    LocalState,
    Move,
    Ranks,
    World,
)
from leasebench.bench.engines.interpreter import Interpreter, run_once
from leasebench.enactors.enactor.resuming import EnactorState
from leasebench.enactors.operations import Commit, Publish
from leasebench.enactors.operator.program import repair_all, roll_back
from leasebench.enactors.planner.program import PlannerState, publish_next
from leasebench.enactors.store.memory.memory_store import MemoryStore
from leasebench.leases.guard import Guard, LeaseScope
from leasebench.leases.lease import CELL_LEASE, Lease
from leasebench.leases.operations import AcquireLease, Belief, Operation, StartRenewal, StopRenewal, TakeExpired
from leasebench.leases.outcome import UNKNOWN, Done
from leasebench.leases.renewal import keep_alive
from leasebench.leases.traits import trusts_for

Value = TypeVar("Value", bound=Hashable)


class TableFull(Exception):
    """More different values than there are numbers for: the search has to give up."""


class Interned(Generic[Value]):
    """A table of values, at most `limit` of them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._numbers: dict[Value, int] = {}
        self._values: list[Value] = []

    def number(self, value: Value) -> int:
        """The number of a value, new or known. Raises TableFull."""
        known = self._numbers.get(value)
        if known is None:
            known = self._numbers[value] = len(self._values)
            if known >= self._limit:
                raise TableFull
            self._values.append(value)
        return known

    def __getitem__(self, number: int) -> Value:
        return self._values[number]

    def __len__(self) -> int:
        return len(self._values)


PLANNER, OPERATOR = -2, -3
"""The numbers of planner and operator among the clients; enactors count from 0."""
MIN_PLANS = 2
"""A rollback needs one plan to go back from and one to go back to."""
FIRST_MESSAGE = 100
"""The slots of messages in flight begin here; the slots of leases that a program holds are lower."""
UNLIMITED = -1
MAX_REFUSALS = 3
"""The most refusals of one planner in a row: a restarted one is refused once."""
WORLD_BITS, LOCAL_BITS = 24, 18
"""How many worlds and local states can be told apart; both far beyond what 4 GB can search."""


class Machine:
    """The moves of one guard in one scope, over one store."""

    def __init__(
        self, guard: Guard, scope: ExplorationScope, store: type[MemoryStore] = MemoryStore, *, plain: bool = False
    ) -> None:
        self.guard, self.scope = guard, scope
        cell = scope.cell
        whole = guard.exclude is not None and guard.exclude.scope is LeaseScope.CELL
        domains = tuple(CELL_LEASE if whole else name for name in cell.endpoints)
        self.model = CellModel(cell, Ranks(domains, guard.rule.fence), store)
        self.programs = Programs(plain=plain)
        self.worlds: Interned[World] = Interned(1 << WORLD_BITS)
        self.locals: Interned[LocalState] = Interned(1 << LOCAL_BITS)
        self._has_deadline = guard.exclude is not None and trusts_for(guard.manager) is not None
        self._effects: dict[tuple[int, int, int, Operation, int], Effect | None] = {}
        self._planner_root, _ = self.programs.add(publish_next, PlannerState())
        roots: dict[int, int] = {}
        firsts = [scope.first(number) for number in range(scope.enactors)]
        for number, first in enumerate(firsts):
            if first not in roots:
                position, _ = self.programs.add(scope.enactor(guard, number).next_activity, EnactorState())
                roots[first] = self.locals.number(LocalState(position))
        self.roots = tuple(roots[first] for first in firsts)
        """The first position of each enactor; enactors that begin at the same endpoint are the same program."""
        endpoints = tuple(EndpointState(0, 0) for _ in cell.endpoints)
        grants = UNLIMITED if scope.grants is None else scope.grants
        self.start = self.worlds.number(
            World(
                0, (), (), endpoints, (), (), (), self._planner_root, scope.crashes, scope.messages, grants,
            )
        )  # fmt: skip

    def moves(self, world: int, locals_: tuple[int, ...]) -> Iterator[tuple[Move, int, tuple[int, ...]]]:
        """Every move from a state, with the state after it."""
        for move in self.planner_moves(world) + self.expiries(world):
            yield move, move.world, locals_
        for client, local in enumerate(locals_):
            for move in self.enactor_moves(client, world, local):
                yield move, move.world, (*locals_[:client], move.local, *locals_[client + 1 :])

    def enactor_moves(self, client: int, world: int, local: int) -> list[Move]:
        """All moves of enactor `client`. The step of its program comes first, unless it waits."""
        step = self.step(client, world, local)
        moves = [] if step is None else [step]
        moves += self._other_outcomes(client, world, local, waits=step is None)
        moves += self._renewal(client, world, local)
        moves += self._arrivals(client, world, local)
        moves += self._crash(client, world, local)
        return moves

    def step(self, client: int, world: int, local: int) -> Move | None:
        """The program's own step; None while it waits."""
        state = self.locals[local]
        asks = self.programs.positions[state.position].asks
        effect: Effect | None
        if isinstance(asks, Belief):
            effect = Effect(self.worlds[world], self._believes(client, world, asks.lease, state), NOTHING_BROKEN)
        else:
            effect = self._effect(world, client, asks, self._free_slot(state))
        return None if effect is None else self._resumed(Choice(f"enactor-{client}", STEP), client, state, effect)

    def _believes(self, client: int, world: int, lease: Lease, state: LocalState) -> bool:
        """Whether an owner still trusts its lease. A deadline of its own passes before the lease can run out."""
        if state.notified or not self._has_deadline:
            return not state.notified
        held = self.worlds[world].held
        return any(each.unexpired for each in held if (each.client, each.slot) == (client, lease.grant))

    def planner_moves(self, world: int) -> list[Move]:
        """The planner publishes while the scope lets it; it may crash where processes may."""
        at = self.worlds[world]
        moves = [self._planner_step(world)] if at.newest < self.scope.plans else []
        if at.crashes and at.planner != self._planner_root:
            crashed = at._replace(planner=self._planner_root, crashes=at.crashes - 1)
            moves.append(Move(Choice("planner", CRASH), self.worlds.number(crashed), 0, NOTHING_BROKEN))
        return moves

    def expiries(self, world: int) -> list[Move]:
        """The expiry of each granted lease, where the scope lets leases expire."""
        at = self.worlds[world]
        if not self.scope.expiry:
            return []
        return [
            Move(
                Choice("environment", EXPIRE, lease.resource),
                self.worlds.number(self.model.expire(at, lease.resource)),
                0,
                NOTHING_BROKEN,
            )
            for lease in at.leases
            if lease.expires != RECORD_OVER
        ]

    def with_further_plan(self, world: int) -> int:
        """The world once the planner published one further plan, whatever the scope's number of plans."""
        for _ in range(MAX_REFUSALS):
            before = self.worlds[world]
            asks = self.programs.positions[before.planner].asks
            effect = self._effect(world, PLANNER, asks, 0)
            world = self._planner_step(world).world
            if isinstance(asks, Publish) and effect is not None and isinstance(effect.result, Done):
                return world
        raise AssertionError(f"the planner was refused {MAX_REFUSALS} times in a row")

    def without_limits(self, world: int) -> int:
        """The same world without further crashes and lost replies, and with any number of grants."""
        return self.worlds.number(self.worlds[world]._replace(crashes=0, messages=0, grants=UNLIMITED))

    def with_rollback(self, world: int) -> int | None:
        """The world once an operator repaired what resolves to nothing and published an old plan's content anew.

        None if that can't be done. Where fewer than two plans were published there is nothing to go back to, and the
        operator does what the planner would: a further plan.
        """
        at = self.worlds[world]
        if at.newest < MIN_PLANS:
            return self.with_further_plan(world)
        published = False

        def execute(operation: Operation) -> Any:
            nonlocal at, published
            effect = self.model.perform(at, OPERATOR, operation, 0)
            at = effect.world
            published = isinstance(operation, Publish) and isinstance(effect.result, Done)
            return effect.result

        for program in (repair_all(self.scope.cell.endpoints), roll_back()):
            run_once(program, execute)
        return self.worlds.number(at) if published else None

    def _planner_step(self, world: int) -> Move:
        at = self.worlds[world]
        effect = self._effect(world, PLANNER, self.programs.positions[at.planner].asks, 0)
        assert effect is not None, "a planner waits for nothing but its time"
        planner, _ = self.programs.after(at.planner, effect.result)
        after = self.worlds.number(effect.world._replace(planner=planner))
        return Move(Choice("planner", STEP), after, 0, effect.breaks)

    def _effect(
        self, world: int, client: int, operation: Operation, slot: int, connection: int = OWN_CONNECTION
    ) -> Effect | None:
        key = (world, client, connection, operation, slot)
        if key not in self._effects:
            try:
                self._effects[key] = self.model.perform(self.worlds[world], client, operation, slot, connection)
            except MustWait:
                self._effects[key] = None
        return self._effects[key]

    def _resumed(self, choice: Choice, client: int, state: LocalState, effect: Effect) -> Move:
        """The program gets its result; among the local operations that follow, a renewal may begin or end."""
        position, local = self.programs.after(state.position, effect.result)
        state = state._replace(position=position)
        for operation in local:
            if isinstance(operation, StartRenewal):
                state = state._replace(renewing=operation.lease, notified=False)
            elif isinstance(operation, StopRenewal):
                state = state._replace(renewing=None, notified=False)
        return self._move(choice, client, state, effect)

    def _move(self, choice: Choice, client: int, state: LocalState, effect: Effect, *, connection: bool = True) -> Move:
        """The state after a move: the world forgets the leases that their owner forgot."""
        after = self.model.forget(effect.world, client, self._slots(state), connection=connection)
        return Move(choice, self.worlds.number(after), self.locals.number(state), effect.breaks)

    def _slots(self, state: LocalState) -> frozenset[int]:
        """The names of the leases that an enactor and its messages can still name."""
        named = self.programs.positions[state.position].slots
        if state.renewing is not None:
            named |= {state.renewing.grant}
        return named | {sent.slot for sent in state.sent} if state.sent else named

    def _free_slot(self, state: LocalState) -> int:
        taken = self._slots(state)
        return next(slot for slot in range(FIRST_MESSAGE) if slot not in taken)

    def _other_outcomes(self, client: int, world: int, local: int, *, waits: bool) -> list[Move]:
        """How else the program's operation can end: its reply never comes, or it stops waiting.

        A commit whose reply is only late is an ordinary step, at the time when the store performs it: until then its
        sender waits, and sees nothing. So a message is in flight only where its sender went on without the reply.
        """
        state, at = self.locals[local], self.worlds[world]
        asks = self.programs.positions[state.position].asks
        name = f"enactor-{client}"
        if isinstance(asks, Commit) and at.messages:
            taken = {sent.slot for sent in state.sent}
            slot = next(each for each in range(FIRST_MESSAGE, 2 * FIRST_MESSAGE) if each not in taken)
            after, commit = self.model.send(at, client, asks, slot)
            sender = state._replace(
                sent=tuple(sorted((*state.sent, InFlight(slot, commit)), key=lambda sent: sent.slot))
            )
            return [self._resumed(Choice(name, SEND), client, sender, Effect(after, UNKNOWN, NOTHING_BROKEN))]
        if waits and self.scope.give_up and isinstance(asks, (AcquireLease, TakeExpired)):
            return [self._resumed(Choice(name, GIVE_UP), client, state, Effect(at, None, NOTHING_BROKEN))]
        return []

    def _renewal(self, client: int, world: int, local: int) -> list[Move]:
        """The renewer's next renewal, unless it changes nothing.

        No time passes in a world, so a renewal that succeeds leaves the world as it was, and the renewer asks for the
        same again. It is one turn nearer to its bound, but that is days away. Such a move leads back to its own state.
        """
        state = self.locals[local]
        if state.renewing is None or state.notified:
            return []
        lease = state.renewing
        renewal = Interpreter(lambda _: keep_alive(self.guard.manager, lease), None)
        renewal.skip_local()
        asks = renewal.asks
        effect = self._effect(world, client, asks, 0)
        assert effect is not None, "a renewal waits for nothing"
        if renewal.receive(effect.result):
            state = state._replace(notified=renewal.carried is False)
        else:
            renewal.skip_local()
            assert renewal.asks == asks, "a renewer that goes on asks for the same again"
        move = self._move(Choice(f"enactor-{client}-renewer", STEP), client, state, effect)
        return [] if (move.world, move.local) == (world, local) else [move]

    def _arrivals(self, client: int, world: int, local: int) -> list[Move]:
        state = self.locals[local]
        moves = []
        for sent in state.sent:
            effect = self._effect(world, client, sent.commit, 0, sent.slot)
            assert effect is not None, "a commit waits for nothing"
            rest = state._replace(sent=tuple(each for each in state.sent if each != sent))
            choice = Choice(f"enactor-{client}", ARRIVE, str(sent.slot - FIRST_MESSAGE))
            moves.append(self._move(choice, client, rest, effect))
        return moves

    def _crash(self, client: int, world: int, local: int) -> list[Move]:
        """Die and start again. A process that dies for good needs no move: it is one that takes no further step."""
        state, at = self.locals[local], self.worlds[world]
        root = self.locals[self.roots[client]]
        if not at.crashes or state._replace(sent=()) == root:
            return []
        effect = Effect(at._replace(crashes=at.crashes - 1), None, NOTHING_BROKEN)
        choice = Choice(f"enactor-{client}", CRASH)
        return [self._move(choice, client, root._replace(sent=state.sent), effect, connection=False)]
