"""What was explored of a run's guards, carried by the run: `explored.json` in its directory."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from leasebench.bench.engines.explorer.exploration import Exploration
from leasebench.bench.engines.explorer.report import as_json
from leasebench.bench.engines.explorer.trace import guard_table
from leasebench.bench.rundir import write_json
from leasebench.definitions import validate
from leasebench.leases.guard import Guard
from leasebench.results.explored import FILE, read_explored
from leasebench.results.summary import read_suite

SCHEMA = 1


def guards_of(run: Path) -> list[Guard]:
    """The guards of a run directory, as its resolved suite has them. Raises BadRunDirectory, DefinitionError."""
    place = str(run / "suite.toml")
    return [
        validate(Guard, table, place, ("guards", str(number))) for number, table in enumerate(read_suite(run)["guards"])
    ]


def write_explored(run: Path, guards: Iterable[Guard], explorations: Sequence[Exploration]) -> Path:
    """Write what was explored into the run, beside what was explored before in other scopes. Returns the file.

    Raises BadRunDirectory if there is one that can't be read: it is not overwritten.
    """
    tables = {guard.name: guard_table(guard) for guard in guards}
    path = run / FILE
    known: list[dict[str, Any]] = []
    if read_explored(run) is not None:
        known = json.loads(path.read_text(encoding="utf-8"))["guards"]
    for each in explorations:
        fresh = as_json(each, None) | {"table": tables[each.guard]}
        place = (fresh["guard"], fresh["scope"])
        known = [*(old for old in known if (old["guard"], old["scope"]) != place), fresh]
    write_json(path, {"schema": SCHEMA, "guards": known})
    return path
