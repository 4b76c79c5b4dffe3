"""One trial of a run directory, read back: what the checks look at."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from results.history import BadRunDirectory, Events, Ints, read_events, read_journal
from results.journal import CELL_RESOURCE, Kind, Outcome

KEYS = frozenset(
    {
        "number",
        "guard",
        "scenario",
        "status",
        "history",
        "endpoints",
        "enactors",
        "min_races",
        "settle_s",
        "expected",
    }
)
"""What `trial.json` holds from its first writing on, also of a trial that was cut off."""


@dataclass(frozen=True)
class Trial:
    """A finished trial: its facts (`trial.json`), its history and its journal."""

    facts: dict[str, Any]
    events: Events
    journal: pd.DataFrame

    @cached_property
    def process_enactor(self) -> Ints:
        """Per journal row the enactor's number; -1 for the planner. A renewer belongs to its enactor."""
        names = list(self.journal["process"].cat.categories)
        numbers = {name: code for code, name in enumerate(self.events.enactors)}
        lookup = np.array([numbers.get(name.removesuffix("-renewer"), -1) for name in names], dtype=np.int64)
        return lookup[self.journal["process"].cat.codes.to_numpy()]

    def rows(self, kind: Kind, outcome: Outcome | None = None) -> Any:
        """The mask of the journal rows of `kind` (with `outcome`)."""
        mask = self.journal["kind"].to_numpy() == kind
        return mask if outcome is None else mask & (self.journal["outcome"].to_numpy() == outcome)

    @cached_property
    def lease_number(self) -> Ints:
        """Per journal row the code of its endpoint or lease in `Events.lease`."""
        number = self.journal["endpoint"].to_numpy().astype(np.int64)
        return np.where(number == CELL_RESOURCE, len(self.events.endpoints), number)


def read_facts(folder: Path) -> dict[str, Any]:
    """Read `trial.json`. Raises BadRunDirectory naming the file."""
    path = folder / "trial.json"
    facts = read_object(path)
    if missing := KEYS - set(facts):
        raise BadRunDirectory(f"{path}: the key {min(missing)} is missing")
    return facts


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds one object. Raises BadRunDirectory naming the file."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadRunDirectory(f"{path}: is missing") from error
    except (ValueError, OSError) as error:
        raise BadRunDirectory(f"{path}: cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise BadRunDirectory(f"{path}: holds no JSON object")
    return value


def read_trial(folder: Path) -> Trial:
    """Read a trial folder. Raises BadRunDirectory naming the file."""
    facts = read_facts(folder)
    events = read_events(folder / "history.parquet", facts["endpoints"], facts["enactors"])
    return Trial(facts, events, read_journal(folder / "journal.parquet"))
