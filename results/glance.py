"""A run at a glance: what a notebook shows of it."""

from html import escape

from leasebench.results.compare.cheapest import advise_on
from leasebench.results.display.theme import VERDICT_COLOURS
from leasebench.results.reading.rundirectory import RunDirectory
from leasebench.results.tables.advice import sentences

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
