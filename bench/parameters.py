"""What of a scenario the command line can set: `--ttl`, `--enactors`, ... and each KEY of `--sweep KEY=VALUES`.

A parameter is one of those below, or the dotted path of any setting of a scenario, as in a grid (`bench.variation`):
`load.clean_age`, `faults.0.every`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import ValidationError

from leasebench.bench.resolved import without_effects
from leasebench.bench.scenario import Scenario
from leasebench.bench.variation import Change, laid_over
from leasebench.definitions import DefinitionError, Mistakes, dotted, mistakes_of, nearest
from leasebench.toml_lines import TomlTable

PAUSE = "pause_ms"
PATHS: Mapping[str, str] = {
    "ttl_ms": "ttl_ms",
    "enactors": "load.enactors",
    "endpoints": "load.endpoints",
    "cells": "load.cells",
    "rate_per_s": "load.planner.rate_per_s",
    "work_ms": "load.work.median_ms",
}
"""Where a parameter stands in a scenario."""
ALIASES: Mapping[str, str] = {
    "ttl": "ttl_ms",
    "rate": "rate_per_s",
    "work": "work_ms",
    "hold": "work_ms",
    "hold_ms": "work_ms",
    "pause": PAUSE,
}
OF_ENACTORS = ("enactors", "rate_per_s", "work_ms")
"""These say nothing where there are no enactors."""
Scalar = int | float | bool | str


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter by the name under which it is recorded."""

    name: str

    @property
    def unit(self) -> str | None:
        """`ms` or `s` if it is a time, else None."""
        end = self.name.rpartition(".")[2]
        return None if end.endswith("per_s") else next((unit for unit in ("ms", "s") if _ends(end, unit)), None)

    def change(self, scenario: Scenario, value: Scalar) -> Change:
        """What lays a value over the scenario's table. Raises DefinitionError where it would mean nothing."""
        if self.name == PAUSE:
            return partial(_with_pauses, ms=_pauses(scenario, float(value)))
        if self.name in OF_ENACTORS and not scenario.load.enactors:
            told = f"it has no enactors, on purpose: {self.name} can't be set there"
            raise DefinitionError(f"{scenario.name}: {told}: choose others by --scenario")
        path = PATHS.get(self.name, self.name)
        return partial(laid_over, path=path.split("."), value=value, key=self.name)


def parameter(name: str) -> Parameter:
    """The parameter of that name. Raises DefinitionError with the nearest."""
    known = ALIASES.get(name, name)
    if known not in PATHS and known != PAUSE and "." not in known:
        told = nearest("parameter", name, [*PATHS, PAUSE, *ALIASES])
        raise DefinitionError(f"{told} (or a dotted key of a scenario, as load.clean_age)")
    by_path = {path: parameter for parameter, path in PATHS.items()}
    return Parameter(by_path.get(known, known))


def as_table(scenario: Scenario) -> TomlTable:
    """A scenario as it would stand in a file, with all that it leaves to defaults."""
    table = scenario.model_dump(mode="json", exclude_none=True)
    changed: TomlTable = without_effects(table)
    return changed


def as_scenario(table: Mapping[str, Any], of: str, said: str) -> Scenario:
    """A scenario from a changed table. Raises DefinitionError in one line: `of` which scenario, and what was `said`."""
    try:
        return Scenario.model_validate(table)
    except ValidationError as error:
        first, *others = mistakes_of(Scenario, error)
        more = f" (and {len(others)} more)" if others else ""
        where = dotted(*map(str, first.path))
        raise DefinitionError(f"{of} with {said}: {where}: {first.text}{more}") from error


def changed(table: Any, change: Change, of: str, said: str) -> Any:
    """A table with a change. Raises DefinitionError where its path leads nowhere."""
    try:
        return change(table)
    except Mistakes as error:
        raise DefinitionError(f"{of} with {said}: {error.mistakes[0].text}") from error


def _pauses(scenario: Scenario, ms: float) -> dict[int, float]:
    """The numbers of the faults that pause, and how long each is to last."""
    found = {number: ms for number, fault in enumerate(scenario.parsed_faults) if fault.name == "pause"}
    if not found:
        raise DefinitionError(f"{scenario.name}: nobody is paused there: choose others by --scenario")
    return found


def _with_pauses(table: TomlTable, ms: Mapping[int, float]) -> TomlTable:
    """A table whose pauses last exactly so long, whatever the time to live is."""
    faults = []
    for number, fault in enumerate(table["faults"]):
        if number in ms:
            fault = {key: value for key, value in fault.items() if key not in ("times_ttl", "spread")}  # noqa: PLW2901
            fault["ms"] = ms[number]
        faults.append(fault)
    return {**table, "faults": faults}


def _ends(name: str, unit: str) -> bool:
    return name == unit or name.endswith(f"_{unit}")
