"""A ranking in words and tables: one row a guard over all scenarios, and on request every scenario by itself."""

from collections.abc import Collection, Iterable, Iterator

from leasebench.results.compare.cheapest import advise_on
from leasebench.results.compare.document import Block, effect, lines
from leasebench.results.compare.finding import Difference
from leasebench.results.compare.quantities import (
    COST,
    FIGURES,
    PHASE_SIDES,
    SERVICE,
    Quantity,
    latency,
    rates,
)
from leasebench.results.compare.ranking import Ranking
from leasebench.results.compare.safety import rate
from leasebench.results.compare.samples import Sample, Samples
from leasebench.results.display.grid import Column, Grid, Text, Tone
from leasebench.results.display.numbers import figure, interval_text, number, rate_text
from leasebench.results.display.phrases import count
from leasebench.results.record.summary import CellSummary, Rate
from leasebench.results.statistics.intervals import MIN_TRIALS
from leasebench.results.tables.advice import sentences
from leasebench.results.tables.columns import ATTEMPTS, DISTURBED_MARK
from leasebench.results.tables.pricing import LIMIT, attempts_per_s
from leasebench.results.tables.run_table import verdict_text

OVERALL: dict[str, Quantity] = {
    "cost": COST,
    "commit p99": latency("commit", "p99"),
    "plan p50": latency("plan", "p50"),
}
OF_LEAST_USE = {"p50": 1, "p99.9": 2}
"""The latencies, in the order in which they are dropped where there is no room."""
LATENCIES = (
    Column("guard", left=True),
    *(Column(heading, OF_LEAST_USE.get(name, 0)) for name in FIGURES for heading in (name, f"{name}\nx [95 %]")),
)
MOST_NAMED = 6


def ranking_blocks(
    ranking: Ranking,
    samples: Samples,
    *,
    detail: bool,
    guards: Collection[str] = (),
    scenarios: Collection[str] = (),
) -> Iterator[Block]:
    """All that is reported of one run; with `detail`, each scenario by itself (those asked for, or all)."""
    run = ranking.run
    trials = sorted({cell.trials for cell in run.summary.cells})
    each = "1 trial" if trials == [1] else f"{' to '.join(map(str, dict.fromkeys((trials[0], trials[-1]))))} trials"
    many = f"{count(len(run.guards), 'guard')}, {count(len(run.scenarios), 'scenario')}"
    head = f"{run.suite.name}: {many}, {each} each"
    yield lines([f"{head}; x: beside {ranking.reference} ({ranking.why})"], Tone.STRONG)
    if ranking.notes:
        yield lines([f"warning: {note}" for note in ranking.notes], Tone.OPEN)
    yield overall_grid(ranking)
    surprises = [cell for cell in run.summary.cells if not cell.as_expected]
    if surprises:
        yield lines(_surprises(surprises), Tone.BAD)
    yield lines(legend(ranking, trials), Tone.QUIET)
    if detail:
        for scenario in run.scenarios:
            if not scenarios or scenario in scenarios:
                yield from _scenario(ranking, samples, scenario, guards)
    yield lines(sentences(advise_on(run, samples), str(run.path)))


def in_full() -> Iterator[Column]:
    """The columns of a scenario by itself: of the rates the first is always shown, the last is left out first."""
    yield from (Column("guard", left=True), Column("verdict", left=True))
    for at, quantity in enumerate(rates()):
        yield Column(f"{_title(quantity)}\n[95 %]", spare=2 * at)
        yield Column(f"{_title(quantity)}\n[by trial]", spare=at + 3)
    yield from (Column("cost"), Column("cost\nx [95 %]"))


def _title(rate: Quantity) -> str:
    """The heading of a rate, on one line."""
    assert rate.metric is not None
    return " ".join(rate.metric.title.split())


def overall_columns(figures: Iterable[str] = OVERALL) -> Iterator[Column]:
    """A ratio for each figure. The first is always shown; where there is no room, the last is dropped first."""
    return (Column(f"{name}\nx [95 %]", spare=number and number + 2) for number, name in enumerate(figures))


def overall_grid(ranking: Ranking) -> Grid:
    """Every guard over all of its scenarios, best first."""
    columns = (
        Column("guard", left=True),
        Column("worst", left=True),
        Column("clean in", spare=1, left=True),
        Column("leaky\n[95 %]"),
        Column("cost\nus", spare=2),
        *overall_columns(),
    )
    rows, roughly_priced = [], _roughly_priced(ranking)
    for one in ranking.ranked:
        row = [
            Text(one.guard),
            verdict_text(one.verdict, surprise=bool(one.surprises)),
            Text(f"{one.clean}/{one.scenarios}"),
            Text(rate_text(Rate(one.leaky_share, one.interval, None))),
            Text(number(one.cost_us) + DISTURBED_MARK * (one.guard in roughly_priced)),
        ]
        for quantity in OVERALL.values():
            found = ranking.by_place.get((one.guard, None, quantity))
            if one.guard == ranking.reference:
                row.append(Text("1", Tone.QUIET))
            else:
                row.append(Text("-", Tone.QUIET) if found is None else effect(found))
        rows.append(tuple(row))
    return Grid("", columns, tuple(rows))


def _roughly_priced(ranking: Ranking) -> set[str]:
    """The guards whose cost is one of disturbed trials."""
    cells = ranking.run.summary.cells
    return {cell.guard for cell in cells if cell.scenario == ranking.priced_in and cell.latencies_disturbed}


def _surprises(cells: list[CellSummary]) -> Iterator[str]:
    for cell in cells[:MOST_NAMED]:
        why = f": {cell.failures[0]}" if cell.failures else f", expected {' or '.join(cell.expected)}"
        yield f"! {cell} is {cell.verdict}{why}"
    if len(cells) > MOST_NAMED:
        yield f"! and {len(cells) - MOST_NAMED} more are not as expected"


def legend(ranking: Ranking, trials: list[int]) -> Iterator[str]:
    """What the figures of a ranking mean, a line each; `trials` are the numbers of trials that its cells have."""
    yield (
        f"leaky: the share of raced applications that wrote anything stale, exact; cost: acquire + check + commit + "
        f"release at one endpoint, medians, in {ranking.priced_in}"
    )
    if _roughly_priced(ranking):
        yield f"{DISTURBED_MARK}: from disturbed trials"
    by = {one.note.rpartition(" ")[2] for one in ranking.overall}
    if "scenarios" in by:
        yield "x: geometric mean over the scenarios that both have; one trial each, so its interval is over scenarios"
    if "trials" in by:
        yield "x: geometric mean over the scenarios that both have; intervals by drawing trials again, in rounds"
    if trials[0] < MIN_TRIALS:
        where = "one trial each" if trials[-1] < MIN_TRIALS else "where there is one trial"
        yield f"{where}: no interval on latencies of a scenario; --trials 5 gives one"
    if ranking.tests:
        yield f"coloured: a difference, after Holm's correction for {ranking.tests:,} tests; figures: --format csv"


def _scenario(ranking: Ranking, samples: Samples, scenario: str, guards: Collection[str]) -> Iterator[Block]:
    run = ranking.run
    kept = [guard for guard in run.guards if run.cell(guard, scenario) and (not guards or guard in guards)]
    if not kept:
        return
    rows = []
    for guard in kept:
        cell = run.cell(guard, scenario)
        assert cell is not None
        own = samples.cell(guard, scenario)
        rows.append(
            (
                Text(guard),
                verdict_text(cell.verdict, surprise=not cell.as_expected),
                *(text for quantity in rates() for text in _rate(own, quantity)),
                *_figure_and_ratio(ranking.by_place.get((guard, scenario, COST)), ranking.reference),
                *([Text(figure(attempts_per_s(cell)))] if scenario == LIMIT else []),
            )
        )
    yield Grid(scenario, (*in_full(), *([ATTEMPTS.column] if scenario == LIMIT else [])), tuple(rows))
    for where in PHASE_SIDES:
        yield from _latencies(ranking, scenario, kept, where)


def _rate(own: Sample, quantity: Quantity) -> tuple[Text, Text]:
    found = rate(own, quantity)
    if found is None:
        return Text(quantity.missing), Text("-", Tone.QUIET)
    by_trial = "-" if found.by_trial is None else interval_text(found.by_trial)
    return Text(rate_text(Rate(found.value, found.by_application, None))), Text(by_trial, Tone.QUIET)


def _latencies(ranking: Ranking, scenario: str, guards: list[str], where: tuple[str, str]) -> Iterator[Block]:
    phase, side = where
    quantities = [latency(phase, name, side) for name in FIGURES]
    rows = []
    for guard in guards:
        found = [ranking.by_place.get((guard, scenario, quantity)) for quantity in quantities]
        if any(found):
            row = [Text(guard)]
            for one in found:
                row += _figure_and_ratio(one, ranking.reference)
            rows.append(tuple(row))
    if not rows:
        return
    title = f"{scenario}: {phase}{'' if side == SERVICE else ', from when it was due'}"
    yield Grid(title, LATENCIES, tuple(rows))


def _figure_and_ratio(one: Difference | None, reference: str) -> list[Text]:
    if one is None:
        return [Text("-"), Text("")]
    if one.after is None:
        return [Text("too few", Tone.QUIET), Text("")]
    own = one.guard == reference
    return [Text(figure(one.after, one.quantity.unit)), Text("1", Tone.QUIET) if own else effect(one)]
