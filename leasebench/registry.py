"""Find the plug-ins of a kind: one module each in a package of ours, or an entry point of another package.

A module of ours exports `PLUGIN`. A third party names an entry point, say
`[project.entry-points."leasebench.managers"] mylock = "mypackage.locks:PLUGIN"`.
"""

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from typing import Any


@cache
def plugins(package: str) -> dict[str, Any]:
    """All plug-ins of `package`, a folder of a room (such as `leases.managers`), keyed by their `name`.

    Third-party entry points are looked for in the group `leasebench.<last part of package>`.
    Raises ValueError if two plug-ins share a name.
    """
    return {name: plugin for name, (plugin, _) in _found(package).items()}


def distribution(package: str, name: str) -> str | None:
    """The installed distribution that brings the plug-in `name`; None for one of ours."""
    return _found(package)[name][1]


@cache
def _found(package: str) -> dict[str, tuple[Any, str | None]]:
    found: dict[str, tuple[Any, str | None]] = {}
    room = import_module(f"leasebench.{package}")
    modules = [
        import_module(f"leasebench.{package}.{module.name}")
        for module in sorted(iter_modules(room.__path__), key=lambda module: module.name)
    ]
    ours = [(module.PLUGIN, None) for module in modules if hasattr(module, "PLUGIN")]
    points = entry_points(group=f"leasebench.{package.rpartition('.')[2]}")
    theirs = [(point.load(), None if point.dist is None else point.dist.name) for point in points]
    for plugin, brought_by in (*ours, *theirs):
        if plugin.name in found:
            raise ValueError(f"two plug-ins of {package} are named {plugin.name!r}: rename one")
        found[plugin.name] = (plugin, brought_by)
    return found
