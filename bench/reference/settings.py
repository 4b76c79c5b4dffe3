"""A model of settings as tables: every key with its type, default, bounds and unit, and the tables inside it."""

from collections.abc import Iterable, Iterator
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from leasebench.bench.reference.docstrings import of_fields
from leasebench.bench.reference.markdown import code, page, prose, table
from leasebench.definitions import unit_of

HEADINGS = ("key", "type", "default", "bounds", "unit", "meaning")
SIGNS = {"gt": "> ", "ge": ">= ", "lt": "< ", "le": "<= "}
MANY = 8
"""An enumeration of more choices is a word of the glossary."""
LENGTHS = {"min_length": "at least", "max_length": "at most"}
NAMES: dict[Any, str] = {int: "whole number", float: "number", str: "text", bool: "`true`, `false`"}
UNITS = {"per_s": "per second", "ttl": "times to live", "us": "microseconds", "ms": "milliseconds", "s": "seconds"}


def keys(model: type[BaseModel], *, without: frozenset[str] = frozenset()) -> str:
    """The docstring of a model and the table of its keys."""
    told = of_fields(model)
    rows = [
        (code(name), type_of(field.annotation), _default(field), _bounds(field), _unit(name), told.get(name, ""))
        for name, field in model.model_fields.items()
        if name not in without
    ]
    return page(prose(model.__doc__ or ""), table(HEADINGS, rows))


def tables_inside(model: type[BaseModel]) -> list[type[BaseModel]]:
    """The models of the tables inside a model's, each once, in the order in which they are met."""
    found: dict[type[BaseModel], None] = {}
    for field in model.model_fields.values():
        for inner in _models(field.annotation):
            found |= dict.fromkeys([inner, *tables_inside(inner)])
    return list(found)


def title_of(model: type) -> str:
    """The heading of a table's section: the model's name in words."""
    name = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in model.__name__).strip()
    return name[0].upper() + name[1:]


def anchor_of(model: type[BaseModel]) -> str:
    """The anchor of that section."""
    return title_of(model).lower().replace(" ", "-")


def type_of(annotation: Any) -> str:
    """A type in words that a writer of TOML knows."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_of(inner[0])
    if origin in (Union, UnionType):
        return " or ".join(type_of(one) for one in inner if one is not NoneType)
    if origin is not None:
        made = {Literal: lambda: _choices(inner), list: lambda: f"list of {type_of(inner[0])}"}
        made[tuple] = made[list]  # of one type, however many
        return made.get(origin, lambda: f"table of {type_of(inner[-1])}")()
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[table](#{anchor_of(annotation)})"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        long = len(annotation) > MANY
        return (
            f"[{title_of(annotation).lower()}](../glossary.md)" if long else _choices(one.value for one in annotation)
        )
    return NAMES.get(annotation, "any")


def _choices(values: Iterable[Any]) -> str:
    return ", ".join(code(value_in_toml(one)) for one in values)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined or value is None:
        return "-"
    if isinstance(value, BaseModel):
        said = value.model_dump(exclude_defaults=True, mode="json")
        return code(value_in_toml(said)) if said else "its defaults"
    return code(value_in_toml(value))


def value_in_toml(value: Any) -> str:
    """A value as TOML has it."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, dict):
        return (
            "{ " + ", ".join(f"{name} = {value_in_toml(one)}" for name, one in value.items()) + " }" if value else "{}"
        )
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(value_in_toml, value)) + "]"
    return str(value)


def _bounds(field: FieldInfo) -> str:
    told: list[str] = []
    for rule in _rules(field):
        told += [f"{sign}{number(getattr(rule, name))}" for name, sign in SIGNS.items() if hasattr(rule, name)]
        told += [f"{word} {getattr(rule, name)} long" for name, word in LENGTHS.items() if hasattr(rule, name)]
        if pattern := getattr(rule, "pattern", None):
            told.append(code(pattern))
    return ", ".join(told) or "-"


def number(value: float) -> str:
    """A bound as one reads it: whole numbers in groups of three digits."""
    return f"{int(value):,}" if value == int(value) else f"{value:g}"


def _rules(field: FieldInfo) -> Iterator[Any]:
    """The bounds of a field, also those of the one type in an optional one."""
    yield from field.metadata
    for inner in get_args(field.annotation):
        if get_origin(inner) is Annotated:
            for one in get_args(inner)[1:]:
                yield from getattr(one, "metadata", [one])


def _unit(name: str) -> str:
    unit = unit_of(name)
    return "-" if unit is None else UNITS[unit]
