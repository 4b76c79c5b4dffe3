"""TOML text in, validated values out; every error names the file, the line, the key and what was expected there."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, get_args

import tomli
from pydantic import BaseModel, ConfigDict, ValidationError

from leasebench.mistakes import (
    MOST_MISTAKES,
    DefinitionError,
    Mistake,
    Mistakes,
    dotted,
    every,
    must_be_known,
    named,
    nearest,
    unit_of,
)
from leasebench.toml_lines import KeyPath, key_lines

__all__ = [
    "Definition",
    "DefinitionError",
    "Mistake",
    "Mistakes",
    "Source",
    "dotted",
    "every",
    "mistakes_of",
    "must_be_known",
    "named",
    "nearest",
    "read_source",
    "unit_of",
    "validate",
]

MAX_DEFINITION_BYTES = 1_000_000
Model = TypeVar("Model", bound=BaseModel)


class Definition(BaseModel):
    """A frozen value read from TOML; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


@dataclass(frozen=True)
class Source:
    """The document that the mistakes are in: its name, and its text where lines can be named."""

    name: str
    text: str = ""

    def error(self, mistakes: Sequence[Mistake]) -> DefinitionError:
        """The error that names all mistakes, at most MOST_MISTAKES of them."""
        told = list(dict.fromkeys(self._line(mistake) for mistake in mistakes))
        if len(told) > MOST_MISTAKES:
            told = [*told[:MOST_MISTAKES], f"{self.name}: and {len(told) - MOST_MISTAKES} more mistakes"]
        return DefinitionError("\n".join(told))

    def _line(self, mistake: Mistake) -> str:
        return f"{self._place(mistake.path)}: {mistake.key}: {mistake.text}"

    def _place(self, path: KeyPath) -> str:
        """File and line: that of the key, else that of the innermost table around it which stands in the file."""
        lines = (self._lines.get(path[:length]) for length in range(len(path), 0, -1))
        line = next((line for line in lines if line is not None), None)
        return self.name if line is None else f"{self.name}:{line}"

    @cached_property
    def _lines(self) -> Mapping[KeyPath, int]:
        return key_lines(self.text)


def read_source(path: Path, name: str | None = None) -> tuple[dict[str, Any], Source]:
    """Read a TOML file: its table, and what mistakes in it are told with (its `name`, or its path).

    Raises DefinitionError with the file, and the line where the syntax is broken.
    """
    try:
        with path.open("rb") as file:  # it may be a pipe, whose size nobody knows
            data = file.read(MAX_DEFINITION_BYTES + 1)
        if len(data) > MAX_DEFINITION_BYTES:
            raise DefinitionError(f"{path}: larger than {MAX_DEFINITION_BYTES} bytes, this is no definition file")
        text = data.decode("utf-8")
        return tomli.loads(text), Source(name or str(path), text)
    except tomli.TOMLDecodeError as error:
        raise DefinitionError(f"{path}: not valid TOML: {error}") from error
    except RecursionError as error:
        raise DefinitionError(f"{path}: not valid TOML: nested too deeply") from error
    except UnicodeDecodeError as error:
        raise DefinitionError(f"{path}: not UTF-8 text: {error}") from error
    except OSError as error:
        raise DefinitionError(f"{path}: cannot be read: {error.strerror}") from error


def validate(model: type[Model], data: Any, source: Source | str, at: KeyPath = ()) -> Model:
    """Validate `data`, which stands at key `at` of a document. Raises DefinitionError with every mistake."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        where = Source(source) if isinstance(source, str) else source
        raise where.error(list(mistakes_of(model, error, at))) from error


def mistakes_of(model: type[BaseModel], error: ValidationError, at: KeyPath = ()) -> Iterator[Mistake]:
    """Every mistake of `error`, which came of validating what stands at key `at` against `model`."""
    for one in error.errors():
        path = (*at, *one["loc"])
        inner = one.get("ctx", {}).get("error")
        if isinstance(inner, Mistakes):
            yield from (Mistake((*path, *mistake.path), mistake.text) for mistake in inner.mistakes)
        else:
            yield Mistake(path, _text(model, one))


def _text(model: type[BaseModel], error: Any) -> str:
    kind, given = error["type"], error.get("input")
    if kind == "extra_forbidden":
        *path, key = error["loc"]
        known = _keys_beside(model, path)
        return nearest("key", str(key), known) if known else "unknown key"
    if kind == "missing":
        return "is missing"
    if kind in ("literal_error", "enum"):
        return f"must be one of {error['ctx']['expected']} (got {given!r})"
    if kind == "value_error":
        return str(error["ctx"]["error"])
    return f"{error['msg'].lower()} (got {given!r})"


def _keys_beside(model: type[BaseModel], path: Iterable[str | int]) -> list[str]:
    """The keys that the model at `path` knows; none where the path leaves models and lists of models."""
    current: Any = model
    for part in path:
        if isinstance(part, int):
            continue  # of a list of models, as of one model
        field = current.model_fields.get(part)
        current = next(_models(field.annotation), None) if field is not None else None
        if current is None:
            return []
    return list(current.model_fields)


def _models(annotation: Any) -> Iterator[Any]:
    """The models that an annotation speaks of, itself or inside a list or a union."""
    if hasattr(annotation, "model_fields"):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
