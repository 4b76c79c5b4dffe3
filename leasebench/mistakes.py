"""What is wrong with what a user gave: one line a mistake, with its place and the way out.

This imports nothing heavy: whoever only tells a mistake does not wait for the parts that validate.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from leasebench.toml_lines import KeyPath

MOST_MISTAKES = 20
"""How many mistakes of one file are told."""
MOST_OFFERED = 3
ALIKE, NEARLY_SAME = 0.5, 0.75
"""From which ratio (`difflib.SequenceMatcher`) a name is offered for another, and from which it must be meant."""
UNITS = ("per_s", "ttl", "us", "ms", "s")
"""How the name of a setting ends that has a unit; `per_s` before `s`, which is a part of it."""
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong at one key."""

    path: "KeyPath"
    text: str

    @property
    def key(self) -> str:
        """The key as it is named to a user."""
        return dotted(*map(str, self.path)) or "the file"


class DefinitionError(ValueError):
    """One line a mistake, each naming the place in a definition file and the way out."""


class Mistakes(DefinitionError):
    """Raised by a validator inside a model: several mistakes, at paths that begin where the validator stands."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(f"{mistake.key}: {mistake.text}" for mistake in mistakes))
        self.mistakes = mistakes


def every(*attempts: Callable[[], Any]) -> list[Any]:
    """Make all attempts and return their values; if any fails, raise one DefinitionError with what each found."""
    values, told = [], []
    for attempt in attempts:
        try:
            values.append(attempt())
        except DefinitionError as error:
            told.append(str(error))
    if told:
        lines = list(dict.fromkeys("\n".join(told).splitlines()))
        more = len(lines) - MOST_MISTAKES
        raise DefinitionError("\n".join([*lines[:MOST_MISTAKES], f"and {more} more mistakes"] if more > 0 else lines))
    return values


def nearest(kind: str, name: str, known: Iterable[str]) -> str:
    """Say that `name` is unknown, and which names come nearest."""
    names = sorted(known)
    near = _near(name, names)
    offer = f"did you mean {' or '.join(near)}?" if near else f"there is {', '.join(names)}"
    return f"unknown {kind} {name!r}: {offer}"


def _near(name: str, known: Sequence[str]) -> list[str]:
    """The nearest of `known`: those that are spelled alike; of settings with a unit, those with the same unit."""
    from difflib import SequenceMatcher

    alike = {other: SequenceMatcher(None, other, name).ratio() for other in known}
    unit = unit_of(name)
    of_unit = {other for other in known if unit is not None and unit_of(other) == unit}
    fit = [
        other
        for other, ratio in alike.items()
        if ratio >= NEARLY_SAME or other in of_unit or (ratio >= ALIKE and not of_unit)
    ]
    return sorted(fit, key=lambda other: (-alike[other], other))[:MOST_OFFERED]


def unit_of(name: str) -> str | None:
    """The unit that the name of a setting ends with; None where it has none."""
    return next((unit for unit in UNITS if name == unit or name.endswith(f"_{unit}")), None)


def must_be_known(kind: str, names: Iterable[str], known: Collection[str], place: str = "") -> None:
    """Raise DefinitionError, which begins with `place`, for those of `names` that are none of the known ones."""
    unknown = [place + nearest(kind, name, known) for name in names if name not in known]
    if unknown:
        raise DefinitionError("\n".join(unknown[:MOST_MISTAKES]))


def named(kind: str, name: str, known: Mapping[str, Value], place: str = "") -> Value:
    """What is known by `name`. Raises DefinitionError, which begins with `place`."""
    must_be_known(kind, [name], known, place)
    return known[name]


def dotted(*parts: str) -> str:
    """Name a key as TOML does, quoted where it is no bare word; always one line."""
    return ".".join(part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else repr(part) for part in parts)
