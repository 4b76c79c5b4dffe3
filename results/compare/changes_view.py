"""What changed between two runs, in words and tables: verdicts, the strongest changes, then each guard over all."""

from collections.abc import Iterator

from leasebench.results.compare.changes import RunChanges
from leasebench.results.compare.cheapest import advise_on
from leasebench.results.compare.document import TONES, Block, TextLines, effect, lines
from leasebench.results.compare.drift import MIN_CELLS
from leasebench.results.compare.finding import DIFFERENT, Difference, Finding
from leasebench.results.compare.quantities import THROUGHPUT, main_rate, rates
from leasebench.results.compare.ranking_view import OVERALL, overall_columns
from leasebench.results.display.grid import Column, Grid, Text, Tone
from leasebench.results.display.numbers import figure, multiple
from leasebench.results.tables.advice import sentences
from leasebench.results.tables.run_table import verdict_text
from leasebench.verdict import Verdict

MOST_NAMED = 6
CHANGED = {**OVERALL, "commits/s": THROUGHPUT}
"""Commits per second can change for one guard under one load; between two guards they are no measure of cost."""
VERDICTS = tuple(Column(heading, left=True) for heading in ("guard", "scenario", "was", "is", ""))
CHANGES = (
    Column("", left=True),
    Column("guard", left=True),
    Column("scenario", left=True),
    Column("figure", left=True),
    Column("was", spare=1),
    Column("is", spare=1),
    Column("change [95 %]"),
    Column("p, Holm", spare=2),
)
SMALL_DRIFT = 1.02
"""A smaller one is not told by itself."""
IN_TURNS = "the runs took turns, trial by trial: no drift is taken out, and trials are compared in pairs"
NOT_INTERLEAVED = (
    "two runs are never interleaved: a drift of the machine between them can't be told from a change of all"
)


NOTHING_IN_COMMON = "the two runs have no cell (guard under scenario) in common: no figure can be compared"


def changes_blocks(found: RunChanges, *, most: int, detail: bool) -> Iterator[Block]:
    """Everything that is said of two runs; `most` changes at most, with `detail` every figure of every cell."""
    head = f"{found.before.path} -> {found.after.path}: {found.cells} cells in both"
    yield lines([head], Tone.STRONG)
    said = [*(f"warning: {text}" for text in found.warnings), *_missing(found)]
    if said:
        yield lines(said, Tone.OPEN)
    if not found.cells:
        yield lines([NOTHING_IN_COMMON], Tone.BAD)
        if found.verdicts:
            yield from _verdicts(found)
        return
    yield TextLines(tuple(_drift(found)))
    yield from _verdicts(found)
    yield from _findings(found, most)
    yield _overall(found)
    if detail:
        yield _table("every figure", list(found.differences))
    yield lines(sentences(advise_on(found.after), str(found.after.path)))


def _missing(found: RunChanges) -> Iterator[str]:
    for run, places in (("the first", found.only_before), ("the second", found.only_after)):
        if places:
            names = ", ".join(f"{guard} under {scenario}" for guard, scenario in places[:MOST_NAMED])
            more = f" and {len(places) - MOST_NAMED} more" if len(places) > MOST_NAMED else ""
            yield f"only in {run} run: {names}{more}"


def _drift(found: RunChanges) -> Iterator[Text]:
    if found.in_turns:
        yield Text(IN_TURNS, Tone.QUIET)
        return
    yield Text(NOT_INTERLEAVED, Tone.QUIET)
    if found.absolute:
        yield Text("with --absolute nothing is taken out: what all cells share counts as a change", Tone.OPEN)
        return
    if not found.drifts:
        few = f"fewer than {MIN_CELLS} cells: a drift of the machine can't be taken out, and may be what is claimed"
        yield Text(f"{few} (--tolerance)", Tone.OPEN)
        return
    told = [one for one in found.drifts.values() if max(one.ratio, 1 / one.ratio) >= SMALL_DRIFT]
    small = f"within {SMALL_DRIFT:g}x"
    parts = [", ".join(f"{one.quantity.name} {multiple(one.ratio, one.interval)}" for one in told)] if told else []
    parts += [small if not told else f"the others {small}"] if len(told) < len(found.drifts) else []
    of = f"of {', '.join(found.drift_from)}" if found.drift_from else "of the cells that seem unchanged"
    yield Text(f"drift {of}, taken out of every ratio (--absolute leaves it in): {', '.join(parts)}")
    for one in found.loud:
        yield Text(
            f"LOUD: all cells together are at {multiple(one.ratio, one.interval)} in {one.quantity.name}: machine or "
            f"change? Repeat both runs in turns; --drift-from names guards that did not change; --absolute counts it "
            f"as a change",
            Tone.BAD,
        )


def _verdicts(found: RunChanges) -> Iterator[Block]:
    if not found.verdicts:
        yield lines(["verdicts: none has changed"])
        return
    rows = tuple(
        (
            Text(one.guard),
            Text(one.scenario),
            Text("not run", Tone.QUIET) if one.before is None else verdict_text(one.before),
            verdict_text(one.after, surprise=one.surprise),
            Text("not expected" if one.surprise else "", Tone.BAD),
        )
        for one in sorted(found.verdicts, key=lambda one: (not one.surprise, Verdict(one.after).rank))
    )
    title = "verdicts that changed, or were not expected of a cell that is new"
    yield Grid(title if any(one.before is None for one in found.verdicts) else "verdicts that changed", VERDICTS, rows)


def _findings(found: RunChanges, most: int) -> Iterator[Block]:
    counts = {finding: len(found.found(finding)) for finding in Finding}
    worse, better, equal, unknown = counts.values()
    different = f"{worse + better:,} {DIFFERENT} ({worse:,} worse, {better:,} better)"
    told = f"{different}, {equal:,} {Finding.EQUAL.value}, {unknown:,} {Finding.OPEN.value}"
    yield lines([f"figures: {told}"], Tone.BAD if worse else Tone.STRONG)
    yield lines(_rules(found), Tone.QUIET)
    claimed = [*found.found(Finding.WORSE), *found.found(Finding.BETTER)]
    if claimed:
        more = f" (the first {most} of {len(claimed)})" if len(claimed) > most else ""
        yield _table(f"{DIFFERENT}{more}", claimed[:most])


def _rules(found: RunChanges) -> Iterator[str]:
    yield f"{DIFFERENT}: Holm's correction ({found.tests:,} tests); ratios past {found.tolerance:g}x (--tolerance)"
    others = ", ".join(f"{one.name} within {one.ratio.tolerance:g}" for one in rates())
    yield (
        f"equal: the interval lies inside the tolerance: ratios within {found.tolerance:g}x{_as_seen(found)}, {others}"
    )
    yield "can't tell: the interval reaches across, or there is none (too few trials or operations)"
    single = found.one_trial
    if single:
        where = "one trial each" if len(single) == 2 else f"one trial in {single[0].path}"
        yield f"{where}: no interval on latencies of a cell, only over a guard's scenarios; --trials 5 gives one"


def _as_seen(found: RunChanges) -> str:
    return " with the drift and without it" if found.drifts and not found.drift_from else ""


def _table(title: str, differences: list[Difference]) -> Grid:
    rows = tuple(
        (
            Text(one.finding.value, TONES[one.finding]),
            Text(one.guard),
            Text(one.scenario or "all"),
            Text(one.quantity.name),
            Text(figure(one.before, one.quantity.unit)),
            Text(figure(one.after, one.quantity.unit)),
            effect(one),
            Text("-" if one.p_holm is None else "<0.001" if one.p_holm < 0.001 else f"{one.p_holm:.3f}"),
        )
        for one in differences
    )
    return Grid(title, CHANGES, rows)


def _overall(found: RunChanges) -> Grid:
    rows = []
    for guard in dict.fromkeys(one.guard for one in found.differences):
        leaks = [one for one in found.differences if one.guard == guard and one.quantity == main_rate()]
        seen = [one for one in leaks if one.before is not None and one.after is not None]
        worst = max(seen, key=lambda one: abs(one.effect or 0), default=None)
        row = [Text(guard), Text("no races", Tone.QUIET) if worst is None else _leak(worst)]
        for quantity in CHANGED.values():
            one = found.by_place.get((guard, None, quantity))
            row.append(Text("-", Tone.QUIET) if one is None else effect(one))
        rows.append(tuple(row))
    columns = (Column("guard", left=True), Column("leak rate,\nlargest change"), *overall_columns(CHANGED))
    return Grid("each guard over its scenarios", columns, tuple(rows))


def _leak(one: Difference) -> Text:
    assert one.before is not None
    assert one.after is not None
    return Text(f"{one.before:.2f} -> {one.after:.2f}", TONES[one.finding])
