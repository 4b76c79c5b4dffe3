"""What one scenario's part of the page holds: its pictures, and per guard the first violation and its story."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from leasebench.registry import plugins
from leasebench.results.charts import Chart, ChartScope, Spec, Subject
from leasebench.results.display.numbering import violations_of
from leasebench.results.display.phrases import instant
from leasebench.results.explain import explain
from leasebench.results.explain.svg import as_svg
from leasebench.results.reading.rundirectory import RunDirectory, representative_trial
from leasebench.results.reading.violations import Violation, matching
from leasebench.results.record.file import BadRunDirectory

HEAT_MAP = "verdict_heatmap"
"""The page has it as a table."""
CLOSEUPS = frozenset({"versions_over_time", "lease_timeline"})
"""Pictures of what is around a violation: a cell without one does without."""
PHASES = {"latency_histogram": ("commit", "acquire", "plan"), "percentile_curve": ("commit", "plan")}
"""Which phases a chart of phases shows; one that is not named here shows commits."""
MOST_VIOLATIONS = 40
"""The most violations of one cell that the page lists; `leasebench explain` shows any other."""
VIOLATION_COLUMNS = ("no.", "trial", "at s", "what", "endpoint", "by", "plan", "over", "back")


Picture = tuple[str, list[str], Spec]
"""The name of a chart, the guards in it, and Vega-Lite."""


@dataclass(frozen=True, slots=True)
class Story:
    """The story of a violation: chapters (when, what), and cures (what, whether it helps, why)."""

    number: int
    trial: int
    headline: str
    chapters: list[tuple[str, str]]
    svg: str
    cure: list[tuple[str, str, str]]
    verdict: str


@dataclass(frozen=True, slots=True)
class CellContent:
    """What one cell's part shows: its pictures, the story of its first violation, and a row for each that is listed.

    `incident` is what became of the first endpoint that resolved to nothing, where that wedged the cell.
    """

    charts: dict[str, Spec]
    incident: list[tuple[str, str]]
    story: Story | None
    violations: list[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class ScenarioContent:
    """What one scenario's part of the page holds: its pictures, and what each guard's part shows."""

    charts: list[Picture]
    narrowed: dict[str, Spec]
    """The pictures of the whole run that can be narrowed to a scenario, of this one."""
    cells: dict[str, CellContent]


def scenario_content(run: RunDirectory, scenario: str) -> ScenarioContent:
    """Draw the pictures of a scenario and of its cells, and tell their stories."""
    guards = [guard for guard in run.guards if run.cell(guard, scenario)]
    cells = {guard: _cell_content(run, guard, scenario) for guard in guards}
    return ScenarioContent(_scenario_charts(run, scenario, guards), _narrowed(run, scenario), cells)


def _narrowed(run: RunDirectory, scenario: str) -> dict[str, Spec]:
    if len(run.scenarios) < 2:
        return {}
    whole = run_charts(run)
    known = [chart for chart in _charts(ChartScope.RUN) if chart.name in whole]
    drawn = {chart.name: _drawn(chart, Subject(run, scenario)) for chart in known}
    # A chart that does not narrow itself draws the same again.
    return {name: spec for name, spec in drawn.items() if spec is not None and spec != whole[name]}


@lru_cache(maxsize=1)
def run_charts(run: RunDirectory) -> Mapping[str, Spec]:
    """The pictures of the whole run that have something to show, but for the one that the page has as a table."""
    drawn = {chart.name: _drawn(chart, Subject(run)) for chart in _charts(ChartScope.RUN) if chart.name != HEAT_MAP}
    return {name: spec for name, spec in drawn.items() if spec is not None}


def _cell_content(run: RunDirectory, guard: str, scenario: str) -> CellContent:
    # The representative trial is open for its pictures, and for the story after them.
    charts = _cell_charts(run, guard, scenario)
    listed = list(islice(matching(run, guard, scenario), MOST_VIOLATIONS))
    cell = run.cell(guard, scenario)
    told = cell.story if cell and cell.total("wedged") else ()
    incident = [(instant(chapter.t_s), f"{chapter.endpoint}: {chapter.what}") for chapter in told]
    return CellContent(charts, incident, _story(run, listed[0]) if listed else None, [_row(one) for one in listed])


def _cell_charts(run: RunDirectory, guard: str, scenario: str) -> dict[str, Spec]:
    """The pictures of a cell and of its representative trial."""
    found = {}
    trial = representative_trial(run, guard, scenario)
    harmed = any(map(violations_of, run.trials_of(guard, scenario)))
    for chart in _charts(ChartScope.TRIAL, ChartScope.CELL):
        if (chart.scope is ChartScope.TRIAL and trial is None) or (chart.name in CLOSEUPS and not harmed):
            continue
        drawn = _drawn(chart, Subject(run, scenario, guard, trial=trial if chart.scope is ChartScope.TRIAL else None))
        if drawn is not None:
            found[chart.name] = drawn
    return found


def _scenario_charts(run: RunDirectory, scenario: str, guards: list[str]) -> list[Picture]:
    subjects = [
        *((chart, Subject(run, scenario)) for chart in _charts(ChartScope.SCENARIO)),
        *(
            (chart, Subject(run, scenario, phase=phase))
            for chart in _charts(ChartScope.PHASE)
            for phase in PHASES.get(chart.name, ("commit",))
        ),
    ]
    drawn = ((chart.name, _drawn(chart, subject)) for chart, subject in subjects)
    return [(name, guards, picture) for name, picture in drawn if picture is not None]


def _drawn(chart: Chart, subject: Subject) -> Spec | None:
    """A picture; None, and the problem told, where the files that it is drawn from are damaged."""
    try:
        return chart.draw(subject)
    except BadRunDirectory as error:
        subject.run.note_problem(str(error))
        return None


def _charts(*scopes: ChartScope) -> list[Chart]:
    return [chart for chart in plugins("results.charts").values() if chart.scope in scopes]


def _story(run: RunDirectory, violation: Violation) -> Story | None:
    """The story of a violation; None, and the problem told, where the files that it is told from are damaged."""
    try:
        told = explain(run, violation)
    except BadRunDirectory as error:
        run.note_problem(str(error))
        return None
    if told is None:
        return None
    return Story(
        violation.number,
        violation.trial,
        told.headline,
        [(instant(message.at_s, 4), message.words) for message in told.messages],
        as_svg(told),
        [(f"{cure.axis}: {cure.choice}", cure.answer.value, cure.why) for cure in told.cures],
        told.verdict,
    )


def _row(violation: Violation) -> tuple[object, ...]:
    """The fields of VIOLATION_COLUMNS."""
    at_s = None if violation.t_s is None else f"{violation.t_s:.4f}"
    over = violation.over or None
    back = violation.over - violation.version if violation.over else None
    return (
        violation.number,
        violation.trial,
        at_s,
        violation.kind.value,
        violation.endpoint,
        violation.enactor,
        violation.version,
        over,
        back,
    )
