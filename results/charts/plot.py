"""Draw a run's charts into files, PNG and SVG."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import vl_convert

from leasebench.definitions import DefinitionError, must_be_known
from leasebench.registry import plugin, plugins
from leasebench.results.charts import Chart, ChartScope, Subject
from leasebench.results.display.theme import Mode, theme
from leasebench.results.reading.rundirectory import RunDirectory, representative_trial
from leasebench.results.record.file import BadRunDirectory
from leasebench.visible import visible

PHASES = ("commit", "acquire", "plan")
"""The phases in which guards differ."""
BY_DEFAULT = (ChartScope.RUN, ChartScope.SCENARIO, ChartScope.PHASE)
"""Pictures of single guards and trials are drawn when asked for: a large suite would have thousands."""
MOST_SCENARIOS = 8
"""With more scenarios, charts of one scenario are drawn only on request: `full` has 250, which takes minutes."""
PPI = 150
_NO_NAME = re.compile(r"[^\w.-]")
"""Characters to keep out of file names: names in another user's run may hold anything."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be drawn; an empty choice is every one. Without `charts`, those of the scopes BY_DEFAULT."""

    charts: Sequence[str] = ()
    guards: Sequence[str] = ()
    scenarios: Sequence[str] = ()
    trial: int | None = None


def plot(run: RunDirectory, out: Path, wanted: Wanted, mode: Mode, formats: Sequence[str]) -> Iterator[Path]:
    """Draw what is wanted into the directory `out`, as `png` or `svg` or both, and name each file as it is written.

    Raises DefinitionError for a name that there is not. What has no data is left out: a guard without lease acquires
    none. What is damaged is told and left out. A chart of a trial shows `wanted.trial`, else the trial of the cell's
    first violation.
    """
    subjects = list(_subjects(run, wanted))
    out.mkdir(parents=True, exist_ok=True)
    for chart, subject in subjects:
        try:
            drawn = chart.draw(subject)
        except BadRunDirectory as error:
            run.note_problem(str(error))
            continue
        if drawn is None:
            continue
        shown = _drawable({**drawn, "config": theme(mode)})
        parts = (part for part in (chart.name, *_place(chart, subject)) if part is not None)
        stem = "-".join(_NO_NAME.sub("_", part) for part in parts)
        for kind in formats:
            path = out / f"{stem}{'' if mode == 'light' else '-dark'}.{kind}"
            if kind == "png":
                path.write_bytes(vl_convert.vegalite_to_png(shown, ppi=PPI))
            else:
                path.write_text(vl_convert.vegalite_to_svg(shown), encoding="utf-8")
            yield path


def _subjects(run: RunDirectory, wanted: Wanted) -> Iterator[tuple[Chart, Subject]]:
    known: dict[str, Chart] = plugins("results.charts")
    for name in wanted.charts:
        plugin("results.charts", "chart", name)
    for kind, names, there in (
        ("guard", wanted.guards, run.guards),
        ("scenario", wanted.scenarios, run.scenarios),
    ):
        must_be_known(kind, names, there)
    if wanted.trial is not None and wanted.trial not in run.folders:
        raise DefinitionError(f"{run.path}: has no trial {wanted.trial}: there is {min(run.folders, default=0)} to "
                              f"{max(run.folders, default=0)}")  # fmt: skip
    many = len(run.scenarios) > MOST_SCENARIOS and not wanted.scenarios
    scopes = (ChartScope.RUN,) if many else BY_DEFAULT
    charts = [known[name] for name in wanted.charts] or [one for one in known.values() if one.scope in scopes]
    for chart in charts:
        yield from ((chart, subject) for subject in _of(chart, run, wanted))


def _of(chart: Chart, run: RunDirectory, wanted: Wanted) -> Iterator[Subject]:
    scenarios = [name for name in run.scenarios if not wanted.scenarios or name in wanted.scenarios]
    guards = [name for name in run.guards if not wanted.guards or name in wanted.guards]
    only = guards[0] if len(wanted.guards) == 1 else None
    if chart.scope is ChartScope.RUN:
        yield Subject(run)
    elif chart.scope is ChartScope.SCENARIO:
        yield from (Subject(run, scenario) for scenario in scenarios)
    elif chart.scope is ChartScope.PHASE:
        yield from (Subject(run, scenario, only, phase) for scenario in scenarios for phase in PHASES)
    elif chart.scope is ChartScope.CELL:
        yield from (
            Subject(run, scenario, guard) for scenario in scenarios for guard in guards if run.cell(guard, scenario)
        )
    else:
        yield from _trials(run, wanted, guards, scenarios)


def _trials(run: RunDirectory, wanted: Wanted, guards: Sequence[str], scenarios: Sequence[str]) -> Iterator[Subject]:
    if wanted.trial is not None:
        row = next((row for row in run.summary.trials if row.number == wanted.trial), None)
        if row is not None:
            yield Subject(run, row.scenario, row.guard, trial=wanted.trial)
        return
    for scenario in scenarios:
        for guard in guards:
            number = representative_trial(run, guard, scenario)
            if number is not None:
                yield Subject(run, scenario, guard, trial=number)


def _place(chart: Chart, subject: Subject) -> Iterator[str | None]:
    """What a file's name says beside the chart's."""
    if chart.scope is not ChartScope.RUN:
        yield subject.scenario
    yield subject.guard
    yield subject.phase
    yield None if subject.trial is None else f"{subject.trial:04d}"


def _drawable(value: Any) -> Any:
    """A definition whose texts can be drawn: SVG knows no control characters.

    Vega writes names into expressions of its own, in which a backslash begins an escape sequence: it becomes a sign
    that looks like one.
    """
    if isinstance(value, str):
        return visible(value).replace("\\", "\N{REVERSE SOLIDUS OPERATOR}")
    if isinstance(value, dict):
        return {_drawable(key): _drawable(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_drawable(one) for one in value]
    return value
