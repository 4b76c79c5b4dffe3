"""The state of a suspended program as a value: what it does next depends on this and on the results it will receive.

A program is deterministic, so the results that it received so far determine its state. But they say too much: an
enactor that was refused eight times has received eight versions, and looks at none of them again. What a generator can
still see is its frames (its own, and those of the generators that it delegates to): the code, the instruction at which
it is suspended, its local variables and its stack. If two programs are equal in all of this, value by value, they ask
the same and end the same whatever they receive. So they are one state, even if they received different things before.

The stack (it holds the iterators of loops) is read through `gc.get_referents`, which lists all that a generator's frame
refers to, in order, but leaves out unbound variables; so the names of the bound ones belong to the value too. An object
that this file can't read is equal to itself alone (`Identity`): programs that refer to different objects of that sort
are never merged, which costs states and not soundness.

This is how CPython keeps a suspended generator; another interpreter may do it otherwise. `frames_readable` checks that
loops at different places look different here. Where they don't, the explorer works in plain mode (`programs`): a
program's position is what it received, and nothing else is merged. Anybody may ask for that mode (`leasebench explore
--plain`), so that no claim rests on this file alone.
"""

import gc
from collections.abc import Generator, Hashable, Iterable, Iterator
from contextlib import suppress
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from types import BuiltinFunctionType, CellType, CodeType, FrameType, FunctionType, GeneratorType
from typing import Any

from pydantic import BaseModel

from leasebench.leases.lease import Lease
from leasebench.leases.operations import Operation

MAX_DEPTH = 50
"""How deep values may be nested; programs carry flat ones."""
ITERATORS: tuple[type, ...] = (type(iter(range(0))), type(iter(())), type(iter([])))
PLAIN = (int, float, str, bytes, type(None))


class Identity:
    """An object that is equal to itself only. It is kept alive, so that no other object gets its identity."""

    __slots__ = ("it",)

    def __init__(self, it: object) -> None:
        self.it = it

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Identity) and self.it is other.it

    def __hash__(self) -> int:
        return hash(("opaque", id(self.it)))


class ProgramState:
    """The value of one suspended program, and the leases that it can still name."""

    def __init__(self, program: Generator[Any, Any, Any]) -> None:
        self.leases: set[Lease] = set()
        self.incomplete = False
        """Whether it refers to an object that can't be read, in which a lease may be."""
        self._met: dict[int, int] = {}
        self._kept: list[object] = []
        self.value: Hashable = self._generator(program)

    def _generator(self, program: Any) -> Hashable:
        # Before `f_locals` is read: reading it makes the frame hold a copy of its variables, which would be listed too.
        referents = [each for each in gc.get_referents(program) if not isinstance(each, (FrameType, CodeType))]
        frame = program.gi_frame
        if frame is None:
            return "ended"
        code = frame.f_code
        held = tuple(self._value(each, 0) for each in referents)
        return Identity(code), frame.f_lasti, tuple(sorted(frame.f_locals)), held

    def _value(self, it: Any, depth: int) -> Hashable:  # noqa: PLR0911  (one case a kind of value)
        assert depth < MAX_DEPTH, "a program carries values that are nested too deeply"
        kind: type = type(it)
        if kind is bool or isinstance(it, Enum):
            return kind.__name__, it.name if isinstance(it, Enum) else it
        if isinstance(it, Lease):
            self.leases.add(it)
            return it
        if kind in PLAIN or kind is range:
            plain: Hashable = it
            return plain
        if kind is tuple:
            return ("tuple", *(self._value(each, depth + 1) for each in it))
        if isinstance(it, (FunctionType, BuiltinFunctionType, CodeType, type, BaseModel)):
            return Identity(it)  # none of these changes, and programs share them
        if is_dataclass(it) and (isinstance(it, Operation) or getattr(kind, "__dataclass_params__").frozen):  # noqa: B009
            return (kind.__name__, *(self._value(getattr(it, each.name), depth + 1) for each in fields(it)))
        return self._mutable(it, depth)

    def _mutable(self, it: Any, depth: int) -> Hashable:
        """Number what can change when it is first met: two names of one list are not two equal lists."""
        if id(it) in self._met:
            return "again", self._met[id(it)]
        self._met[id(it)] = len(self._met)
        self._kept.append(it)
        if isinstance(it, GeneratorType):
            return "generator", self._generator(it)
        if isinstance(it, (list, set, dict, CellType, *ITERATORS)):
            return (type(it).__name__, *(self._value(each, depth + 1) for each in _inside(it)))
        self.incomplete = self.incomplete or not _shared(it)
        return Identity(it)


def leases_in(value: Any) -> set[Lease]:
    """The leases in a frozen value: a result, or what a program carries. Needs nothing from the interpreter."""
    if isinstance(value, Lease):
        return {value}
    if isinstance(value, tuple):
        return set().union(*map(leases_in, value))
    if is_dataclass(value) and not isinstance(value, type):
        return set().union(*(leases_in(getattr(value, each.name)) for each in fields(value)))
    return set()


@cache
def frames_readable() -> bool:
    """Whether this interpreter shows all that a suspended generator refers to."""

    def asking(places: Iterable[int]) -> Generator[int, None, None]:
        for _ in places:
            yield from iter((0, 0))

    for places in ((7, 7), [7, 7], range(2)):
        program, seen = asking(places), set()
        for _ in range(4):  # each place is asked about twice: four suspensions that differ by iterators alone
            next(program)
            seen.add(ProgramState(program).value)
        if len(seen) < 4:
            return False
    return True


def _inside(it: Any) -> Iterator[Any]:
    if isinstance(it, dict):
        for pair in it.items():
            yield from pair
    elif isinstance(it, set):
        yield from sorted(it)
    elif isinstance(it, list):
        yield from it
    elif isinstance(it, CellType):
        with suppress(ValueError):  # one that is not bound yet is empty
            yield it.cell_contents
    else:
        # An iterator says what it goes through and how far it is, or that it is at its end.
        yield from it.__reduce__()[1:]


def _shared(it: object) -> bool:
    """Whether an object has no attributes of its own and so can hold no lease, as a lease manager."""
    return not getattr(it, "__dict__", None) and not hasattr(it, "__slots__")
