"""A run as a notebook has it: its files read, and what can be asked of them."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd

from leasebench.results.reading.locate import find_run
from leasebench.results.reading.rundirectory import RunDirectory
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.record.manifest import Manifest, read_manifest
from leasebench.results.record.suite import read_suite
from leasebench.results.record.summary import SUMMARY_FILE
from leasebench.results.summary.derivation import as_written, summarise


class Run(RunDirectory):
    """One run directory, with its comparison, its violations, explanations and charts. Made by `load`."""

    def check(self) -> list[str]:
        """Every place at which `summary.json` is not what the trials say, as `key: written != derived`."""
        from leasebench.results.summary.rederivation import differences

        written = as_written(self.path) if (self.path / SUMMARY_FILE).exists() else self.summary.as_json()
        return differences(written, summarise(self.path).as_json())

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
        from leasebench.results.glance import as_html

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


def load(run: Path | str) -> Run:
    """Read a run directory: named by its path, by its name under `runs/`, or by its suite's name (the latest run).

    Raises BadRunDirectory, naming the file, where it is none or its suite can't be read.
    """
    where = find_run(run)
    suite = read_suite(where)
    problems: list[str] = []
    manifest: Manifest | None = None
    try:
        manifest = read_manifest(where)
    except BadRunDirectory as error:
        problems.append(str(error))
    return Run(where, suite, manifest, problems)
