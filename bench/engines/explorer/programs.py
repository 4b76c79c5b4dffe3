"""The programs of one exploration: their positions, what each asks for there, and where an answer takes it.

A position is a program's carried value together with the state of its generator (`explorer.program_state`), which
follows from the results that it received in its present activity. Each position is found once, by sending a generator
the results of one path there, and then remembered: no prefix of a program is run a second time.

In plain mode a position is the carried value and the results themselves: two programs are taken for one only if they
received the same. A program is deterministic, so this needs nothing from the interpreter. There are more states, and
the same properties hold, or break after as many steps (tests/bench/test_explorer_plain.py compares both modes).

Local operations (`Operation.local`) are done at once, with the step before them. That loses no order that matters: what
they receive does not depend on when they are done, and no other process can see that they were done. So in any run they
can be moved to right after the step before them, and the run ends the same. The begin and the end of a renewal are no
exception: the renewer may wait for any time before its first step, and a step of it after the last one in which its
owner learns of it (`Belief`) changes nothing.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from leasebench.bench.engines.explorer.program_state import ProgramState, frames_readable, leases_in
from leasebench.bench.engines.interpreter import Interpreter
from leasebench.enactors.kind import Activities
from leasebench.leases.operations import Operation


@dataclass(frozen=True, slots=True)
class Position:
    """One program's position: what it asks for, the slots of leases that it can still name, and one path there."""

    program: int
    carried: Any
    received: tuple[Any, ...]
    asks: Operation
    slots: frozenset[int]


class Programs:
    """All positions that were met so far, numbered from 0, and the answers that lead from one to another."""

    def __init__(self, *, plain: bool = False) -> None:
        # Where frames can't be read, positions are told apart by what was received alone.
        self._plain = plain or not frames_readable()
        self.positions: list[Position] = []
        self._activities: list[Activities] = []
        self._numbers: dict[Hashable, int] = {}
        self._after: dict[tuple[int, type, Any], tuple[int, tuple[Operation, ...]]] = {}

    def add(self, activities: Activities, carried: Any) -> tuple[int, tuple[Operation, ...]]:
        """Begin a program. Returns its position at its first step, and the local operations before that."""
        self._activities.append(activities)
        return self._position(len(self._activities) - 1, carried, ())

    def activities(self, number: int) -> Activities:
        """The program of that number, in the order in which they were added."""
        return self._activities[number]

    def after(self, position: int, result: Any) -> tuple[int, tuple[Operation, ...]]:
        """The program's position after `result`, and the local operations that led there."""
        # Results of different types can be equal (1 and True), so the type belongs to the key.
        key = (position, type(result), result)
        known = self._after.get(key)
        if known is None:
            at = self.positions[position]
            known = self._after[key] = self._position(at.program, at.carried, (*at.received, result))
        return known

    def carrying(self, position: int, carried: Any) -> int:
        """The position of the same program at the first step of an activity that carries `carried`."""
        return self._position(self.positions[position].program, carried, ())[0]

    def _position(self, program: int, carried: Any, received: tuple[Any, ...]) -> tuple[int, tuple[Operation, ...]]:
        """Begin an activity, give it the results `received`, and skip the local operations that follow."""
        interpreter = Interpreter(self._activities[program], carried)
        for result in received:
            assert interpreter.asks is not None  # begins the activity
            interpreter.receive(result)
        local = interpreter.skip_local()
        return self._number(program, interpreter), tuple(local)

    def _number(self, program: int, interpreter: Interpreter) -> int:
        carried, received, asks = interpreter.carried, interpreter.received, interpreter.asks
        leases = {each for each in (getattr(asks, "lease", None),) if each is not None}
        state: Hashable
        if self._plain:
            # Results of different types can be equal (1 and True).
            state = tuple((type(each), each) for each in received)
            leases |= leases_in((carried, received))
        else:
            program_state = ProgramState(interpreter.program)
            state = program_state.value
            leases |= program_state.leases
            if program_state.incomplete:
                leases |= leases_in(received)  # one of them may be in an object that can't be read
        key = (program, carried, asks, state)
        known = self._numbers.get(key)
        if known is None:
            known = self._numbers[key] = len(self.positions)
            self.positions.append(Position(program, carried, received, asks, frozenset(each.grant for each in leases)))
        return known
