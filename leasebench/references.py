"""A class of the user's own, by its place: `module:Class`, as `uvicorn` and entry points name one.

The module is looked for as `python -m` does: the current directory counts first. Nothing has to be packaged.
"""

import hashlib
import inspect
import os
import re
import sys
import traceback
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

from leasebench.mistakes import DefinitionError, nearest

_REFERENCE = re.compile(r"(?P<module>[^\W\d]\w*(?:\.[^\W\d]\w*)*):(?P<name>[^\W\d]\w*)")


@dataclass(frozen=True, slots=True)
class ModuleFile:
    """The file that a class came from, or that a command names: its path, from the current directory, and its hash."""

    path: str
    sha256: str


def is_reference(text: str) -> bool:
    """Whether `text` names a class by its place, rather than a plug-in by its name."""
    return ":" in text


@cache
def class_at(reference: str) -> type:
    """Import the class at `module:Class`. Raises DefinitionError in one line: what is wrong, and where."""
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise DefinitionError(f"{reference!r} must be module:Class, as in my_lock:MyLock (a dotted module, no .py)")
    here = os.getcwd()  # noqa: PTH109  (as it stands in sys.path)
    if here not in sys.path:
        sys.path.insert(0, here)
    name = match["module"]
    try:
        module = import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise _unimportable(reference, error) from error
        file = f" (a module is named without .py: {name[:-3]}:{match['name']})" if name.endswith(".py") else ""
        raise DefinitionError(
            f"{reference!r}: there is no module {error.name!r} in {here}, or installed{file}"
        ) from error
    except (Exception, SystemExit) as error:  # whatever a module does as it is imported
        raise _unimportable(reference, error) from error
    if clash := _clash(name.partition(".")[0]):
        raise DefinitionError(f"{reference!r}: {clash}")
    found = getattr(module, match["name"], None)
    if not inspect.isclass(found):
        classes = [each for each, one in vars(module).items() if inspect.isclass(one) and one.__module__ == name]
        told = nearest("class", match["name"], classes) if classes else f"there is no class {match['name']!r} in it"
        raise DefinitionError(f"{reference!r}: {module.__file__}: {told}")
    return found


def file_of_class(reference: str) -> ModuleFile | None:
    """The file of the class at `module:Class`; None where it has none, as one that was compiled."""
    source = inspect.getsourcefile(class_at(reference))
    if source is None or not (path := Path(source)).is_file():
        return None
    return file_at(path)


def file_at(path: Path) -> ModuleFile:
    """A file that belongs to a result: its path as it is shown, and its hash. Raises OSError."""
    here = Path.cwd()
    shown = path.relative_to(here) if path.is_relative_to(here) else path
    return ModuleFile(str(shown), hashlib.sha256(path.read_bytes()).hexdigest())


def _clash(module: str) -> str | None:
    """Say which others bring a module of that name: what is imported is then a matter of luck; None if nobody does.

    A lock of the user's own is called like a library's easily (`redis_lock.py`), and that library then gets the file.
    """
    from importlib.metadata import distribution, packages_distributions

    brought: dict[str, Path] = {}
    for name in sorted(set(packages_distributions().get(module, ()))):
        found = distribution(name)
        paths = [Path(str(found.locate_file(path))) for path in (f"{module}/__init__.py", f"{module}.py")]
        brought |= {f"{name} {found.version}": path.resolve() for path in paths if path.is_file()}
    own = getattr(sys.modules[module], "__file__", None)
    others = [name for name, path in brought.items() if own is None or path != Path(own).resolve()]
    if others:
        return f"{own} has the name of a module of {' and '.join(others)}: rename it"
    if len(brought) > 1:
        return f"{' and '.join(brought)} both install the module {module!r}: uninstall one"
    return None


def _unimportable(reference: str, error: BaseException) -> DefinitionError:
    at = raised_at(error)
    place = f"{at}: " if at else ""
    return DefinitionError(f"{reference!r} can't be imported: {place}{type(error).__name__}: {first_line(error)}")


def raised_at(error: BaseException) -> str | None:
    """File and line where a module failed as it was imported; None where there is no such module."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    from importlib.metadata import EntryPoint

    ours = (__file__, str(Path(__file__).with_name("registry.py")))
    machinery = (*ours, "<frozen importlib", inspect.getfile(EntryPoint), inspect.getfile(import_module))
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(machinery)]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else None


def first_line(error: BaseException) -> str:
    """The first line of an error's message."""
    return next(iter(str(error).splitlines()), "")
