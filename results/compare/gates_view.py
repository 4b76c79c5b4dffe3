"""What became of gates, and of a comparison of a run with itself."""

from collections.abc import Iterator, Sequence

from leasebench.results.compare.document import Block, lines
from leasebench.results.compare.false_positives import FalsePositives
from leasebench.results.compare.finding import TOLERANCE
from leasebench.results.compare.gates import Gate
from leasebench.results.compare.judging import GateAnswer, GateOutcome, Judgement
from leasebench.results.display.grid import Column, Grid, Text, Tone
from leasebench.results.display.numbers import digits, figure, multiple

MOST_CELLS = 6
ENDLESS = 1000
"""An interval that reaches so many times as far as the figure has no end that says anything."""
WORDS = {GateOutcome.FAILS: "fail", GateOutcome.OPEN: "open", GateOutcome.PASSES: "pass"}
"""The word for each outcome over several cells."""
TONES = {GateOutcome.FAILS: Tone.BAD, GateOutcome.OPEN: Tone.OPEN, GateOutcome.PASSES: Tone.GOOD}
GATES = (
    Column("", left=True),
    Column("fails if", left=True, prose=True),
    Column("figure [interval]", left=True),
    Column("in", left=True, prose=True),
)
CLAIMS = (Column("figure", left=True), Column("tests"), Column("claims"), Column("rate"))


def gates_blocks(judged: Sequence[Judgement]) -> Iterator[Block]:
    """One row a gate with the figure of the cell that decided it, below it the others that did (at most MOST_CELLS)."""
    rows: list[tuple[Text, ...]] = []
    for one in judged:
        first, *others = one.deciding
        outcome = Text(one.outcome.value, TONES[one.outcome])
        rows.append((outcome, Text(one.gate.text, Tone.STRONG), *_cell(one.gate, first, f" ({_among(one)})")))
        if one.outcome is GateOutcome.PASSES:
            continue
        rows += [(Text(""), Text(""), *_cell(one.gate, answer)) for answer in others[: MOST_CELLS - 1]]
        if len(others) >= MOST_CELLS:
            rows.append((Text(""), Text(""), Text(""), Text(f"and {len(others) - MOST_CELLS + 1} more")))
    if rows:
        yield Grid("gates", GATES, tuple(rows))


def told_of(gate: Gate, answer: GateAnswer) -> str:
    """What a gate saw in one cell, in one line."""
    shown, where = _cell(gate, answer)
    return f"{shown.text} in {where.text}"


def _among(one: Judgement) -> str:
    """Say among how many cells the shown one is the first."""
    counted = [(outcome, sum(answer.outcome is outcome for answer in one.answers)) for outcome in GateOutcome]
    told = [f"{count} {WORDS[outcome]}" for outcome, count in counted if count]
    without = sum(answer.outcome is None for answer in one.answers)
    return ", ".join([*told, *([f"{without} without it"] if without else [])])


def _cell(gate: Gate, answer: GateAnswer, among: str = "") -> tuple[Text, Text]:
    note = f": {answer.note}" if answer.note else ""
    return Text(_figure(gate, answer)), Text(f"{answer.guard} under {answer.scenario}{note}{among}")


def _figure(gate: Gate, answer: GateAnswer) -> str:
    if answer.value is None:
        return "-"
    if gate.relative:
        return multiple(answer.value, answer.interval)
    unit = gate.quantity.unit if gate.quantity else ""
    shown = figure(answer.value, unit) if gate.quantity else f"{answer.value:,.0f}"
    if answer.interval is None:
        return shown
    low, high = (_end(end, answer.value) if unit == "us" else digits(end) for end in answer.interval)
    return f"{shown} [{low}, {high}]"


def _end(end_us: float, value_us: float) -> str:
    """An end of a latency's interval; one trial that holds nearly all of a tail leaves none that says anything."""
    if end_us > value_us * ENDLESS:
        return "inf"
    return "0" if end_us < value_us / ENDLESS else figure(end_us, "us")


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
