"""Whether gates hold. Neither flaky nor blind: a gate fails where it is established, and is open where it only may be.

Of every cell that a gate names:

- it *fails* if it is true of the whole interval of the figure (its near end lies beyond the limit). The intervals are
  those of all its cells together, 1 - 0.05 / cells each (Bonferroni), so that naming many cells does not make a
  failure likelier. A count is what was counted, and has no interval;
- it is *open* if the figure is beyond the limit and its interval is not, or there is no interval (one trial). That is
  the answer "it may be so: more trials tell", and has an exit code of its own. So has a latency beyond the limit only
  together with a drift that all cells of the run share: machine and change can't be told apart;
- else it *holds*.

A cell in which the figure can't be had (no races, too few operations) is told. If that is so in all of them, the gate
is open.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import exp
from typing import Any

from leasebench.definitions import DefinitionError
from leasebench.results.compare.changes import TOO_FEW_CELLS, Changes
from leasebench.results.compare.drift import beyond, unknown
from leasebench.results.compare.finding import too_few
from leasebench.results.compare.gates import COUNTS, Gate
from leasebench.results.compare.quantities import HARM, Quantity
from leasebench.results.compare.ranking import Ranking
from leasebench.results.compare.resampling import LogRatio, estimate, paired_ratio, ratio
from leasebench.results.compare.safety import rate, rate_ratio
from leasebench.results.compare.samples import Sample, Samples
from leasebench.results.run import Run
from leasebench.results.statistics import CONFIDENCE, Interval, student_quantile

Cell = dict[str, Any]


class Outcome(StrEnum):
    """What became of a gate, gravest first."""

    FAILS = "fails"
    OPEN = "open"
    HOLDS = "holds"


@dataclass(frozen=True, slots=True)
class Answer:
    """One gate in one cell: the figure and its interval, as multiples where the gate is relative.

    `outcome` is None where the figure can't be had; `note` says why, or why it is open.
    """

    guard: str
    scenario: str
    value: float | None
    interval: Interval | None
    outcome: Outcome | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """One gate over all cells that it names."""

    gate: Gate
    answers: tuple[Answer, ...]

    @property
    def outcome(self) -> Outcome:
        seen = {answer.outcome for answer in self.answers}
        return next((one for one in Outcome if one in seen), Outcome.OPEN)

    @property
    def telling(self) -> list[Answer]:
        """The cells that decided it, of an open gate also those without a figure; of one that holds, none."""
        if self.outcome is Outcome.HOLDS:
            return []
        own = [answer for answer in self.answers if answer.outcome is self.outcome]
        blind = [answer for answer in self.answers if answer.outcome is None]
        return [*own, *blind] if self.outcome is Outcome.OPEN else own


@dataclass(frozen=True, slots=True)
class Other:
    """What a relative gate is relative to: the samples, which cell of them, and how a ratio to it is found."""

    ranking: Ranking | None
    changes: Changes | None
    samples: Samples

    def sample(self, guard: str, scenario: str) -> Sample:
        return self.samples.cell(self.ranking.reference if self.ranking else guard, scenario)

    def ratio(self, before: Sample, after: Sample, quantity: Quantity) -> tuple[LogRatio | None, LogRatio | None]:
        """The ratio as it was seen, and beyond what all cells share."""
        if self.changes is None:
            found = paired_ratio(before, after, quantity)
            return found, found
        found = ratio(before, after, quantity)
        drifts = self.changes.drifts
        if found is None or unknown(quantity, drifts):
            return found, None
        return found, beyond(found, drifts.get(quantity))


def judge(gate: Gate, run: Run, samples: Samples, other: Other | None) -> Judgement:
    """Ask one gate of a run; `other` is what it is relative to. Raises DefinitionError if no cell is named by it."""
    cells = [cell for cell in run.summary["cells"] if _named(gate, cell)]
    if gate.relative and other is not None and other.ranking is not None:
        cells = [cell for cell in cells if cell["guard"] != other.ranking.reference]
    if gate.relative and other is not None and other.changes is not None:
        there = {(cell["guard"], cell["scenario"]) for cell in other.samples.run.summary["cells"]}
        cells = [cell for cell in cells if (cell["guard"], cell["scenario"]) in there]
    if not cells:
        raise DefinitionError(f"--fail-on {gate.text!r}: there is no such cell to compare in {run.path}")
    confidence = 1 - (1 - CONFIDENCE) / len(cells)
    return Judgement(gate, tuple(_answers(gate, cells, samples, other, confidence)))


def _named(gate: Gate, cell: Cell) -> bool:
    return gate.guard in (None, cell["guard"]) and gate.scenario in (None, cell["scenario"])


def _answers(
    gate: Gate, cells: Sequence[Cell], samples: Samples, other: Other | None, confidence: float
) -> Iterator[Answer]:
    for cell in cells:
        place = cell["guard"], cell["scenario"]
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


def _count(metric: str, cell: Cell) -> int | None:
    if metric in COUNTS:
        count = cell.get(metric)
        return None if count is None else int(count)
    return int(not cell["as_expected"]) if metric == "unexpected" else int(cell["verdict"] == metric)


def _of_count(gate: Gate, place: tuple[str, str], count: int | None) -> Answer:
    if count is None:
        return Answer(*place, None, None, None, "not known")
    return Answer(*place, count, None, Outcome.FAILS if gate.beyond(count) else Outcome.HOLDS)


def _absolute(gate: Gate, own: Sample, confidence: float) -> Answer:
    quantity = gate.quantity
    assert quantity is not None
    place = own.guard, own.scenario
    value = own.figure(quantity)
    if quantity in HARM:
        found = rate(own, quantity, confidence)
        if found is None or value is None:
            return Answer(*place, None, None, None, "no races" if quantity.kind == "leak_rate" else "no commits")
        return _decided(gate, place, value, found.by_application)
    note = too_few(own, own, quantity)
    if note or value is None:
        return Answer(*place, None, None, None, note or "none")
    error = estimate(own, quantity)
    if error is None:
        return _decided(gate, place, value, None)
    reach = student_quantile(error.df, confidence) * error.se
    return _decided(gate, place, value, (value * exp(-min(reach, 700)), value * exp(min(reach, 700))))


def _relative(gate: Gate, before: Sample, own: Sample, other: Other, confidence: float) -> Answer:
    quantity = gate.quantity
    assert quantity is not None
    place = own.guard, own.scenario
    if quantity in HARM:
        rates = rate_ratio(before, own, quantity, confidence)
        return (
            Answer(*place, None, None, None, "no leak on either side")
            if rates is None
            else _decided(gate, place, *rates)
        )
    note = too_few(before, own, quantity)
    was, now = before.figure(quantity), own.figure(quantity)
    if note or not was or not now:
        return Answer(*place, None, None, None, note or "none")
    seen, left = other.ratio(before, own, quantity)
    if seen is None:
        return _decided(gate, place, now / was, None)
    if left is None:
        answer = _decided(gate, place, seen.ratio, None)
        return answer if answer.outcome is Outcome.HOLDS else replace(answer, note=TOO_FEW_CELLS)
    answer = _decided(gate, place, left.ratio, left.interval(confidence))
    if answer.outcome is Outcome.HOLDS and gate.established(*seen.interval(confidence)):
        return Answer(*place, seen.ratio, seen.interval(confidence), Outcome.OPEN, "only with the drift of all cells")
    return answer


def _decided(gate: Gate, place: tuple[str, str], value: float, interval: Interval | None) -> Answer:
    if not gate.beyond(value):
        return Answer(*place, value, interval, Outcome.HOLDS)
    if interval is None:
        return Answer(*place, value, None, Outcome.OPEN, "one trial: no interval; --trials 5 gives one")
    if gate.established(*interval):
        return Answer(*place, value, interval, Outcome.FAILS)
    return Answer(*place, value, interval, Outcome.OPEN, "not established: more trials tell")
