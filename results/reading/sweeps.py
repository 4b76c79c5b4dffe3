"""The sweeps of a run: each guard along the values of a parameter, and what may be claimed of it.

A claim reaches only as far as every value was seen to come out the same: none is made across a value that is unproven.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile

from leasebench.results.reading.rundirectory import RunDirectory
from leasebench.results.record.suite import ScenarioTable
from leasebench.results.record.summary import CellSummary
from leasebench.verdict import Verdict


class CameOut(StrEnum):
    """How a guard came out at one value."""

    HELD = "held"
    LEAKED = "leaked"
    OPEN = "unproven"
    OTHER = "harmed otherwise"
    """No stale overwrite, and no proof either: dangling, wedged, stuck or failed."""


KNOWN = frozenset({CameOut.HELD, CameOut.LEAKED})


@dataclass(frozen=True, slots=True)
class Swept:
    """A guard at one value of the parameter: its text, its number (None if it is a word), and the cell."""

    text: str
    number: float | None
    cell: CellSummary

    @property
    def came_out(self) -> CameOut:
        """How it came out there."""
        if self.cell.verdict is Verdict.FAILED:
            return CameOut.OTHER
        if self.cell.total("stale_overwrites"):
            return CameOut.LEAKED
        by_verdict = {Verdict.CLEAN: CameOut.HELD, Verdict.UNPROVEN: CameOut.OPEN}
        return by_verdict.get(self.cell.verdict, CameOut.OTHER)


@dataclass(frozen=True, slots=True)
class SweptLine:
    """A guard along the first parameter, in one scenario and at one value of the `second` (its name, the value's text).

    Numbers are in their order, words in the suite's.
    """

    guard: str
    parameter: str
    family: str
    second: tuple[str, str] | None
    points: tuple[Swept, ...]

    @property
    def numeric(self) -> bool:
        """Whether all values are numbers."""
        return all(one.number is not None for one in self.points)


@dataclass(frozen=True, slots=True)
class Claims:
    """What may be said of a row of outcomes, by their places.

    Every value up to `first_to` came out as the first, every one from `last_from` on as the last; None where that one
    is unproven or harmed otherwise. `apart` are the places that neither covers.
    """

    first_to: int | None
    last_from: int | None
    apart: tuple[int, ...]

    @property
    def everywhere(self) -> bool:
        """Whether all values came out the same."""
        return self.last_from == 0


def claims(outcomes: Sequence[CameOut]) -> Claims:
    """Find how far from either end all values came out the same. `outcomes` is not empty."""
    first = _reach(outcomes)
    last = _reach(outcomes[::-1])
    count = len(outcomes)
    apart = tuple(range(first, max(first, count - last)))
    return Claims(first - 1 if first else None, count - last if last else None, apart)


def _reach(outcomes: Sequence[CameOut]) -> int:
    """How many values from the begin on came out the same, and are known."""
    return sum(1 for _ in takewhile(lambda one: one is outcomes[0] and one in KNOWN, outcomes))


def swept_lines(run: RunDirectory) -> list[SweptLine]:
    """Every guard along the first parameter that was swept; empty if none was. In the suite's order."""
    if not run.suite.swept:
        return []
    parameter, *others = run.suite.swept
    rows: dict[tuple[str, tuple[str, str] | None, str], list[Swept]] = {}
    for scenario in run.suite.scenarios:
        text = scenario.varied.get(parameter)
        if text is None:
            continue
        second = (others[0], scenario.varied[others[0]]) if others and others[0] in scenario.varied else None
        for guard in scenario.guards:
            cell = run.cell(guard, scenario.name)
            if cell is not None:
                key = (_family(scenario), second, guard)
                rows.setdefault(key, []).append(Swept(text, _number(text), cell))
    lines = [
        SweptLine(guard, parameter, family, second, tuple(_ordered(points)))
        for (family, second, guard), points in rows.items()
    ]
    families = list(dict.fromkeys(line.family for line in lines))
    return sorted(lines, key=lambda line: (families.index(line.family), _second_number(line)))


def _second_number(line: SweptLine) -> float:
    return 0.0 if line.second is None else _number(line.second[1]) or 0.0


def _family(scenario: ScenarioTable) -> str:
    return scenario.family or scenario.name


def _ordered(points: Sequence[Swept]) -> Sequence[Swept]:
    numbers = {one.text: one.number for one in points}
    if None in numbers.values():
        return points
    return sorted(points, key=lambda one: numbers[one.text] or 0.0)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
