"""`suite.toml`, the resolved suite of a run, as it is written; and as it is read to run the same suite again.

It is a suite with every name resolved: `guards` and `scenarios` hold whole tables instead of names, grids (`vary`) are
laid out, a base (`like`) is merged in. What was skipped on the machine of the run stands there, too.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import tomli_w
from pydantic import BaseModel

from leasebench.definitions import DefinitionError
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.record.manifest import read_manifest
from leasebench.results.record.names import SUITE_FILE
from leasebench.results.record.suite import SuiteRecord
from leasebench.toml_lines import TomlTable

ASKED_FOR: Final = "asked_for"
"""The key that only a resolved suite has."""
FORCED: Final = "--schedule"
EFFECT: Final = "effect"
"""What a fault may do is written for readers; it follows from the fault."""


def resolved_text(suite: BaseModel) -> str:
    """What `suite.toml` holds of a suite."""
    record = SuiteRecord.model_validate(suite.model_dump(mode="json", exclude_none=True))
    return tomli_w.dumps(record.model_dump(mode="json", exclude_unset=True))


def is_resolved(table: Mapping[str, Any]) -> bool:
    """Whether the table of a suite's file is that of a run."""
    return ASKED_FOR in table


def as_defined(table: Mapping[str, Any], place: str) -> TomlTable:
    """The table of a resolved suite without what was added for readers.

    Raises DefinitionError for that of forced traces, which are no races.
    """
    words = table.get(ASKED_FOR)
    if isinstance(words, list) and words[:1] == [FORCED]:
        again = " ".join(map(str, words))
        raise DefinitionError(f"{place}: these trials were forced traces: leasebench run {again} forces them again")
    scenarios = table.get("scenarios")
    if isinstance(scenarios, list):
        return {**table, "scenarios": [without_effects(one) for one in scenarios]}
    return dict(table)


def without_effects(scenario: Any) -> Any:
    """The table of a scenario without what is written for readers."""
    if not isinstance(scenario, dict) or not isinstance(scenario.get("faults"), list):
        return scenario  # the type of the field tells
    faults = [
        {key: value for key, value in one.items() if key != EFFECT} if isinstance(one, dict) else one
        for one in scenario["faults"]
    ]
    return {**scenario, "faults": faults}


def seed_of(run: Path) -> int:
    """The seed of a run: the same suite with it is the same plan, trial by trial. Raises DefinitionError without."""
    otherwise = f"leasebench run {run / SUITE_FILE} takes a new seed"
    try:
        seed = read_manifest(run).seed
    except BadRunDirectory as error:
        raise DefinitionError(f"{error}: {otherwise}") from error
    if seed is None:
        raise DefinitionError(f"{run}: its seed was not recorded: {otherwise}")
    return seed
