"""The table in `suite.toml`, the resolved suite of a run, as it is read to run the same suite again.

It is a suite with every name resolved: `guards` and `scenarios` hold whole tables instead of names, grids (`vary`) are
laid out, a base (`like`) is merged in. What was skipped on the machine of the run stands there, too.
"""

from collections.abc import Mapping
from typing import Any, Final

from leasebench.mistakes import DefinitionError
from leasebench.toml_lines import TomlTable

ASKED_FOR: Final = "asked_for"
"""The key that only a resolved suite has."""
FORCED: Final = "--schedule"
EFFECT: Final = "effect"
"""What a fault may do is written for readers; it follows from the fault."""


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
