"""What one scenario's part of the page holds: its pictures, and per guard the first violation and its story."""

from itertools import islice
from typing import Any

from leasebench.registry import plugins
from leasebench.results.charts import Chart, Scope, Spec, Subject
from leasebench.results.explain import Explanation, explain
from leasebench.results.explain.svg import as_svg
from leasebench.results.numbering import violations_of
from leasebench.results.phrases import instant
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.rundirectory import RunDirectory
from leasebench.results.telling import telling_trial
from leasebench.results.violations import Violation, matching

CLOSEUPS = frozenset({"versions_over_time", "lease_timeline"})
"""Pictures of what is around a violation: a cell without one does without."""
PHASES = {"latency_histogram": ("commit", "acquire", "plan"), "percentile_curve": ("commit", "plan")}
"""Which phases a chart of phases shows; one that is not named here shows commits."""
MOST_VIOLATIONS = 40
"""Of one cell, that the page lists; the command `explain` tells any other."""
VIOLATION_COLUMNS = ("no.", "trial", "at s", "what", "endpoint", "by", "plan", "over", "back")


def scenario_content(run: RunDirectory, scenario: str) -> dict[str, Any]:
    """`charts`: (name, guards in it, Vega-Lite) of the whole scenario; `cells`: per guard what its part shows."""
    guards = [guard for guard in run.guards if run.cell(guard, scenario)]
    cells: dict[str, dict[str, Any]] = {}
    for guard in guards:
        cells[guard] = {"charts": _cell_charts(run, guard, scenario), **_told(run, guard, scenario)}
    return {"charts": _scenario_charts(run, scenario, guards), "cells": cells}


def _cell_charts(run: RunDirectory, guard: str, scenario: str) -> dict[str, Any]:
    """The pictures of a cell and of its telling trial; that trial is open for all of them, and for the story."""
    found = {}
    trial = telling_trial(run, guard, scenario)
    harmed = any(map(violations_of, run.trials_of(guard, scenario)))
    for chart in _charts(Scope.TRIAL, Scope.CELL):
        if (chart.scope is Scope.TRIAL and trial is None) or (chart.name in CLOSEUPS and not harmed):
            continue
        drawn = _drawn(chart, Subject(run, scenario, guard, trial=trial if chart.scope is Scope.TRIAL else None))
        if drawn is not None:
            found[chart.name] = drawn
    return found


def _scenario_charts(
    run: RunDirectory, scenario: str, guards: list[str]
) -> list[tuple[str, list[str], dict[str, Any]]]:
    subjects = [
        *((chart, Subject(run, scenario)) for chart in _charts(Scope.SCENARIO)),
        *(
            (chart, Subject(run, scenario, phase=phase))
            for chart in _charts(Scope.PHASE)
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
        subject.run.tell(str(error))
        return None


def _charts(*scopes: Scope) -> list[Chart]:
    return [chart for chart in plugins("results.charts").values() if chart.scope in scopes]


def _told(run: RunDirectory, guard: str, scenario: str) -> dict[str, Any]:
    """The story of a cell's first violation, and the rows of as many as are listed."""
    listed = list(islice(matching(run, guard, scenario), MOST_VIOLATIONS))
    story = None
    if listed:
        try:
            explanation = explain(run, listed[0])
        except BadRunDirectory as error:
            run.tell(str(error))
            explanation = None
        story = _story(explanation) if explanation is not None else None
    return {"story": story, "violations": [_row(violation) for violation in listed]}


def _story(told: Explanation) -> dict[str, Any]:
    return {
        "number": told.violation.number,
        "trial": told.violation.trial,
        "headline": told.headline,
        "chapters": [[instant(message.at_s, 4), message.words] for message in told.messages],
        "svg": as_svg(told),
        "cure": [[f"{cure.axis}: {cure.choice}", cure.answer.value, cure.why] for cure in told.cures],
        "verdict": told.verdict,
    }


def _row(violation: Violation) -> list[Any]:
    at_s = None if violation.t_s is None else f"{violation.t_s:.4f}"
    over = violation.over or None
    back = violation.over - violation.version if violation.over else None
    return [
        violation.number,
        violation.trial,
        at_s,
        violation.kind.value,
        violation.endpoint,
        violation.enactor,
        violation.version,
        over,
        back,
    ]
