"""The verdicts of all cells as a table of links: the heat map as a page has it, for eyes, keyboards and screen readers.

The shorter axis stands across, so that a suite of few scenarios fits a phone. Where there is room a cell has its
verdict as a word, else a letter; what is only seen, or read aloud, says the whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from leasebench.results.charts import DataRow
from leasebench.results.charts.verdict_heatmap import LETTERS, explored_rows
from leasebench.results.display.theme import VERDICT_COLOURS, ink_on
from leasebench.results.reading.rundirectory import RunDirectory
from leasebench.results.record.summary import CellSummary
from leasebench.verdict import Verdict

MOST_WORDS = 6
"""With more columns than these, letters stand in for words."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One cell: `shown` in the table, `under` in small print, `says` the whole in words; None for one that was not run.

    `verdict` gives the colour; the rest is what filters go by. An explored cell has no scenario to filter by.
    """

    guard: str
    scenario: str
    verdict: Verdict
    shown: str
    under: str
    says: str
    href: str
    expected: bool
    measured: bool


@dataclass(frozen=True, slots=True)
class VerdictTable:
    """A head of names across, and rows with a name down the side."""

    corner: str
    across: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Tile | None, ...]], ...]
    words: bool
    legend: tuple[tuple[Verdict, str], ...]
    raced: bool
    surprised: bool


def verdict_table(run: RunDirectory, anchors: dict[tuple[str, str], str]) -> VerdictTable:
    """All cells of a run, and below or beside them what was explored; `anchors` are the places of cells in the page."""
    explored = list(explored_rows(run))
    scenarios = [*run.scenarios, *dict.fromkeys(row["scenario"] for row in explored)]
    down, across = (run.guards, scenarios) if len(scenarios) <= len(run.guards) else (scenarios, run.guards)
    words = len(across) <= MOST_WORDS
    tiles = {cell.place: _tile(cell, anchors[cell.place], words=words) for cell in run.summary.cells}
    tiles |= {(row["guard"], row["scenario"]): _explored_tile(row) for row in explored}

    def at(name: str, other: str) -> Tile | None:
        return tiles.get((name, other)) or tiles.get((other, name))

    present = [one for one in Verdict if any(tile.verdict is one for tile in tiles.values())]
    return VerdictTable(
        "guard" if down is run.guards else "scenario",
        tuple(across),
        tuple((name, tuple(at(name, other) for other in across)) for name in down),
        words,
        tuple((one, LETTERS[one]) for one in present),
        raced=any(tile.under for tile in tiles.values()),
        surprised=not all(tile.expected for tile in tiles.values()),
    )


def tile_css(verdicts: Sequence[Verdict] = tuple(Verdict)) -> str:
    """The ground and ink of each verdict's cells, the same on a light and on a dark page."""
    return "\n".join(
        f".t-{one.value} {{ background: {VERDICT_COLOURS[one]}; color: {ink_on(VERDICT_COLOURS[one])}; }}"
        for one in verdicts
    )


def _tile(cell: CellSummary, anchor: str, *, words: bool) -> Tile:
    stale, races = cell.total("stale_overwrites"), cell.total("races")
    seen = f"{stale:,} stale of {races:,} races" if races else "no races"
    surprise = "" if cell.as_expected else f", expected {' or '.join(cell.expected)}"
    return Tile(
        cell.guard,
        cell.scenario,
        cell.verdict,
        cell.verdict.value if words else LETTERS[cell.verdict],
        f"{stale:,} of {races:,}" if words and races else "",
        f"{cell}: {cell.verdict}{surprise}, {seen}",
        f"#{anchor}",
        cell.as_expected,
        measured=True,
    )


def _explored_tile(row: DataRow) -> Tile:
    return Tile(
        row["guard"],
        row["scenario"],
        Verdict(row["verdict"]),
        row["letter"],
        "",
        f"{row['guard']}, {row['scenario']}: {row['label']}, {row['expected']}",
        row["href"],
        expected=True,
        measured=False,
    )
