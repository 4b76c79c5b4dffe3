"""Find the plug-ins of a kind: one module each in a package of ours, or an entry point of another package.

A module of ours exports `PLUGIN`; a package that keeps some in a folder within it names that in its `FOLDERS`. A third
party names an entry point, say
`[project.entry-points."leasebench.managers"] mylock = "mypackage.locks:PLUGIN"`. The package of a kind says in its
`PROTOCOL` which attributes a plug-in of it has; one that has a `from_class` also takes a class of the user's own by its
place, `module:Class` (see `references`), which is made a plug-in by that.

A faulty plug-in takes no command down: it is left out, and why is told once (`tell_of_faulty`) to whoever looks.
"""

import ast
import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, get_args, get_origin, get_type_hints

from typing_extensions import get_protocol_members, is_protocol

from leasebench.mistakes import DefinitionError, named, nearest
from leasebench.references import first_line, is_reference, raised_at

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


@dataclass(frozen=True, slots=True)
class Faulty:
    """A plug-in that can't be used: where it comes from, and what is wrong with it."""

    package: str
    name: str
    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: the plug-in {self.name!r} of {self.package} is left out: {self.reason}"


@dataclass(frozen=True, slots=True)
class Found:
    """What there is of one kind, by name."""

    usable: dict[str, Any] = field(default_factory=dict)
    brought_by: dict[str, str] = field(default_factory=dict)
    """The installed distribution of each that is not ours."""
    faulty: list[Faulty] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plug-in that was not looked at yet: what it is called where it was found, where that is, how to get it."""

    name: str
    place: str
    load: Callable[[], Any]
    distribution: str | None = None


PLAIN = (str, bool, int, float)
"""Types of which a value of just that type needs no further look."""
NO_PLUGIN = object()
"""What a module of ours exports that is no plug-in, but stands in the folder of the plug-ins that it serves."""
_listeners: list[Callable[[Faulty], None]] = []
"""Called with each faulty plug-in as soon as it is found."""


def tell_of_faulty(listener: Callable[[Faulty], None]) -> None:
    """From now on call `listener` once for each faulty plug-in, as soon as a kind that has one is looked at.

    Nobody listens in the processes of a trial: what they find was told before by the command.
    """
    _listeners[:] = [listener]


def plugins(package: str) -> dict[str, Any]:
    """All usable plug-ins of `package`, a folder of a room (such as `leases.managers`), keyed by their `name`.

    Third-party entry points are looked for in the group `leasebench.<last part of package>`.
    """
    return _found(package).usable


def described(package: str) -> dict[str, str]:
    """Name and one line about each plug-in of `package`, read from its source where that is a module of ours.

    For a listing: a chart imports what draws it, which takes a second. One that does not say both in plain strings, in
    the class of its `PLUGIN`, is imported as ever, and so is what other packages bring.
    """
    spec = find_spec(f"leasebench.{package}")
    folders = [*(spec.submodule_search_locations or ())] if spec is not None else []
    sources = [path for folder in folders for path in sorted(Path(folder).glob("[!_]*.py"))]
    found = [said for path in sources if (said := _said_in(path.read_text(encoding="utf-8"))) is not None]
    if any(name is None for name, _ in found) or any(True for _ in _theirs(package)):
        return {name: plugin.about for name, plugin in plugins(package).items()}
    return {name: about for name, about in found if name is not None}


def _said_in(source: str) -> tuple[str | None, str] | None:
    """What a module's plug-in is called, None if it does not say, and its line; None where there is no plug-in."""
    tree = ast.parse(source)
    assigned = [node for node in tree.body if isinstance(node, ast.Assign)]
    made = next((node.value for node in assigned if ast.unparse(node.targets[0]) == "PLUGIN"), None)
    if made is None:
        return None
    wanted = ast.unparse(made).partition("(")[0]
    inside = next((node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == wanted), [])
    said: dict[str, str] = {
        ast.unparse(node.targets[0]): node.value.value
        for node in inside
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }
    return said.get("name"), said.get("about", "")


def look_ahead(package: str) -> None:
    """Import the plug-ins of `package` before they are asked for, in a process that others are forked from.

    What other packages bring is left to the children: an import of theirs may start a thread, which a fork ends.
    """
    if not any(True for _ in _theirs(package)):
        _found(package)
        return
    for candidate in _ours(package, import_module(f"leasebench.{package}")):
        candidate.load()


def faulty(package: str) -> list[Faulty]:
    """The plug-ins of `package` that can't be used."""
    return _found(package).faulty


def distribution(package: str, name: str) -> str | None:
    """The installed distribution that brings the plug-in `name`; None for one of ours."""
    return _found(package).brought_by.get(name)


def plugin(package: str, kind: str, name: str) -> Any:
    """The plug-in of that name. Raises DefinitionError: why it can't be used, or which names come nearest."""
    usable = plugins(package)
    if name not in usable and is_reference(name) and (made := _from_class(package)) is not None:
        return made(name)
    broken = next((one for one in faulty(package) if one.name == name), None)
    if name not in usable and broken is not None:
        raise DefinitionError(f"the {kind} {name!r} can't be used: {broken.place}: {broken.reason}")
    if name not in usable and _from_class(package) is not None:
        raise DefinitionError(f"{nearest(kind, name, usable)} (or module:Class, one of your own)")
    return named(kind, name, usable)


def _from_class(package: str) -> Callable[[str], Any] | None:
    """What makes a plug-in of a class of the user's own; None for a kind that can't be had so."""
    made: Callable[[str], Any] | None = getattr(import_module(f"leasebench.{package}"), "from_class", None)
    return made


@cache
def _found(package: str) -> Found:
    room = import_module(f"leasebench.{package}")
    found = Found()
    origins: dict[str, str] = {}
    for candidate in (*_ours(package, room), *_theirs(package)):
        name, place, reason = candidate.name, candidate.place, None
        try:
            loaded = candidate.load()
        except (Exception, SystemExit) as error:  # noqa: BLE001  (whatever a module does as it is imported)
            place, reason = raised_at(error) or place, f"{type(error).__name__}: {first_line(error)}"
        else:
            if loaded is NO_PLUGIN:
                continue
            own_name = getattr(loaded, "name", None)
            name = own_name if isinstance(own_name, str) and own_name else name
            reason = "; ".join(_mismatches(loaded, room.PROTOCOL)) or _taken(name, found, origins)
            if reason is not None:  # only then: looking for a line reads the whole source
                place = _defined_at(loaded) or place
        if reason is None:
            found.usable[name], origins[name] = loaded, place
            if candidate.distribution is not None:
                found.brought_by[name] = candidate.distribution
        else:
            found.faulty.append(Faulty(package, name, place, reason))
    for each in found.faulty:
        for listener in _listeners:
            listener(each)
    return found


def _taken(name: str, found: Found, origins: dict[str, str]) -> str | None:
    if name not in found.usable:
        return None
    return f"another one of that name comes from {_defined_at(found.usable[name]) or origins[name]}: rename one"


def _ours(package: str, room: ModuleType) -> Iterator[Candidate]:
    for folder in getattr(room, "FOLDERS", ()):
        inside = f"{package}.{folder}"
        yield from _ours(inside, import_module(f"leasebench.{inside}"))
    for module in sorted(iter_modules(room.__path__), key=lambda module: module.name):
        path = f"leasebench.{package}.{module.name}"
        spec = module.module_finder.find_spec(path, None)
        place = (spec.origin if spec is not None else None) or path
        yield Candidate(module.name, place, lambda path=path: getattr(import_module(path), "PLUGIN", NO_PLUGIN))  # type: ignore[misc]


def _theirs(package: str) -> Iterator[Candidate]:
    group = f"leasebench.{package.rpartition('.')[2]}"
    for point in sorted(entry_points(group=group), key=lambda point: (point.name, point.value)):
        yield Candidate(point.name, _written_in(point), point.load, None if point.dist is None else point.dist.name)


def entry_points(group: str) -> Iterable["EntryPoint"]:
    """The entry points of a group, in every installed package."""
    found: Iterable[EntryPoint] = _every_entry_point().select(group=group)
    return found


@cache
def _every_entry_point() -> Any:
    """Reads the metadata of every installed package: once, whatever the number of groups."""
    from importlib import metadata

    return metadata.entry_points()


def _written_in(point: "EntryPoint") -> str:
    owner = f"{point.dist.name} {point.dist.version}" if point.dist is not None else "an unknown package"
    return f"{owner}, entry point {point.name} = {point.value!r}"


def _mismatches(loaded: Any, protocol: Any) -> Iterator[str]:
    """What keeps `loaded` from being what `protocol` describes: by its attributes, their types and their arguments.

    `type[Base]` describes a subclass of Base that says what Base declares as a class variable.
    """
    if get_origin(protocol) is type:
        yield from _unlike_its_base(loaded, *get_args(protocol))
        return
    hints = {name: hint for name, hint in _hints_of(protocol).items() if not name.startswith("_")}
    attributes = get_protocol_members(protocol) if is_protocol(protocol) else frozenset(hints)
    absent = sorted(name for name in attributes if not _has(loaded, name))
    if absent:
        yield f"{_kind_of(loaded)} has no {', '.join(absent)} ({protocol.__name__})"
    for name in sorted(attributes.difference(absent)):
        value, declared = getattr(loaded, name), getattr(protocol, name, None)
        if inspect.isfunction(declared):
            yield from _uncallable(name, value, declared)
        else:
            read = declared.fget if isinstance(declared, property) else None
            hint = hints[name] if name in hints else _hints_of(read)["return"]
            yield from _mistyped(name, value, hint)


def _unlike_its_base(loaded: Any, base: type) -> Iterator[str]:
    if not inspect.isclass(loaded) or not issubclass(loaded, base):
        yield f"{_kind_of(loaded)} is no subclass of {base.__name__}"
        return
    hints = _hints_of(base)
    declared = {name: hint for name, hint in hints.items() if get_origin(hint) is ClassVar and not name.startswith("_")}
    absent = sorted(name for name in declared if not _has(loaded, name))
    if absent:
        yield f"{_kind_of(loaded)} has no {', '.join(absent)} ({base.__name__})"
    for name in sorted(declared.keys() - {*absent}):
        yield from _mistyped(name, getattr(loaded, name), get_args(declared[name])[0])


def _has(loaded: Any, name: str) -> bool:
    try:
        getattr(loaded, name)
    except Exception:  # noqa: BLE001  (a property of a stranger may raise anything)
        return False
    return True


def _uncallable(name: str, value: Any, declared: Callable[..., Any]) -> Iterator[str]:
    wanted = _parameters_of(declared)[1:]
    if not callable(value):
        yield f"{name} is {_kind_of(value)}, not a method"
        return
    try:
        inspect.signature(value).bind(*wanted)
    except TypeError:
        yield f"{name}{inspect.signature(value)} does not take ({', '.join(wanted)})"
    except ValueError:
        return  # a built-in without a signature: only the call tells


def _mistyped(name: str, value: Any, hint: Any) -> Iterator[str]:
    if hint in PLAIN and type(value) is hint:
        return
    from pydantic import PydanticSchemaGenerationError, ValidationError

    try:
        _validator_of(hint).validate_python(value, strict=True)
    except ValidationError as error:
        yield f"{name}: {error.errors()[0]['msg'].lower()} (got {value!r:.60})"
    except PydanticSchemaGenerationError:
        if not isinstance(value, hint):
            yield f"{name} is {_kind_of(value)}, not {hint.__name__}"


@cache
def _hints_of(what: Any) -> dict[str, Any]:
    """The types of a protocol's attributes: asked for with every plug-in of its kind."""
    return get_type_hints(what)


@cache
def _parameters_of(method: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(method).parameters)


@cache
def _validator_of(hint: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(hint)


def _kind_of(value: Any) -> str:
    return f"the class {value.__name__}" if inspect.isclass(value) else type(value).__name__


def _defined_at(loaded: Any) -> str | None:
    """File and line of the definition of a value, or of its class."""
    what = loaded if inspect.isroutine(loaded) or inspect.isclass(loaded) else type(loaded)
    try:
        file, (_, line) = inspect.getsourcefile(what), inspect.getsourcelines(what)
    except (OSError, TypeError):
        return None
    return f"{file}:{line}"
