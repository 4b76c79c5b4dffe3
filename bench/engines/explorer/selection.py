"""Which guards are explored: presets by name, all of them, those of a suite's file, or those of a run."""

from collections.abc import Iterable
from pathlib import Path

from leasebench.bench.suite import ALL, SuiteFile
from leasebench.definitions import DefinitionError, read_source, validate
from leasebench.leases.guard import Guard, guard_named, parse_guards, presets, unusable_presets
from leasebench.leases.preset_names import unknown_guard
from leasebench.results.record.names import SUITE_FILE
from leasebench.results.record.suite import read_suite


def choose(names: Iterable[str]) -> list[Guard]:
    """The guards that are meant, each once. Raises DefinitionError."""
    known = presets()
    found: dict[str, Guard] = {}
    for name in names:
        if name.endswith(".toml"):
            found |= _of_file(Path(name), known)
        elif name == ALL:
            found |= known
        elif name in known or name in unusable_presets():
            found[name] = guard_named(name, known)
        else:
            raise DefinitionError(unknown_guard(name, [*known, ALL]) + " (or a suite's .toml file)")
    return list(found.values())


def guards_of(run: Path) -> list[Guard]:
    """The guards of a run directory, as its resolved suite has them. Raises BadRunDirectory, DefinitionError."""
    tables = [table.model_dump(mode="json", exclude_unset=True) for table in read_suite(run).guards]
    place = str(run / SUITE_FILE)
    return [validate(Guard, table, place, ("guards", str(number))) for number, table in enumerate(tables)]


def _of_file(path: Path, known: dict[str, Guard]) -> dict[str, Guard]:
    """The guards that a suite names and those that it defines; a file for exploring alone needs no scenarios."""
    table, source = read_source(path)
    suite = validate(SuiteFile, {"scenarios": ALL, **table}, source)
    own = parse_guards(suite.guard, source)
    every = known | own
    found = {}
    for name in list(every) if suite.guards == [ALL] else suite.guards or []:
        found[name] = guard_named(name, every, f"{path}: guards: ")
    found |= own
    if not found:
        raise DefinitionError(f"{path}: names no guards: add guards = [...] or a table [guard.my_guard]")
    return found
