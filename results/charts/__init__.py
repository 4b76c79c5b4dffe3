"""Charts: one small module each, which exports `PLUGIN`, a `Chart`.

A chart says what it is about (its scope) and draws a Subject. It names no ink: `results.display.theme` gives the same
definition its colours on light and dark ground, for the page and for files. It says in words what it shows
(`described`), for those who do not see it and those who have no time to. Names of guards and scenarios are data, and
never part of an expression.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import floor, isfinite, log10
from typing import TYPE_CHECKING, Any, Protocol

import altair as alt
import numpy as np
import pandas as pd
from altair.utils.schemapi import debug_mode

if TYPE_CHECKING:
    from leasebench.results.reading.rundirectory import RunDirectory
    from leasebench.results.record.summary import CellSummary

Spec = dict[str, Any]
"""Vega-Lite as JSON, without a config."""
DataRow = Spec
"""A row of the data of a picture: its fields by their names."""
Rows = Iterable[Mapping[Any, Any]] | pd.DataFrame
MIN_TICKS = 4
MOST_LISTED = 8
"""So many names stand in what a chart says."""
DIGITS = 4
"""Significant digits of the numbers in a picture; times (`..._s`) are given to a tenth of a millisecond instead."""
TIME_DIGITS = 4
DURATION = (
    "datum.value >= 1e6 ? format(datum.value / 1e6, '~g') + ' s' : "
    "datum.value >= 1e3 ? format(datum.value / 1e3, '~g') + ' ms' : format(datum.value, '~g') + ' µs'"
)
"""A Vega expression: an axis value in microseconds, in the unit that suits it."""


class ChartScope(StrEnum):
    """What a chart is about; each narrower one needs more of a Subject."""

    RUN = "run"
    SCENARIO = "scenario"
    PHASE = "phase"
    CELL = "cell"
    TRIAL = "trial"


@dataclass(frozen=True)
class Subject:
    """What a picture is about.

    `scenario` is given for every scope but RUN, `phase` for PHASE, `guard` for CELL and TRIAL, `trial` (a number) for
    TRIAL. A chart of a wider scope may narrow itself to what is given beyond that.
    """

    run: "RunDirectory"
    scenario: str | None = None
    guard: str | None = None
    phase: str | None = None
    trial: int | None = None


class Chart(Protocol):
    """One way to look at a run."""

    @property
    def name(self) -> str:
        """The name in file names and on the command line."""

    @property
    def about(self) -> str:
        """One line."""

    @property
    def scope(self) -> ChartScope:
        """What a Subject must name."""

    def draw(self, subject: Subject) -> Spec | None:
        """Draw; None where there is nothing to show."""


def defined(definition: Callable[[], Any]) -> Spec:
    """Build an Altair definition into a spec.

    The library checks every part of a chart as it is made, which takes most of the time; the tests check them whole.
    """
    with debug_mode(False):
        made: Spec = definition().to_dict(validate=False)
    # The library's default theme; whoever shows the chart adds ours.
    made.pop("config", None)
    return made


def filled(definition: Spec, title: str, **rows: Rows) -> Spec:
    """A definition over named data with its title and its rows: the definition of a chart of trials is built once."""
    first, *others = title.splitlines() or [""]
    named = {"text": first, "subtitle": others, "anchor": "start", "frame": "group", "offset": 14}
    return {**definition, "title": named, "datasets": {name: plain(part) for name, part in rows.items()}}


def described(spec: Spec, *says: str) -> Spec:
    """A chart with what it shows in words, in sentences without a full stop: names and figures, not what was drawn."""
    return {**spec, "description": " ".join(f"{sentence}." for sentence in says if sentence)}


def rough(cells: Iterable["CellSummary"], shown: Collection[str]) -> str:
    """A line more of a title, where all that there is of times of some of the guards `shown` is of disturbed trials."""
    guards = dict.fromkeys(cell.guard for cell in cells if cell.guard in shown and cell.latencies_disturbed)
    whose = f" of {listed(guards)}" if len(guards) < len(shown) else ""
    return f"\nrough times: the machine was disturbed in every trial{whose}" if guards else ""


def rough_trial(subject: Subject) -> str:
    """The same of one trial."""
    rows = (row for row in subject.run.summary.trials if row.number == subject.trial)
    return "\nrough times: the machine was disturbed in this trial" if any(row.disturbances for row in rows) else ""


def listed(names: Iterable[str], most: int = MOST_LISTED) -> str:
    """Names in a sentence; of many the first, and how many more."""
    every = list(names)
    more = len(every) - most
    return ", ".join(every[:most]) + (f" and {more} more" if more > 0 else "")


def inline(rows: Rows) -> Any:
    """Rows as a chart carries them, in a tuple: the library hands that on, and would copy a list for every layer."""
    return alt.Data(values=tuple(plain(rows)))  # type: ignore[no-untyped-call]


def plain(rows: Rows) -> list[DataRow]:
    """Rows as plain values: floats to DIGITS significant digits or TIME_DIGITS decimals, NaN as null."""
    records = rows.to_dict("records") if isinstance(rows, pd.DataFrame) else rows
    return [{str(name): _plain(value, str(name)) for name, value in row.items()} for row in records]


def _plain(value: Any, name: str) -> Any:
    if isinstance(value, (bool, str)) or value is None:
        return value
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        if not isfinite(value):
            return None
        return round(float(value), TIME_DIGITS) if name.endswith("_s") else float(f"{value:.{DIGITS}g}")
    return str(value)


def ticks(low: float, high: float) -> list[float]:
    """Choose round values for a logarithmic axis: whole decades if there are enough, else finer steps."""
    decades = range(floor(log10(low)), floor(log10(high)) + 1)
    chosen: list[float] = []
    for steps in (
        (1.0,),
        (1.0, 2.0, 5.0),
        *(np.arange(1, 10, step) for step in (1, 0.5, 0.2, 0.1, 0.05, 0.02)),
    ):
        values = [float(step) * 10.0**decade for decade in decades for step in steps]
        chosen = [value for value in values if low <= value <= high]
        if len(chosen) >= MIN_TICKS:
            break
    return chosen


def padded(low: float, high: float) -> list[float]:
    """Widen the bounds of a logarithmic axis a little, so that no line runs along its edge."""
    room = 10 ** max(0.04 * log10(high / low), 0.02)
    return [low / room, high * room]


def heading(title: str) -> alt.TitleParams:
    """Set the first line as title, the others below it."""
    first, *others = title.splitlines() or [""]
    return alt.TitleParams(first, subtitle=others, anchor="start", frame="group", offset=14)


PROTOCOL = Chart
