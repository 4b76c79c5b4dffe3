"""A ranking in words and tables: one row a guard over all scenarios, and on request every scenario by itself."""

from collections.abc import Collection, Iterator
from typing import Any

from leasebench.results.advice import advise, sentences
from leasebench.results.compare.document import (
    Block,
    Grid,
    Text,
    Tone,
    effect,
    figure,
    fitted,
    interval_text,
    lines,
    rate_text,
)
from leasebench.results.compare.finding import Difference
from leasebench.results.compare.quantities import (
    COST,
    FIGURES,
    LEAK_RATE,
    PHASE_SIDES,
    SERVICE,
    STALE_PER_1000,
    THROUGHPUT,
    Quantity,
    latency,
)
from leasebench.results.compare.ranking import Ranking
from leasebench.results.compare.safety import rate
from leasebench.results.compare.samples import Sample, Samples
from leasebench.verdict import SAFE, Verdict

OVERALL: dict[str, Quantity] = {
    "cost": COST,
    "commit p99": latency("commit", "p99"),
    "plan p50": latency("plan", "p50"),
    "commits/s": THROUGHPUT,
}
MOST_NAMED = 6
MOST_CHARS = 14
"""Of a scenario's name in a heading."""


def ranking_blocks(
    ranking: Ranking,
    samples: Samples,
    *,
    width: int,
    detail: bool,
    guards: Collection[str] = (),
    scenarios: Collection[str] = (),
) -> Iterator[Block]:
    """Everything that is said of one run; the scenarios by themselves with `detail`, of those asked for or all."""
    run = ranking.run
    trials = sorted({cell["trials"] for cell in run.summary["cells"]})
    each = "1 trial" if trials == [1] else f"{' to '.join(map(str, dict.fromkeys((trials[0], trials[-1]))))} trials"
    head = f"{run.suite['name']}: {len(run.guards)} guards, {len(run.scenarios)} scenarios, {each} each"
    yield lines([f"{head}; x: beside {ranking.reference} ({ranking.why})"], Tone.STRONG)
    if ranking.notes:
        yield lines([f"warning: {note}" for note in ranking.notes], Tone.OPEN)
    yield overall_grid(ranking, width)
    surprises = [cell for cell in run.summary["cells"] if not cell["as_expected"]]
    if surprises:
        yield lines(_surprises(surprises), Tone.BAD)
    yield lines(legend(ranking, trials), Tone.QUIET)
    if detail:
        for scenario in run.scenarios:
            if not scenarios or scenario in scenarios:
                yield from _scenario(ranking, samples, scenario, guards, width)
    yield lines(sentences(advise(run.summary), str(run.path)), whole=True)


def overall_grid(ranking: Ranking, width: int) -> Grid:
    """Every guard over all of its scenarios, best first; what does not fit `width` columns is left out."""
    headings = [
        "guard",
        "worst",
        "clean in",
        "leak rate\n[95 %]",
        f"cost us in\n{(ranking.priced_in or '')[:MOST_CHARS]}",
    ]
    headings += [f"{name}\nx [95 %]" for name in OVERALL]
    rows = []
    for one in ranking.standings:
        row = [
            Text(one.guard),
            verdict_text(one.verdict, surprise=bool(one.surprises)),
            Text(f"{one.clean}/{one.scenarios}"),
            Text(rate_text(one.leak_rate, one.interval)),
            Text("-" if one.cost_us is None else f"{one.cost_us:,.0f}"),
        ]
        for quantity in OVERALL.values():
            found = ranking.by_place.get((one.guard, None, quantity))
            if one.guard == ranking.reference:
                row.append(Text("1", Tone.QUIET))
            else:
                row.append(Text("-", Tone.QUIET) if found is None else effect(found))
        rows.append(tuple(row))
    first = len(headings) - len(OVERALL)
    spare = [(first + number,) for number in (1, 3, 2)] + [(2,)]
    return fitted(Grid("", tuple(headings), tuple(rows), left=2), width, spare)


def _surprises(cells: list[dict[str, Any]]) -> Iterator[str]:
    for cell in cells[:MOST_NAMED]:
        why = f": {cell['failures'][0]}" if cell["failures"] else f", expected {' or '.join(cell['expected'])}"
        yield f"! {cell['guard']} under {cell['scenario']} is {cell['verdict']}{why}"
    if len(cells) > MOST_NAMED:
        yield f"! and {len(cells) - MOST_NAMED} more are not as expected"


def verdict_text(verdict: Verdict, *, surprise: bool = False) -> Text:
    """A verdict in its tone, with `!` where it was not expected."""
    tone = Tone.GOOD if verdict is Verdict.CLEAN else Tone.OPEN if verdict in SAFE else Tone.BAD
    return Text(f"{verdict.value}{' !' if surprise else ''}", tone)


def legend(ranking: Ranking, trials: list[int]) -> Iterator[str]:
    """What the figures of a ranking mean, a line each; `trials` are the numbers of trials that its cells have."""
    yield (
        f"leak rate: leaky of raced applications, exact; cost: acquire + check + commit + release at one endpoint, "
        f"medians, in {ranking.priced_in}"
    )
    by = {one.note.rpartition(" ")[2] for one in ranking.overall}
    if "scenarios" in by:
        yield "x: geometric mean over the scenarios that both have; one trial each, so its interval is over scenarios"
    if "trials" in by:
        yield "x: geometric mean over the scenarios that both have; intervals by drawing trials again, in rounds"
    if trials[0] < 2:
        yield "one trial each: no interval on latencies of a scenario; --trials 5 gives one"
    if ranking.tests:
        yield f"coloured: a difference, after Holm's correction for {ranking.tests:,} tests; figures: --format csv"


def _scenario(
    ranking: Ranking, samples: Samples, scenario: str, guards: Collection[str], width: int
) -> Iterator[Block]:
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
                verdict_text(Verdict(cell["verdict"]), surprise=not cell["as_expected"]),
                *_rate(own, LEAK_RATE),
                *_rate(own, STALE_PER_1000),
                *_figure_and_ratio(ranking.by_place.get((guard, scenario, COST)), ranking.reference),
                *_figure_and_ratio(ranking.by_place.get((guard, scenario, THROUGHPUT)), ranking.reference),
            )
        )
    headings = [
        "guard",
        "verdict",
        "leak rate\n[95 %]",
        "[by trial]",
        "stale per 1,000\n[95 %]",
        "[by trial]",
    ]
    headings += ["cost", "x [95 %]", "commits\nper s", "x [95 %]"]
    yield fitted(Grid(scenario, tuple(headings), tuple(rows), left=2), width, [(5,), (3,), (4,), (8, 9)])
    for where in PHASE_SIDES:
        yield from _latencies(ranking, scenario, kept, where, width)


def _rate(own: Sample, quantity: Quantity) -> tuple[Text, Text]:
    found = rate(own, quantity)
    if found is None:
        return Text("no races"), Text("-", Tone.QUIET)
    by_trial = "-" if found.by_trial is None else interval_text(found.by_trial)
    return Text(rate_text(found.value, found.by_application)), Text(by_trial, Tone.QUIET)


def _latencies(
    ranking: Ranking, scenario: str, guards: list[str], where: tuple[str, str], width: int
) -> Iterator[Block]:
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
    headings = ["guard"]
    for name in FIGURES:
        headings += [name, "x [95 %]"]
    title = f"{scenario}: {phase}{'' if side == SERVICE else ', from when it was due'}"
    yield fitted(Grid(title, tuple(headings), tuple(rows)), width, [(5, 6), (1, 2)])


def _figure_and_ratio(one: Difference | None, reference: str) -> list[Text]:
    if one is None:
        return [Text("-"), Text("")]
    if one.after is None:
        return [Text("too few", Tone.QUIET), Text("")]
    own = one.guard == reference
    return [Text(figure(one.after, one.quantity.unit)), Text("1", Tone.QUIET) if own else effect(one)]
