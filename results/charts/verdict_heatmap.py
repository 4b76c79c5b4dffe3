"""Every guard under every scenario, with its verdict: where to look first."""

from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import altair as alt

from leasebench.results.charts import ChartScope, DataRow, Spec, Subject, defined, described, heading, inline, listed
from leasebench.results.checks.verdict import RACED_APPLICATIONS
from leasebench.results.display.theme import VERDICT_COLOURS, ink_on
from leasebench.results.reading.rundirectory import RunDirectory
from leasebench.results.record.summary import CellSummary
from leasebench.verdict import SAFE, Verdict

WIDTH, HEIGHT = 36, 19
LETTERS = {
    Verdict.FAILED: "F",
    Verdict.STALE: "S",
    Verdict.DANGLING: "D",
    Verdict.WEDGED: "W",
    Verdict.STUCK: "K",
    Verdict.METASTABLE: "M",
    Verdict.SLOW: "L",
    Verdict.UNPROVEN: "?",
    Verdict.RECOVERS: "",
    Verdict.CLEAN: "",
}
"""Letters make the map readable without colour; clean cells are blank, a letter asks for attention."""
EXPLORED = {"stale_overwrite": (Verdict.STALE, "explored: stale"), "dangling": (Verdict.DANGLING, "explored: empty")}
"""The second layer: what exploring says of a property, in a row below the scenarios. No name has a colon."""

NOT_RUN, GROUND, ON_GROUND = "not run", "transparent", "#808890"
"""What an empty place of the map is called, its colour, and that of its mark: seen on light and dark ground."""


class VerdictHeatmap:
    """Scenarios down, guards across; an outline marks a verdict that was not expected."""

    name = "verdict_heatmap"
    about = "guard x scenario with verdicts"
    scope = ChartScope.RUN

    def draw(self, subject: Subject) -> Spec | None:
        """A mark a cell, which links to the cell's place in the report."""
        run = subject.run
        return described(defined(lambda: _map(run)), *says(run)) if run.summary.cells else None


def says(run: RunDirectory) -> Iterator[str]:
    """How many cells have which verdict, which guards were never harmed, and where the others were."""
    cells = run.summary.cells
    counted = Counter(cell.verdict for cell in cells)
    yield f"Of {len(cells)} cells " + ", ".join(f"{counted[one]} {one}" for one in Verdict if counted[one])
    harmed = {guard: [one for one in cells if one.guard == guard and one.verdict not in SAFE] for guard in run.guards}
    unharmed = [guard for guard, where in harmed.items() if not where]
    yield f"Never harmed: {listed(unharmed) or 'none'}"
    told = [
        f"{guard} ({min(where, key=lambda one: one.verdict.rank).verdict} under "
        f"{listed((one.scenario for one in where), 2)})"
        for guard, where in harmed.items()
        if where
    ]
    yield f"Harmed: {listed(told)}" if told else ""


def _map(run: RunDirectory) -> Any:
    cells = run.summary.cells
    guards, scenarios = run.guards, run.scenarios
    second = list(explored_rows(run))
    rows = [*map(_row, cells), *second]
    scenarios = [*scenarios, *dict.fromkeys(row["scenario"] for row in second)]
    present = [verdict for verdict in Verdict if any(row["verdict"] == verdict for row in rows)]
    known = [_named(verdict) for verdict in present]
    colours = [VERDICT_COLOURS[verdict] for verdict in present]
    there = {(row["guard"], row["scenario"]) for row in rows}
    empty = [_not_run(guard, one) for one in scenarios for guard in guards if (guard, one) not in there]
    if empty:
        rows += empty
        known.append(empty[0]["label"])
        colours.append(GROUND)
    base = alt.Chart().encode(
        x=alt.X(
            "guard:N",
            sort=guards,
            title=None,
            axis=alt.Axis(orient="top", labelAngle=-50, labelLimit=220, domain=False),
        ),
        y=alt.Y("scenario:N", sort=scenarios, title=None, axis=alt.Axis(labelLimit=260, domain=False, ticks=False)),
    )
    tooltip = [
        "guard:N",
        "scenario:N",
        "verdict:N",
        "expected:N",
        alt.Tooltip("stale:Q", title="stale overwrites"),
        "races:Q",
        alt.Tooltip("raced:Q", title="raced applications"),
    ]
    tiles = base.mark_rect(cornerRadius=2).encode(
        color=alt.Color(
            "label:N",
            scale=alt.Scale(domain=known, range=colours),
            legend=alt.Legend(title=None, orient="bottom", columns=len(known), symbolType="square"),
        ),
        href="href:N",
        tooltip=tooltip,
    )
    surprises = (
        base.mark_rect(filled=False, strokeWidth=2.2, style="outline", cornerRadius=2)
        .transform_filter("!datum.as_expected")
        .encode(tooltip=tooltip, href="href:N")
    )
    letters = base.mark_text(fontSize=11, fontWeight="bold", baseline="middle").encode(
        text="letter:N", color=alt.Color("ink:N", scale=None), href="href:N", tooltip=tooltip
    )
    unexpected = sum(not row["as_expected"] for row in rows)
    said = "none was unexpected" if not unexpected else f"{unexpected} outlined: not expected"
    title = f"Verdicts of suite {run.summary.suite}\n{len(cells)} cells, worst of all trials; {said}"
    if second:
        title += "\nexplored, every order of steps: a number is the shortest trace that breaks it; blank: none in scope"
    layers = alt.layer(tiles, surprises, letters, data=inline(rows))
    return layers.properties(width=alt.Step(WIDTH), height=alt.Step(HEIGHT), title=heading(title)).resolve_scale(
        color="independent"
    )


def explored_rows(run: RunDirectory) -> Iterator[DataRow]:
    """What was explored of the run's guards, in the last scope that each was explored in."""
    if run.explored is None:
        return
    for guard in run.suite.guards:
        found = run.explored.of(guard)
        if not found:
            continue
        last = found[-1]
        for name, (harm, title) in EXPLORED.items():
            answer = last.properties.get(name)
            if answer is None:
                continue
            holds = answer.holds if last.exhaustive or answer.holds is False else None
            verdict = Verdict.CLEAN if holds else Verdict.UNPROVEN if holds is None else harm
            steps = "" if answer.shortest_trace is None else str(answer.shortest_trace)
            yield {
                "guard": guard.name,
                "scenario": title,
                "verdict": verdict.value,
                "label": _named(verdict),
                "letter": LETTERS[verdict] if holds is None else steps,
                "ink": ink_on(VERDICT_COLOURS[verdict]),
                "expected": f"{last.scope.words}; {last.states:,} states",
                "as_expected": True,
                "stale": None,
                "races": None,
                "raced": None,
                "href": f"#guard-{quote(guard.name, safe='')}",
            }


def _named(verdict: Verdict) -> str:
    letter = LETTERS[verdict]
    return f"{verdict.value} ({letter})" if letter else verdict.value


def _not_run(guard: str, scenario: str) -> DataRow:
    """A place without a cell: the scenario has other guards, or the guard can't be run under it."""
    return {
        "guard": guard,
        "scenario": scenario,
        "verdict": NOT_RUN,
        "label": f"{NOT_RUN} (-)",
        "letter": "-",
        "ink": ON_GROUND,
        "expected": None,
        "as_expected": True,
        "stale": None,
        "races": None,
        "raced": None,
        "href": f"#guard-{quote(guard, safe='')}",
    }


def _row(cell: CellSummary) -> DataRow:
    verdict = cell.verdict
    return {
        "guard": cell.guard,
        "scenario": cell.scenario,
        "verdict": verdict.value,
        "label": _named(verdict),
        "letter": LETTERS[verdict],
        "ink": ink_on(VERDICT_COLOURS[verdict]),
        "expected": " or ".join(cell.expected),
        "as_expected": cell.as_expected,
        "stale": cell.count("stale_overwrites"),
        "races": cell.count("races"),
        "raced": cell.count(RACED_APPLICATIONS),
        "href": f"#cell-{quote(cell.guard, safe='')}.{quote(cell.scenario, safe='')}",
    }


PLUGIN = VerdictHeatmap()
