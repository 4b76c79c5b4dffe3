"""Operations and their results as JSON, and in a few words."""

from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from leasebench.leases.operations import UNKNOWN


def spelled(value: Any) -> Any:
    """A value as JSON: one of ours as an object whose `kind` is its type's name, with its fields."""
    if value is UNKNOWN:
        return {"kind": "Unknown"}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [spelled(each) for each in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {"kind": type(value).__name__} | {
            each.name: spelled(getattr(value, each.name)) for each in fields(value)
        }
    assert value is None or isinstance(value, (bool, int, float, str)), f"{value!r} has no spelling"
    return value


def asked_in_words(operation: dict[str, Any] | None) -> str:
    """What an operation asks, short enough for a table."""
    if operation is None:
        return ""
    parts = {
        name: value
        for name, value in operation.items()
        if name not in ("kind", "ttl_ms", "wait") and value is not None and value is not False
    }
    said = [f"{name}={_in_words(value)}" for name, value in parts.items()]
    return f"{operation['kind']}({', '.join(said)})"


def heard_in_words(heard: Any) -> str:
    """What was heard, short enough for a table."""
    if not isinstance(heard, dict):
        return "-" if heard is None else str(heard)
    kind = heard["kind"]
    if kind == "Refused":
        return f"refused: {heard['reason']}"
    if kind == "Done":
        return "done" + (f", before: plan {heard['previous']}" if heard["previous"] else "")
    if kind == "Plans":
        quarantined = f", in quarantine {heard['quarantined']}" if heard["quarantined"] else ""
        return f"plans {heard['applicable']}{quarantined}"
    return "no reply" if kind == "Unknown" else _in_words(heard)


def _in_words(value: Any) -> str:
    if isinstance(value, dict) and value.get("kind") == "Lease":
        return f"lease {value['token']}, fence {value['fence']}"
    return str(value)
