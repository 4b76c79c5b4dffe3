"""What became of gates, and of a comparison of a run with itself."""

from collections.abc import Iterator, Sequence

from leasebench.results.compare.changes import TOLERANCE
from leasebench.results.compare.document import Block, digits, figure, lines, multiple
from leasebench.results.compare.false_positives import FalsePositives
from leasebench.results.compare.gates import Gate
from leasebench.results.compare.judging import Answer, Judgement, Outcome
from leasebench.results.grid import Column, Grid, Text, Tone

MOST_CELLS = 6
GATES = (
    Column("", left=True),
    Column("gate", left=True, prose=True),
    Column("figure [interval]", left=True),
    Column("", left=True, prose=True),
)
CLAIMS = (Column("figure", left=True), Column("tests"), Column("claims"), Column("rate"))
TONES = {Outcome.FAILS: Tone.BAD, Outcome.OPEN: Tone.OPEN, Outcome.HOLDS: Tone.GOOD}


def gates_blocks(judged: Sequence[Judgement]) -> Iterator[Block]:
    """One row a gate, and below it each cell that decided it (at most MOST_CELLS)."""
    rows: list[tuple[Text, ...]] = []
    for one in judged:
        blind = sum(answer.outcome is None for answer in one.answers)
        of = f"{len(one.answers)} cell{'' if len(one.answers) == 1 else 's'}"
        known = f"{of}, {blind} not known" if blind else of
        rows.append(
            (Text(one.outcome.value, TONES[one.outcome]), Text(one.gate.text, Tone.STRONG), Text(known), Text(""))
        )
        telling = one.telling
        rows += [_row(one.gate, answer) for answer in telling[:MOST_CELLS]]
        if len(telling) > MOST_CELLS:
            rows.append((Text(""), Text(f"  and {len(telling) - MOST_CELLS} more"), Text(""), Text("")))
    if rows:
        yield Grid("gates (each fails where it is true)", GATES, tuple(rows))


def _row(gate: Gate, answer: Answer) -> tuple[Text, ...]:
    return (
        Text(""),
        Text(f"  {answer.guard} under {answer.scenario}"),
        Text(_figure(gate, answer)),
        Text(answer.note, Tone.QUIET),
    )


def _figure(gate: Gate, answer: Answer) -> str:
    if answer.value is None:
        return "-"
    if gate.relative:
        return multiple(answer.value, answer.interval)
    unit = gate.quantity.unit if gate.quantity else ""
    shown = figure(answer.value, unit) if gate.quantity else f"{answer.value:,.0f}"
    if answer.interval is None:
        return shown
    low, high = (figure(end, unit) if unit == "us" else digits(end) for end in answer.interval)
    return f"{shown} [{low}, {high}]"


def _families(claiming: int, found: FalsePositives) -> str:
    return f"in {claiming} of {found.comparisons} comparisons ({claiming / found.comparisons:.1%}; 5 % is allowed)"


def false_positives_blocks(found: FalsePositives) -> Iterator[Block]:
    """The rate at which this run, compared with itself, showed differences."""
    trials = f"{found.cells} cells, {found.trials} trials each"
    yield lines(
        [f"{found.comparisons} comparisons of halves of one run ({trials}), {found.tests:,} tests"], Tone.STRONG
    )
    yield lines(
        (
            f"before correction {found.rate:.2%} of the tests claimed a difference (5 % is meant)",
            f"after Holm's correction {found.corrected_rate:.3%} did, {_families(found.families, found)}",
            f"of these beyond {TOLERANCE:g}x, as two runs are judged: {_families(found.relevant_families, found)}",
        )
    )
    rows = tuple(
        (Text(name), Text(f"{tests:,}"), Text(f"{claims:,}"), Text(f"{claims / tests:.2%}"))
        for name, (tests, claims) in found.by_quantity.items()
    )
    yield Grid("", CLAIMS, rows)
