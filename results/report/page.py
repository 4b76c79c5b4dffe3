"""The report: one HTML file that needs no server and no network, written from a run directory.

What stands in the page at once are the verdicts, the choice and all figures. The pictures and stories of a scenario
are one packed part, which the browser unpacks when a reader first opens something in it.
"""

import gzip
import json
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from leasebench.results.charts import Spec
from leasebench.results.compare.cheapest import advise_on
from leasebench.results.compare.ranking import rank
from leasebench.results.compare.ranking_view import legend, overall_grid
from leasebench.results.display.numbering import numbers
from leasebench.results.display.numbers import number
from leasebench.results.display.theme import dark_inks, theme
from leasebench.results.reading.rundirectory import RunDirectory
from leasebench.results.reading.sweeps import swept_lines
from leasebench.results.record.metric import Form, metrics
from leasebench.results.record.summary import CellSummary
from leasebench.results.report.content import VIOLATION_COLUMNS, run_charts
from leasebench.results.report.disputed import disputed, witness_sentence
from leasebench.results.report.facts import METHOD, axes, settings, verdicts
from leasebench.results.report.verdict_table import tile_css, verdict_table
from leasebench.results.tables.advice import Advice, Failure, command_that_proves, headline
from leasebench.results.tables.columns import CellColumn, report_columns
from leasebench.results.tables.pricing import guard_cost_us
from leasebench.results.tables.remarks import remarks
from leasebench.results.tables.sweep_table import sweep_sentences
from leasebench.verdict import GOOD, Verdict

HERE = Path(__file__).parent
FEW_CELLS = 3
"""So few cells are open from the start."""
MOST_OPEN = 60
"""Unproven cells with their commands; of more it is said how many."""
MOST_REMARKS = 60
SWEEP = "sweep"
"""Stands with its sentences."""
CHOICE = "safety_cost"
"""The picture to choose a guard by stands with the ranking."""
SAYS_NOTHING = ("", "-", "1")
"""What the ranking has where it can't tell, and of the guard that all others stand beside."""


@dataclass(frozen=True, slots=True)
class Heading:
    """The head of a column; `about` is shown where the pointer rests."""

    title: str
    about: str | None
    number: bool = True


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a table: its text, the value that a CSV gets (None: the text), and what it is."""

    text: str
    value: float | str | None = None
    number: bool = False
    href: str | None = None
    badge: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table; that of a cell names its scenario and verdict, by which rows are filtered."""

    guard: str
    cells: tuple[Field, ...]
    scenario: str | None = None
    verdict: str | None = None


@dataclass(frozen=True, slots=True)
class Ranked:
    """The ranking of the guards."""

    about: str
    columns: tuple[Heading, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class GuardPart:
    """The part of the page that is about one guard."""

    name: str
    about: str
    axes: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]
    cells: tuple[CellSummary, ...]


@dataclass(frozen=True, slots=True)
class FailureRow:
    """A guard that did not hold, as the page tells it."""

    guard: str
    cost: str
    verdict: Verdict
    where: str
    violation: int | None


def cell_id(guard: str, scenario: str) -> str:
    """The anchor of a cell; names never hold a full stop."""
    return f"cell-{quote(guard, safe='')}.{quote(scenario, safe='')}"


def render(run: RunDirectory, packs: Sequence[str]) -> str:
    """The whole page; `packs` are the packed parts of the run's scenarios, in their order."""
    environment = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined)
    environment.filters["id"] = lambda name: quote(name, safe="")
    environment.filters["cell_id"] = lambda cell: cell_id(*cell.place)
    # A long name may be broken after a part of it.
    environment.filters["parts"] = lambda name: escape(name).replace("_", Markup("_<wbr>"))
    environment.filters["summary_line"] = summary_line
    columns = report_columns(run.summary.cells)
    places = {cell.place: cell_id(*cell.place) for cell in run.summary.cells}
    charts = run_charts(run)
    about = {scenario.name: scenario.about for scenario in run.suite.scenarios}
    manifest = run.manifest
    advice = advise_on(run)
    return environment.get_template("page.html.j2").render(
        run=run,
        began=manifest.began if manifest else None,
        seed=manifest.seed if manifest else None,
        verdict_counts=verdicts(run),
        problems=[*run.problems, *map(str, run.contradictions())],
        guards=[_guard(run, name, columns) for name in run.guards],
        scenarios=[(name, about.get(name, "")) for name in run.scenarios],
        verdicts=_counted(run),
        grid=verdict_table(run, places) if places else None,
        charts=[name for name in charts if name not in (CHOICE, SWEEP)],
        swept=SWEEP if SWEEP in charts else None,
        choice=CHOICE if CHOICE in charts else None,
        few=len(places) <= FEW_CELLS,
        ranking=_ranking(run),
        figure_columns=_headings(columns),
        method=METHOD,
        disputed=list(disputed(run)),
        witnessed=witness_sentence(run),
        facts=[group for group in settings(run) if group.rows],
        sweep=list(sweep_sentences(swept_lines(run))),
        remarks=list(_bounded(list(remarks(run.summary, run.name)), MOST_REMARKS)),
        advice=advice,
        said=_said(run, advice),
        good=advice.best is not None or all(cell.verdict in GOOD for cell in run.summary.cells),
        failed=[_failure(failure) for failure in advice.failed if failure.verdict not in GOOD],
        most_open=MOST_OPEN,
        proves=command_that_proves(run.name),
        footer=f"leasebench {manifest.versions.leasebench if manifest else ''}: {run.name}",
        css=_own((HERE / "page.css").read_text(encoding="utf-8") + tile_css()),
        js=_own((HERE / "page.js").read_text(encoding="utf-8")),
        vega=_own(vega()),
        data=_own(_data(run, charts)),
        packs=[_own(pack) for pack in packs],
    )


def _said(run: RunDirectory, advice: Advice) -> str:
    """The answer in a sentence; where nobody wrote, what became of the systems that hang on the endpoint."""
    if not any(cell.total("commits") for cell in run.summary.cells):
        return f"No guard wrote in this run: it is about what hangs on the endpoint. {verdicts(run)}."
    # A guard's name keeps its own first letter.
    return "No guard of this run held everywhere." if advice.best is None else headline(advice)


def _counted(run: RunDirectory) -> list[tuple[str, int]]:
    """The verdicts that there are, worst first, and how many cells have each."""
    counted = Counter(cell.verdict for cell in run.summary.cells)
    return [(verdict.value, counted[verdict]) for verdict in Verdict if counted[verdict]]


def _ranking(run: RunDirectory) -> Ranked | None:
    """The table of `leasebench compare RUN`: every guard over all scenarios, beside the reference guard.

    A column that says nothing of any guard is left out, and with a single guard all of it.
    """
    if len(run.guards) < 2:
        return None
    ranking = rank(run)
    grid = overall_grid(ranking)
    trials = sorted({cell.trials for cell in run.summary.cells})
    told = [at for at in range(1, len(grid.columns)) if any(row[at].text not in SAYS_NOTHING for row in grid.rows)]
    rows = []
    for row in grid.rows:
        guard = row[0].text
        link = Field(guard, href=f"#guard-{quote(guard, safe='')}")
        rows.append(Row(guard, (link, *(Field(row[at].text, number=not grid.columns[at].left) for at in told))))
    columns = tuple(Heading(grid.columns[at].heading, None, not grid.columns[at].left) for at in (0, *told))
    meant = [line for line in legend(ranking, trials) if not line.startswith("coloured")]
    about = " ".join(f"{line}." for line in (f"x: beside {ranking.reference} ({ranking.why})", *meant))
    return Ranked(about, columns, tuple(rows))


def _own(text: str) -> Markup:
    """Text of our own making that stands in the page as it is: scripts, styles, base64, JSON escaped for a script."""
    return Markup(text)  # noqa: S704


def _headings(columns: Sequence[CellColumn]) -> list[Heading]:
    verdict = Heading("verdict", "worst of all trials; ! was not expected", number=False)
    return [Heading("scenario", None, number=False), verdict, *(Heading(one.heading, one.about) for one in columns)]


def _guard(run: RunDirectory, name: str, columns: Sequence[CellColumn]) -> GuardPart:
    table = run.suite.guard(name)
    cells = tuple(cell for scenario in run.scenarios if (cell := run.cell(name, scenario)) is not None)
    rows = tuple(_row(cell, columns) for cell in cells)
    return GuardPart(name, table.about, tuple(axes(table)), rows, cells)


def _row(cell: CellSummary, columns: Sequence[CellColumn]) -> Row:
    """One cell of the run as a row: each field a text, the value that a CSV gets, and what it is."""
    verdict = f"{cell.verdict}{'' if cell.as_expected else ' !'}"
    fields = (
        Field(column.text(cell), "" if (value := column.value(cell)) is None else value, number=True)
        for column in columns
    )
    link = Field(cell.scenario, cell.scenario, href="#" + cell_id(*cell.place))
    return Row(
        cell.guard, (link, Field(verdict, cell.verdict, badge=cell.verdict), *fields), cell.scenario, cell.verdict
    )


def summary_line(cell: CellSummary) -> str:
    """The one line that stands beside a closed cell."""
    if cell.verdict is Verdict.FAILED:
        return cell.failures[0] if cell.failures else "failed"
    parts = [f"{cell.total('stale_overwrites'):,} stale of {cell.total('races'):,} races"]
    parts += [f"{count:,} {one.words}" for one in metrics(Form.COUNT) if one.words and (count := cell.total(one.name))]
    cost = guard_cost_us(cell)
    return ", ".join([*parts, *([] if cost is None else [f"{number(cost)} us per endpoint"])])


def _failure(failure: Failure) -> FailureRow:
    count = "" if failure.of == 1 else f"{len(failure.scenarios)} of {failure.of} scenarios: "
    where = count + ", ".join(failure.scenarios)
    return FailureRow(failure.guard, number(failure.cost_us), failure.verdict, where, failure.violation)


def _data(run: RunDirectory, charts: Mapping[str, Spec]) -> str:
    """What the page's script begins with, as JSON."""
    own = numbers(run.summary)
    cells = []
    for pack, scenario in enumerate(run.scenarios):
        for guard in run.guards:
            cell = run.cell(guard, scenario)
            if cell is None:
                continue
            ranges = [own[row.number] for row in run.trials_of(guard, scenario) if len(own[row.number])]
            cells.append(
                {
                    "id": cell_id(guard, scenario),
                    "guard": guard,
                    "scenario": scenario,
                    "verdict": cell.verdict,
                    "pack": pack,
                    "count": sum(map(len, ranges)),
                    "ranges": [[one[0], one[-1]] for one in ranges],
                }
            )
    return in_script(
        {
            "inks": dark_inks(),
            "themes": {"light": theme("light"), "dark": theme("dark")},
            "charts": charts,
            "cells": cells,
            "violation_columns": VIOLATION_COLUMNS,
        }
    )


@cache
def vega() -> str:
    """Vega, Vega-Lite and vega-embed in one script, which defines `leasebenchEmbed`; no text in it ends its element."""
    bundle: str = vl_convert.javascript_bundle("window.leasebenchEmbed = vegaEmbed;")
    return "(() => {" + bundle.replace("</script", "<\\/script") + "})();"


def _bounded(lines: list[str], most: int) -> Iterator[str]:
    yield from lines[:most]
    if len(lines) > most:
        yield f"and {len(lines) - most} more"


LEVEL = 9


def packed(value: Any) -> str:
    """Pack a JSON value, in which dataclasses may stand for objects.

    What is alike should stand close together: gzip looks back 32 kB.
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False, default=_object)
    return b64encode(gzip.compress(text.encode(), LEVEL, mtime=0)).decode("ascii")


def _object(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def in_script(value: Any) -> str:
    """A JSON value that can stand inside a script element: no text in it can end the element."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
