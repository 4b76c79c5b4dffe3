"""TOML text in, validated values out; every error names the file, the key and what was expected there."""

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

MAX_DEFINITION_BYTES = 1_000_000
Model = TypeVar("Model", bound=BaseModel)
Value = TypeVar("Value")


class DefinitionError(ValueError):
    """One line that names the place in a definition file and the way out."""


class Definition(BaseModel):
    """A frozen value read from TOML; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file. Raises DefinitionError with the file, and the line where the syntax is broken."""
    try:
        if path.stat().st_size > MAX_DEFINITION_BYTES:
            raise DefinitionError(f"{path}: larger than {MAX_DEFINITION_BYTES} bytes, this is no definition file")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise DefinitionError(f"{path}: not valid TOML: {error}") from error
    except RecursionError as error:
        raise DefinitionError(f"{path}: not valid TOML: nested too deeply") from error
    except UnicodeDecodeError as error:
        raise DefinitionError(f"{path}: not UTF-8 text: {error}") from error
    except OSError as error:
        raise DefinitionError(f"{path}: cannot be read: {error.strerror}") from error


def validate(model: type[Model], data: Any, place: str, at: tuple[str, ...] = ()) -> Model:
    """Validate `data`, which stands at key `at` of the file `place`. Raises DefinitionError."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        raise DefinitionError(_one_line(model, first, place, at, len(error.errors()))) from error


def nearest(kind: str, name: str, known: Iterable[str]) -> str:
    """Say that `name` is unknown, and which names come nearest."""
    names = sorted(known)
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    offer = f"did you mean {' or '.join(near)}?" if near else f"there is {', '.join(names)}"
    return f"unknown {kind} {name!r}: {offer}"


def must_be_known(kind: str, names: Iterable[str], known: Collection[str], place: str = "") -> None:
    """Raise DefinitionError, which begins with `place`, for the first of `names` that is none of the known ones."""
    for name in names:
        if name not in known:
            raise DefinitionError(place + nearest(kind, name, known))


def named(kind: str, name: str, known: Mapping[str, Value], place: str = "") -> Value:
    """What is known by `name`. Raises DefinitionError, which begins with `place`."""
    must_be_known(kind, [name], known, place)
    return known[name]


def dotted(*parts: str) -> str:
    """Name a key as TOML does, quoted where it is no bare word; always one line."""
    return ".".join(part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else repr(part) for part in parts)


def _one_line(model: type[BaseModel], first: Mapping[str, Any], place: str, at: tuple[str, ...], errors: int) -> str:
    location = [str(part) for part in first["loc"]]
    key = dotted(*at, *location) or "the file"
    kind, given = first["type"], first.get("input")
    if kind == "extra_forbidden":
        known = _keys_beside(model, location[:-1])
        text = f"{nearest('key', location[-1], known)}" if known else "unknown key"
    elif kind == "missing":
        text = "is missing"
    elif kind in ("literal_error", "enum"):
        text = f"must be one of {first['ctx']['expected']} (got {given!r})"
    elif kind == "value_error":
        text = str(first["ctx"]["error"])
    else:
        text = f"{first['msg'].lower()} (got {given!r})"
    more = f" (and {errors - 1} more)" if errors > 1 else ""
    return f"{place}: {key}: {text}{more}"


def _keys_beside(model: type[BaseModel], path: list[str]) -> list[str]:
    """The keys that the model at `path` knows; none where the path leaves plain models."""
    current: Any = model
    for part in path:
        field = current.model_fields.get(part) if hasattr(current, "model_fields") else None
        if field is None:
            return []
        options = getattr(field.annotation, "__args__", (field.annotation,))
        current = next((option for option in options if hasattr(option, "model_fields")), None)
        if current is None:
            return []
    return list(current.model_fields)
