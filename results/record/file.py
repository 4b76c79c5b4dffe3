"""How a file of a run directory is read: through its model, or refused in one line that names the file and the key."""

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

Value = TypeVar("Value")
MOST_TEXT_BYTES = 40_000_000
"""Of one file that is read whole: what it holds takes up to twenty times as much memory. A trial has some kB."""


class BadRunDirectory(ValueError):
    """One line that names the file and what is wrong with it."""


class Record(BaseModel):
    """A frozen value of a run directory. A key that only a newer version knows is kept, and nobody looks at it."""

    model_config = ConfigDict(frozen=True, extra="allow")


def read_json(path: Path, kind: TypeAdapter[Value]) -> Value:
    """Read a JSON file as the value that it holds. Raises BadRunDirectory."""
    return as_value(path, kind, json_value(path))


def is_there(path: Path) -> bool:
    """Whether something has that name, be it a link to nowhere: what can't be read is not taken for what is missing."""
    return os.path.lexists(path)


def must_be_file(path: Path, most_bytes: int | None = None) -> None:
    """Look at a file before it is opened: a pipe would be waited for, for ever. Raises BadRunDirectory."""
    try:
        found = path.stat()
    except FileNotFoundError as error:
        raise BadRunDirectory(f"{path}: {'is a link to nowhere' if is_there(path) else 'is missing'}") from error
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    if not stat.S_ISREG(found.st_mode):
        raise BadRunDirectory(f"{path}: is a {'directory' if stat.S_ISDIR(found.st_mode) else 'device'}, and no file")
    if most_bytes is not None and found.st_size > most_bytes:
        raise BadRunDirectory(f"{path}: {found.st_size:,} bytes, more than the {most_bytes:,} that are read")


def unreadable(path: Path, error: Exception) -> BadRunDirectory:
    """The error of a file that cannot be read, in one line."""
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return BadRunDirectory(f"{path}: cannot be read: {reason.splitlines()[0]}")


def read_text(path: Path) -> str:
    """What a text file holds. Raises BadRunDirectory."""
    must_be_file(path, MOST_TEXT_BYTES)
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error


def json_value(path: Path) -> Any:
    """What a JSON file holds, whatever that is. Raises BadRunDirectory."""
    text = read_text(path)
    try:
        return json.loads(text)
    except RecursionError as error:
        raise BadRunDirectory(f"{path}: cannot be read: it is nested too deeply") from error
    except ValueError as error:
        raise unreadable(path, error) from error


def json_object(path: Path) -> Mapping[str, Any]:
    """What a JSON file holds that holds one object. Raises BadRunDirectory."""
    value = json_value(path)
    if not isinstance(value, dict):
        raise BadRunDirectory(f"{path}: holds no JSON object")
    return value


def json_of_schema(path: Path, schema: int) -> Mapping[str, Any]:
    """What a JSON file of that schema holds. Raises BadRunDirectory, also for one of a newer schema."""
    found = json_object(path)
    if found.get("schema") != schema:
        raise BadRunDirectory(f"{path}: schema {found.get('schema')!r}; this leasebench reads schema {schema}")
    return found


def as_value(path: Path, kind: TypeAdapter[Value], content: Any) -> Value:
    """What was read from `path`, as the value that it is. Raises BadRunDirectory with the first mistake."""
    try:
        return kind.validate_python(content)
    except ValidationError as error:
        first = min(error.errors(), key=lambda one: one["loc"] != ("schema",))
        key = ".".join(map(str, first["loc"]))
        if first["type"] == "missing":
            raise BadRunDirectory(f"{path}: the key {key} is missing") from error
        raise BadRunDirectory(f"{path}: {f'{key}: ' if key else ''}{_words(first)}") from error


def _words(mistake: Any) -> str:
    if mistake["type"] in ("model_type", "model_attributes_type", "dict_type") and not mistake["loc"]:
        return "holds no JSON object"
    if mistake["type"] in ("tuple_type", "list_type") and not mistake["loc"]:
        return "holds no JSON list"
    return str(mistake["msg"]).lower()
