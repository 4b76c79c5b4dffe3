"""Which lease manager each preset has, by their names alone: so that one is not taken for the other.

Many a guard is named as its lock, `redis_py_lock` as the lock `redis_py`. Who gives one where the other is wanted is
told which is which, and what to type.
"""

from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any

from leasebench.definitions import DefinitionError, read_source
from leasebench.mistakes import MOST_OFFERED, nearest
from leasebench.registry import plugin, plugins

PRESETS_FILE = Path(__file__).with_name("presets.toml")


@cache
def preset_managers() -> dict[str, str | None]:
    """The lease manager of each preset; None for a guard without a lease."""
    tables, _ = read_source(PRESETS_FILE)
    return {name: table.get("exclude", {}).get("manager") for name, table in tables["guard"].items()}


def unknown_guard(name: str, known: Collection[str]) -> str:
    """Say that `name` is no guard: it is a lease manager, and which guards have it; or which names come nearest."""
    if name not in plugins("leases.managers"):
        return nearest("guard", name, known)
    what = f"unknown guard {name!r}: it is a lease manager"
    own = [guard for guard, manager in preset_managers().items() if manager == name and guard in known]
    if not own:
        return f"{what}; to make a guard of it: leasebench run --manager {name}"
    those = f"the guard {own[0]} has" if len(own) == 1 else f"the guards {', '.join(own[:MOST_OFFERED])} have"
    return f"{what}, which {those}: leasebench run --guard {own[0]}"


def manager_named(name: str) -> Any:
    """The lease manager of that name, or `module:Class`. Raises DefinitionError, which tells a guard by its name."""
    if name in plugins("leases.managers") or name not in preset_managers():
        return plugin("leases.managers", "lease manager", name)
    what = f"unknown lease manager {name!r}: it is a guard"
    own = preset_managers()[name]
    if own is None:
        raise DefinitionError(f"{what} without a lease: leasebench run --guard {name}")
    lock = f"its lease manager is {own} (verify-manager {own}, or run --manager {own})"
    raise DefinitionError(f"{what}; {lock}; the guard itself: leasebench run --guard {name}")
