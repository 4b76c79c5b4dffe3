"""A run as a notebook has it: its files read, and what can be asked of them."""

from dataclasses import fields
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from leasebench.results.compare.cheapest import advise_on
from leasebench.results.display.theme import VERDICT_COLOURS
from leasebench.results.reading.integrity import examine
from leasebench.results.reading.locate import find_run
from leasebench.results.reading.rundirectory import RunDirectory
from leasebench.results.record.file import BadRunDirectory, is_there
from leasebench.results.record.manifest import Manifest, read_manifest
from leasebench.results.record.names import SUMMARY_FILE
from leasebench.results.record.suite import read_suite
from leasebench.results.summary.derivation import as_written, summarise, unlike
from leasebench.results.tables.advice import sentences


class Run(RunDirectory):
    """One run directory, with its comparison, its violations, explanations and charts. Made by `load`."""

    def check(self) -> list[str]:
        """Every place at which `summary.json` is not what the trials say, as `key: written != derived`."""
        written = as_written(self.path) if is_there(self.path / SUMMARY_FILE) else self.summary.as_json()
        return unlike(written, summarise(self.path))

    def rank(self, reference: str | None = None) -> Any:
        """Rank the guards: see `results.compare.ranking.rank`; the figures stand in its `frame`."""
        from leasebench.results.compare.ranking import rank

        return rank(self, reference)

    def violations(self, guard: str | None = None, scenario: str | None = None) -> pd.DataFrame:
        """One row a violation: the fields of `results.reading.violations.Violation`. Reads the trials that have any."""
        from leasebench.results.reading.violations import Violation, matching

        return pd.DataFrame(list(matching(self, guard, scenario)), columns=[one.name for one in fields(Violation)])

    def explain(self, number: int) -> str | None:
        """Narrate the violation of that number, in words and with its diagram; None if it does not exist."""
        from leasebench.results.explain import explain
        from leasebench.results.explain.text import as_text
        from leasebench.results.reading.violations import violation

        found = violation(self, number)
        told = explain(self, found) if found is not None else None
        return None if told is None else as_text(told)

    def _repr_html_(self) -> str:
        """What a notebook shows of a run: its verdicts."""
        from leasebench.results.run import as_html

        return as_html(self)

    def chart(self, name: str, **where: Any) -> Any:
        """Draw one chart as an Altair object on light ground, for a notebook; None where there is nothing to show.

        `where` are the fields of `results.charts.Subject` that the chart's scope needs: `scenario`, `guard`, `phase`,
        `trial`. Raises KeyError for a chart that there is not.
        """
        import altair as alt

        from leasebench.registry import plugins
        from leasebench.results.charts import Subject
        from leasebench.results.display.theme import theme

        drawn = plugins("results.charts")[name].draw(Subject(self, **where))
        return None if drawn is None else alt.Chart.from_dict({**drawn, "config": theme("light")})


def load(run: Path | str, *, examined: bool = False) -> Run:
    """Read a run directory: named by its path, by its name under `runs/`, or by its suite's name (the latest run).

    Its files are held against their checksums, unless who asks has just done so, or written them (`examined`).

    Raises BadRunDirectory, naming the file, where it is none or its suite can't be read.
    """
    where = find_run(run)
    suite = read_suite(where)
    problems = [] if examined else list(examine(where).damaged)
    manifest: Manifest | None = None
    try:
        manifest = read_manifest(where)
    except BadRunDirectory as error:
        problems.append(str(error))
    return Run(where, suite, manifest, problems)


MOST_SCENARIOS = 60


def as_html(run: RunDirectory) -> str:
    """A table of verdicts, guards down and scenarios across, and the advice; every name is escaped."""
    scenarios = run.scenarios[:MOST_SCENARIOS]
    head = "".join(f"<th>{escape(name)}</th>" for name in scenarios)
    rows = "".join(_row(run, guard, scenarios) for guard in run.guards)
    more = len(run.scenarios) - len(scenarios)
    cut = f"<p>and {more} more scenarios</p>" if more else ""
    problems = "".join(f"<li>{escape(problem)}</li>" for problem in run.problems)
    told = f"<ul>{problems}</ul>" if problems else ""
    said = "<br>".join(escape(line) for line in sentences(advise_on(run), str(run.path)))
    title = f"{escape(run.summary.suite)}: {len(run.summary.trials)} trials"
    return f"<table><caption>{title}</caption><tr><th></th>{head}</tr>{rows}</table>{cut}{told}<p>{said}</p>"


def _row(run: RunDirectory, guard: str, scenarios: list[str]) -> str:
    fields = []
    for scenario in scenarios:
        cell = run.cell(guard, scenario)
        if cell is None:
            fields.append("<td></td>")
            continue
        mark = "" if cell.as_expected else " !"
        colour = VERDICT_COLOURS[cell.verdict]
        fields.append(f'<td style="color:{colour}">{escape(cell.verdict)}{mark}</td>')
    return f"<tr><th>{escape(guard)}</th>{''.join(fields)}</tr>"
