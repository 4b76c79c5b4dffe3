"""Values by number: equal values get one number, in the order in which they were first met."""

from collections.abc import Hashable
from typing import Generic, TypeVar

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
