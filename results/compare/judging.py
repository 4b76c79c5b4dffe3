"""What becomes of a gate: it fails or passes only where that is established, and is open everywhere else.

A gate is a condition that must not be true. Of every cell that it names:

- it *fails* if the condition is true of the whole interval of the figure;
- it *passes* if the condition is false of the whole interval;
- it is *open* otherwise: the interval holds the limit, or there is none (one trial, too few operations, no races). That
  answer has an exit code of its own.

A figure on the bad side of the limit has the interval that holds for all cells of the gate together, 1 - 0.05 / cells
each (Bonferroni), so that naming many cells does not make a failure likelier. One on the good side has its own 95 %
interval: to say that every cell is good, each may be asked by itself (the intersection-union test: Berger,
Technometrics 24, 1982).

A count is what was counted: it decides, and has no interval. So it is with a rate of harm and a limit at the end of
what a rate can be: `leak_rate > 0` fails with the first leak that was counted, and passes where races were seen and
none leaked. No number of races would exclude zero; the interval says how high the rate may still be, and a gate such as
`leak_rate > 0.05` asks for that.

Between two runs a latency passes only if it does both as it was seen and beyond the drift: with a change of
everything, machine and change can't be told apart.

A cell to which the figure does not apply (a guard without a lease acquires none) decides nothing. If that is so in all
of them, the gate is open.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import exp

from leasebench.definitions import DefinitionError
from leasebench.results.compare.changes import TOO_FEW_CELLS, RunChanges
from leasebench.results.compare.drift import beyond, unknown
from leasebench.results.compare.finding import too_few
from leasebench.results.compare.gates import VERDICTS, Gate
from leasebench.results.compare.quantities import Quantity
from leasebench.results.compare.ranking import Ranking
from leasebench.results.compare.resampling import LogRatio, estimate, paired_ratio, ratio
from leasebench.results.compare.safety import rate, rate_ratio
from leasebench.results.compare.samples import Sample, Samples
from leasebench.results.reading.rundirectory import RunDirectory
from leasebench.results.record.summary import CellSummary
from leasebench.results.statistics.intervals import CONFIDENCE, MIN_TRIALS, Interval, student_quantile


class GateOutcome(StrEnum):
    """What became of a gate, gravest first."""

    FAILS = "fails"
    OPEN = "open"
    PASSES = "passes"


@dataclass(frozen=True, slots=True)
class GateAnswer:
    """One gate in one cell: the figure and its interval, as multiples where the gate is relative.

    `outcome` is None where the figure does not apply; `note` says why, or why it is open.
    """

    guard: str
    scenario: str
    value: float | None
    interval: Interval | None
    outcome: GateOutcome | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """One gate over all cells that it names."""

    gate: Gate
    answers: tuple[GateAnswer, ...]

    @property
    def outcome(self) -> GateOutcome:
        seen = {answer.outcome for answer in self.answers}
        return next((one for one in GateOutcome if one in seen), GateOutcome.OPEN)

    @property
    def deciding(self) -> list[GateAnswer]:
        """The cells that decided it, the one furthest on the bad side first, those without a figure last.

        Where no cell decided anything, all of them.
        """
        own = [answer for answer in self.answers if answer.outcome is self.outcome] or list(self.answers)
        return sorted(own, key=self._from_the_bad_side)

    def _from_the_bad_side(self, answer: GateAnswer) -> tuple[bool, float]:
        if answer.value is None:
            return True, 0.0
        upwards = self.gate.op.startswith(">")
        low, high = answer.interval or (answer.value, answer.value)
        if self.outcome is GateOutcome.FAILS:
            return False, -answer.value if upwards else answer.value
        return False, -high if upwards else low


@dataclass(frozen=True, slots=True)
class Other:
    """What a relative gate is relative to: the samples, which cell of them, and how a ratio to it is found."""

    ranking: Ranking | None
    changes: RunChanges | None
    samples: Samples

    def sample(self, guard: str, scenario: str) -> Sample:
        return self.samples.cell(self.ranking.reference if self.ranking else guard, scenario)

    def ratio(self, before: Sample, after: Sample, quantity: Quantity) -> tuple[LogRatio | None, LogRatio | None]:
        """The ratio as it was seen, and beyond the drift; twice the second where the drift is known to be one."""
        if self.changes is None:
            found = paired_ratio(before, after, quantity)
            return found, found
        found = (paired_ratio if self.changes.in_turns else ratio)(before, after, quantity)
        drifts = self.changes.drifts
        if found is None or unknown(quantity, drifts):
            return found, None
        left = beyond(found, drifts.get(quantity))
        return (left if self.changes.drift_from else found), left


def judge(gate: Gate, run: RunDirectory, samples: Samples, other: Other | None) -> Judgement:
    """Ask one gate of a run; `other` is what it is relative to. Raises DefinitionError if no cell is named by it."""
    cells = [cell for cell in run.summary.cells if _named(gate, cell)]
    if gate.relative and other is not None and other.ranking is not None:
        cells = [cell for cell in cells if cell.guard != other.ranking.reference]
    if gate.relative and other is not None and other.changes is not None:
        there = {cell.place for cell in other.samples.run.summary.cells}
        cells = [cell for cell in cells if cell.place in there]
    if not cells:
        raise DefinitionError(f"--fail-on {gate.text!r}: there is no such cell to compare in {run.path}")
    confidence = 1 - (1 - CONFIDENCE) / len(cells)
    return Judgement(gate, tuple(_answers(gate, cells, samples, other, confidence)))


def _named(gate: Gate, cell: CellSummary) -> bool:
    return gate.guard in (None, cell.guard) and gate.scenario in (None, cell.scenario)


def _answers(
    gate: Gate, cells: Sequence[CellSummary], samples: Samples, other: Other | None, confidence: float
) -> Iterator[GateAnswer]:
    for cell in cells:
        place = cell.place
        if gate.quantity is None:
            count = _count(gate.metric, cell)
            yield _of_count(gate, place, count)
            continue
        own = samples.cell(*place)
        if gate.relative:
            assert other is not None
            yield _relative(gate, other.sample(*place), own, other, confidence)
        else:
            yield _absolute(gate, own, confidence)


def _count(metric: str, cell: CellSummary) -> int | None:
    if metric not in VERDICTS:
        return cell.count(metric)
    return int(not cell.as_expected) if metric == "unexpected" else int(cell.verdict == metric)


def _of_count(gate: Gate, place: tuple[str, str], count: int | None) -> GateAnswer:
    if count is None:
        return GateAnswer(*place, None, None, None, "not known")
    return GateAnswer(*place, count, None, _counted(gate, count))


def _counted(gate: Gate, value: float) -> GateOutcome:
    return GateOutcome.FAILS if gate.beyond(value) else GateOutcome.PASSES


def _absolute(gate: Gate, own: Sample, confidence: float) -> GateAnswer:
    quantity = gate.quantity
    assert quantity is not None
    place = own.guard, own.scenario
    value = own.figure(quantity)
    if quantity.is_rate:
        found = {at: rate(own, quantity, at) for at in (CONFIDENCE, confidence)}
        if found[confidence] is None or value is None:
            return GateAnswer(*place, None, None, GateOutcome.OPEN, quantity.missing)
        intervals = {at: one.either for at, one in found.items() if one is not None}
        part, whole, highest = quantity.fraction
        if gate.limit in (0.0, highest):
            counted = f"counted: {own.counts[part].sum():,.0f} of {own.counts[whole].sum():,.0f} {whole}"
            return GateAnswer(*place, value, intervals[CONFIDENCE], _counted(gate, value), counted)
        return _decided(gate, place, value, intervals, confidence)
    note = too_few(own, own, quantity)
    if note or value is None:
        return _without(place, own, quantity, note)
    error = estimate(own, quantity)
    if error is None:
        return _no_interval(place, value, own)
    reaches = {at: min(student_quantile(error.df, at) * error.se, 700) for at in (CONFIDENCE, confidence)}
    ends = {at: (value * exp(-reach), value * exp(reach)) for at, reach in reaches.items()}
    return _decided(gate, place, value, ends, confidence)


def _relative(gate: Gate, before: Sample, own: Sample, other: Other, confidence: float) -> GateAnswer:
    quantity = gate.quantity
    assert quantity is not None
    place = own.guard, own.scenario
    if quantity.is_rate:
        return _relative_rate(gate, quantity, before, own, confidence)
    note = too_few(before, own, quantity)
    was, now = before.figure(quantity), own.figure(quantity)
    if note or not was or not now:
        return _without(place, own, quantity, note)
    seen, left = other.ratio(before, own, quantity)
    if seen is None:
        return _no_interval(place, now / was, before, own)
    if left is None:
        return GateAnswer(*place, seen.ratio, None, GateOutcome.OPEN, TOO_FEW_CELLS)
    answer = _of_ratio(gate, place, left, confidence)
    as_seen = _of_ratio(gate, place, seen, confidence)
    if answer.outcome is GateOutcome.PASSES and as_seen.outcome is not GateOutcome.PASSES:
        return replace(as_seen, outcome=GateOutcome.OPEN, note="passes only with the drift of all cells taken out")
    return answer


def _relative_rate(gate: Gate, quantity: Quantity, before: Sample, own: Sample, confidence: float) -> GateAnswer:
    place = own.guard, own.scenario
    if before.figure(quantity) is None or own.figure(quantity) is None:
        return GateAnswer(*place, None, None, GateOutcome.OPEN, quantity.missing)
    rates = {at: rate_ratio(before, own, quantity, at) for at in (CONFIDENCE, confidence)}
    found = rates[confidence]
    if found is None:
        return GateAnswer(*place, None, None, None, "no leak on either side")
    return _decided(gate, place, found[0], {at: one[1] for at, one in rates.items() if one is not None}, confidence)


def _of_ratio(gate: Gate, place: tuple[str, str], found: LogRatio, confidence: float) -> GateAnswer:
    intervals = {at: found.interval(at) for at in (CONFIDENCE, confidence)}
    return _decided(gate, place, found.ratio, intervals, confidence)


def _decided(
    gate: Gate, place: tuple[str, str], value: float, intervals: Mapping[float, Interval], confidence: float
) -> GateAnswer:
    """The answer from the intervals at 95 % and at the confidence that holds for all cells together."""
    interval = intervals[confidence if gate.beyond(value) else CONFIDENCE]
    if gate.established(*interval):
        return GateAnswer(*place, value, interval, GateOutcome.FAILS)
    if gate.excluded(*interval):
        return GateAnswer(*place, value, interval, GateOutcome.PASSES)
    return GateAnswer(*place, value, interval, GateOutcome.OPEN, "not established: more trials tell")


def _without(place: tuple[str, str], own: Sample, quantity: Quantity, note: str) -> GateAnswer:
    """A cell without the figure: it does not apply to a guard that commits without ever doing what it is about."""
    does_without = not own.operations(quantity) and own.counts["commits"].sum() > 0
    return GateAnswer(*place, None, None, None if does_without else GateOutcome.OPEN, note or "none")


def _no_interval(place: tuple[str, str], value: float, *samples: Sample) -> GateAnswer:
    single = min(sample.trials for sample in samples) < MIN_TRIALS
    why = "one trial: no interval; --trials 5 gives one" if single else "a trial without the figure: no interval"
    return GateAnswer(*place, value, None, GateOutcome.OPEN, why)
