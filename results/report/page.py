"""The report: one HTML file that needs no server and no network, written from a run directory.

What stands in the page at once are the verdicts, the choice and all figures. The pictures and stories of a scenario
are one packed part, which the browser unpacks when a reader first opens something in it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from leasebench.registry import plugins
from leasebench.results.advice import Advice, Failure, headline
from leasebench.results.charts import Subject
from leasebench.results.compare.cheapest import advise_on
from leasebench.results.compare.ranking import rank
from leasebench.results.compare.ranking_view import legend, overall_grid
from leasebench.results.numbering import numbers
from leasebench.results.remarks import remarks
from leasebench.results.report.content import VIOLATION_COLUMNS
from leasebench.results.report.facts import METHOD, axes, settings, verdicts
from leasebench.results.report.figures import COLUMNS, gist
from leasebench.results.report.packing import in_script
from leasebench.results.rundirectory import RunDirectory
from leasebench.results.theme import dark_inks, theme
from leasebench.verdict import Verdict

HERE = Path(__file__).parent
RUN_CHARTS = ("verdict_heatmap", "safety_cost")
MOST_OPEN = 60
"""Unproven cells with their commands; of more it is said how many."""
MOST_REMARKS = 60


def cell_id(guard: str, scenario: str) -> str:
    """The anchor of a cell; names never hold a full stop."""
    return f"cell-{quote(guard, safe='')}.{quote(scenario, safe='')}"


def render(run: RunDirectory, packs: Sequence[str]) -> str:
    """The whole page; `packs` are the packed parts of the run's scenarios, in their order."""
    environment = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined)
    environment.filters["id"] = lambda name: quote(name, safe="")
    guards = [_guard(run, name) for name in run.guards]
    advice = advise_on(run)
    return environment.get_template("page.html.j2").render(
        run={
            "suite": run.summary["suite"],
            "guards": len(run.guards),
            "scenarios": len(run.scenarios),
            "trials": len(run.summary["trials"]),
            "began": run.manifest.get("began"),
            "seed": run.manifest.get("seed"),
            "verdicts": verdicts(run),
        },
        problems=[*run.problems, *map(str, run.contradictions())],
        guards=guards,
        scenarios=_scenarios(run),
        verdicts=[verdict.value for verdict in Verdict],
        ranking=_ranking(run),
        figure_columns=[{"title": "scenario", "about": None, "number": False}, *_headings()],
        method=METHOD,
        facts=list(settings(run)),
        remarks=_bounded(list(remarks(run.summary)), MOST_REMARKS),
        answer=_answer(advice),
        footer=f"leasebench {run.manifest.get('versions', {}).get('leasebench', '')}: {run.name}",
        css=_own((HERE / "page.css").read_text(encoding="utf-8")),
        js=_own((HERE / "page.js").read_text(encoding="utf-8")),
        vega=_own(_vega()),
        data=_own(in_script(_data(run))),
        packs=[_own(pack) for pack in packs],
    )


def _ranking(run: RunDirectory) -> dict[str, Any] | None:
    """The table of `leasebench compare RUN`: every guard over all scenarios, beside the reference guard."""
    if not run.summary["cells"]:
        return None
    ranking = rank(run)
    grid = overall_grid(ranking)
    trials = sorted({cell["trials"] for cell in run.summary["cells"]})
    rows = [
        {
            "guard": row[0].text,
            "scenario": None,
            "verdict": None,
            "cells": [
                _field(
                    text.text,
                    None,
                    number=not column.left,
                    href=f"#guard-{quote(text.text, safe='')}" if at == 0 else None,
                )
                for at, (column, text) in enumerate(zip(grid.columns, row, strict=True))
            ],
        }
        for row in grid.rows
    ]
    columns = [{"title": column.heading, "about": None, "number": not column.left} for column in grid.columns]
    meant = [line for line in legend(ranking, trials) if not line.startswith("coloured")]
    about = " ".join(f"{line}." for line in (f"x: beside {ranking.reference} ({ranking.why})", *meant))
    return {"about": about, "columns": columns, "rows": rows}


def _own(text: str) -> Markup:
    """Text of our own making that stands in the page as it is: scripts, styles, base64, JSON escaped for a script."""
    return Markup(text)  # noqa: S704


def _headings() -> list[dict[str, Any]]:
    verdict = {"title": "verdict", "about": "worst of all trials; ! was not expected", "number": False}
    return [verdict, *({"title": one.title, "about": one.about, "number": one.number} for one in COLUMNS)]


def _guard(run: RunDirectory, name: str) -> dict[str, Any]:
    table = run.suite.guard(name)
    cells = [cell for scenario in run.scenarios if (cell := run.cell(name, scenario)) is not None]
    return {
        "name": name,
        "about": table.about,
        "axes": list(axes(table)),
        "rows": [_row(cell) for cell in cells],
        "cells": [
            {
                "id": cell_id(name, cell["scenario"]),
                "scenario": cell["scenario"],
                "verdict": cell["verdict"],
                "as_expected": cell["as_expected"],
                "gist": gist(cell),
            }
            for cell in cells
        ],
    }


def _row(cell: dict[str, Any]) -> dict[str, Any]:
    """One cell of the run as a row: each field a text, the value that a CSV gets, and what it is."""
    link = "#" + cell_id(cell["guard"], cell["scenario"])
    verdict = cell["verdict"] + ("" if cell["as_expected"] else " !")
    figures = ((column, *column.show(cell)) for column in COLUMNS)
    return {
        "guard": cell["guard"],
        "scenario": cell["scenario"],
        "verdict": cell["verdict"],
        "cells": [
            _field(cell["scenario"], cell["scenario"], href=link),
            _field(verdict, cell["verdict"], badge=cell["verdict"]),
            *(_field(text, "" if value is None else value, number=column.number) for column, text, value in figures),
        ],
    }


def _field(text: str, value: Any, **what: Any) -> dict[str, Any]:
    """One field of a table: its text, the value that a CSV gets (None: the text), and what it is."""
    return {"text": text, "value": value, "number": False, "href": None, "badge": None} | what


def _scenarios(run: RunDirectory) -> list[dict[str, Any]]:
    about = {scenario.name: scenario.about for scenario in run.suite.scenarios}
    return [{"name": name, "about": about.get(name, ""), "pack": pack} for pack, name in enumerate(run.scenarios)]


def _answer(advice: Advice) -> dict[str, Any]:
    """The advice in words, and what hangs on it."""
    # A guard's name keeps its own first letter.
    said = "No guard of this run held everywhere." if advice.best is None else headline(advice)
    return {
        "said": said,
        "failed_title": "What the cheaper ones failed" if advice.best else "What each failed",
        "failed": [_failure(failure) for failure in advice.failed],
        "open": advice.unproven[:MOST_OPEN],
        "more": f"and {len(advice.unproven) - MOST_OPEN} more" if len(advice.unproven) > MOST_OPEN else None,
    }


def _failure(failure: Failure) -> dict[str, Any]:
    count = "" if failure.of == 1 else f"{len(failure.scenarios)} of {failure.of} scenarios: "
    return {
        "guard": failure.guard,
        "cost": "-" if failure.cost_us is None else f"{failure.cost_us:,.0f}",
        "verdict": failure.verdict.value,
        "where": count + ", ".join(failure.scenarios),
        "violation": failure.violation,
    }


def _data(run: RunDirectory) -> dict[str, Any]:
    """What the page's script begins with."""
    known = plugins("results.charts")
    charts = {name: known[name].draw(Subject(run)) for name in RUN_CHARTS}
    own = numbers(run.summary)
    cells = []
    for scenario in run.scenarios:
        for guard in run.guards:
            if run.cell(guard, scenario) is None:
                continue
            ranges = [own[row["number"]] for row in run.trials_of(guard, scenario) if len(own[row["number"]])]
            cells.append(
                {
                    "id": cell_id(guard, scenario),
                    "guard": guard,
                    "scenario": scenario,
                    "pack": run.scenarios.index(scenario),
                    "count": sum(map(len, ranges)),
                    "ranges": [[one[0], one[-1]] for one in ranges],
                }
            )
    return {
        "inks": dark_inks(),
        "themes": {"light": theme("light"), "dark": theme("dark")},
        "charts": {name: drawn for name, drawn in charts.items() if drawn is not None},
        "cells": cells,
        "violation_columns": VIOLATION_COLUMNS,
    }


def _vega() -> str:
    """Vega, Vega-Lite and vega-embed in one script, which defines `leasebenchEmbed`; no text in it ends its element."""
    bundle: str = vl_convert.javascript_bundle("window.leasebenchEmbed = vegaEmbed;")
    return "(() => {" + bundle.replace("</script", "<\\/script") + "})();"


def _bounded(lines: list[str], most: int) -> Iterator[str]:
    yield from lines[:most]
    if len(lines) > most:
        yield f"and {len(lines) - most} more"
