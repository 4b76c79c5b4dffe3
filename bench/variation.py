"""A grid of scenarios: `[scenario.NAME.vary]` in a suite makes one scenario of each combination of its values.

    [scenario.storm.vary]
    "faults.0.ms" = [500, 1000]
    "programs.host_leases" = { fifo = {}, newest = { order = "newest_first" } }

A key is the dotted path of a setting, quoted; a number in it is a place in a list. Its values stand in a list, and name
their scenarios by themselves (`storm-500`), or in a table that names them (`storm-500-newest`). A table is laid over
the one that stands there, anything else takes its place.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from math import prod
from typing import Any

from leasebench.definitions import Mistake, Mistakes
from leasebench.names import valid_name
from leasebench.toml_lines import KeyPath, TomlTable

VARY = "vary"
Change = Callable[[Any], Any]
"""Takes the table of a scenario and returns a changed one."""
MAX_MEMBERS = 500
"""How many scenarios one grid may have."""


@dataclass(frozen=True, slots=True)
class Variation:
    """One scenario of a grid: its name, its table, and the values in it that were varied, by key and by name."""

    name: str
    body: TomlTable
    varied: dict[str, str]


def variations(name: str, body: Mapping[str, Any]) -> list[Variation]:
    """Return the scenarios of the grid `name`. Raises Mistakes, at paths within its table."""
    base = {key: value for key, value in body.items() if key != VARY}
    axes = {
        key: {text: partial(laid_over, path=key.split("."), value=value, key=key) for text, value in values.items()}
        for key, values in _axes(body[VARY]).items()
    }
    return combined(name, base, axes)


def combined(
    name: str,
    base: TomlTable,
    axes: Mapping[str, Mapping[str, Change]],
    part_of_name: Callable[[str], str] = str,
) -> list[Variation]:
    """Return a scenario of each combination of changes, one an axis, each by its text. Raises Mistakes."""
    count = prod(len(changes) for changes in axes.values())
    if count > MAX_MEMBERS:
        raise _mistake(f"makes {count} scenarios, more than {MAX_MEMBERS}: take fewer values")
    found: dict[str, Variation] = {}
    for chosen in product(*(changes.items() for changes in axes.values())):
        varied = {key: text for key, (text, _) in zip(axes, chosen, strict=True)}
        member = "-".join([name, *map(part_of_name, varied.values())])
        if not valid_name(member):
            raise _mistake(
                f"the name {member!r} must be 1 to 40 of a-z 0-9 _ -: name the values, as in key = {{ short = value }}"
            )
        if member in found:
            raise _mistake(f"two of its scenarios would be named {member}: name the values apart")
        changed: Any = base
        for _, change in chosen:
            changed = change(changed)
        found[member] = Variation(member, changed, varied)
    return list(found.values())


def told_at_its_key(mistake: Mistake, variation: Variation) -> Mistake:
    """Tell a mistake of one scenario of a grid at the key that was varied, if it is there; paths within its table."""
    where = tuple(map(str, mistake.path))
    for key in variation.varied:
        parts = tuple(key.split("."))
        shorter = min(len(parts), len(where))
        if shorter and where[:shorter] == parts[:shorter]:
            inside = ".".join(where[len(parts) :])
            return Mistake((VARY, key), f"{inside}{': ' if inside else ''}{mistake.text} (in {variation.name})")
    return mistake


def _axes(table: Any) -> dict[str, TomlTable]:
    """For each key its values by their names."""
    if not isinstance(table, dict) or not table:
        raise _mistake("must be a table of keys with lists of values")
    return {key: _values(key, values) for key, values in table.items()}


def _values(key: str, values: Any) -> TomlTable:
    if not isinstance(values, (list, dict)) or not values:
        raise _mistake("must be a list of values, or a table of named values, with one at least", key)
    if isinstance(values, dict):
        return values
    if any(isinstance(value, (list, dict)) for value in values):
        raise _mistake("values that are tables or lists need names: { first = ..., second = ... }", key)
    named = {as_part_of_name(value): value for value in values}
    if len(named) < len(values):
        raise _mistake("has a value twice", key)
    return named


def as_part_of_name(value: Any) -> str:
    """A value as a part of a name: 0.5 is `0_5`."""
    return re.sub(r"[^a-z0-9_-]", "_", str(value).lower())


def laid_over(there: Any, path: list[str], value: Any, key: str) -> Any:
    """What stands there, with `value` at `path`; nothing that is there is changed itself.

    Raises Mistakes, at `key` of a grid, where the path leads nowhere.
    """
    if not path:
        return merged(there, value)
    first, rest = path[0], path[1:]
    if isinstance(there, list):
        if not first.isdecimal() or int(first) >= len(there):
            raise _mistake(f"there is no number {first}: the list has {len(there)}, counted from 0", key)
        at = int(first)
        return [*there[:at], laid_over(there[at], rest, value, key), *there[at + 1 :]]
    if there is not None and not isinstance(there, dict):
        raise _mistake(f"{first!r} would be inside {there!r}, which is no table", key)
    table = there or {}
    return {**table, first: laid_over(table.get(first), rest, value, key)}


def merged(there: Any, value: Any) -> Any:
    """A table laid over the one that stands there, and so the tables in it; anything else takes its place."""
    if not isinstance(there, dict) or not isinstance(value, dict):
        return value
    return {**there, **{name: merged(there.get(name), inner) for name, inner in value.items()}}


def _mistake(text: str, *key: str) -> Mistakes:
    path: KeyPath = (VARY, *key)
    return Mistakes([Mistake(path, text)])
