"""What has changed between two runs: verdicts, rates of harm, latencies, throughput."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from math import log

import pandas as pd

from leasebench.definitions import DefinitionError
from leasebench.results.compare.circumstances import differing, order_of_trials
from leasebench.results.compare.drift import (
    MIN_REFERENCE_CELLS,
    Drift,
    beyond,
    estimate_drift,
    reference_drift,
    unknown,
)
from leasebench.results.compare.finding import (
    ONLY_DISTURBED,
    TOLERANCE,
    Difference,
    Finding,
    by_rate,
    by_ratio,
    frame,
    judged,
    too_few,
)
from leasebench.results.compare.quantities import SPEED, Quantity, rates
from leasebench.results.compare.resampling import LogRatio, paired_ratio, pool, ratio
from leasebench.results.compare.samples import Sample, Samples
from leasebench.results.display.phrases import count
from leasebench.results.reading.rundirectory import RunDirectory
from leasebench.results.record.manifest import took_turns
from leasebench.results.statistics.intervals import MIN_TRIALS
from leasebench.verdict import Verdict

TOO_FEW_CELLS = "in too few cells to know its drift"
Place = tuple[str, str]
RatioOf = Callable[[Sample, Sample, Quantity], LogRatio | None]


@dataclass(frozen=True, slots=True)
class VerdictChange:
    """A cell whose verdict is not what it was, or not what was expected of a cell that is new.

    `before` is None for a cell that the first run does not have. `surprise`: the verdict is not among those expected,
    and in the first run the cell had none that was unexpected and as bad.
    """

    guard: str
    scenario: str
    before: Verdict | None
    after: Verdict
    surprise: bool


@dataclass(frozen=True)
class RunChanges:
    """What changed from the run `before` to the run `after`, in the cells that both have.

    `differences` are the figures of each cell, `overall` those of each guard over its scenarios; all are corrected
    together. Ratios are what is left beyond `drifts` (by quantity; none with `absolute`, nor of few cells), which
    were taken from the guards of `drift_from`, or from the cells that seem not to have changed.
    """

    before: RunDirectory
    after: RunDirectory
    tolerance: float
    absolute: bool
    drift_from: tuple[str, ...]
    differences: tuple[Difference, ...]
    overall: tuple[Difference, ...]
    drifts: dict[Quantity, Drift]
    verdicts: tuple[VerdictChange, ...]
    only_before: tuple[Place, ...]
    only_after: tuple[Place, ...]
    warnings: tuple[str, ...]
    in_turns: bool = False
    """Whether the two took turns, trial by trial (`run --against`): what drifts hits both, and nothing is taken out."""

    @property
    def tests(self) -> int:
        """How many tests were corrected for."""
        return sum(one.p is not None for one in self.every)

    @property
    def every(self) -> tuple[Difference, ...]:
        return (*self.overall, *self.differences)

    @property
    def cells(self) -> int:
        """How many cells both runs have."""
        return len({(one.guard, one.scenario) for one in self.differences})

    def found(self, finding: Finding) -> list[Difference]:
        """The differences of that kind, the strongest first; those over all scenarios before those of a cell."""
        own = [one for one in self.every if one.finding is finding]
        return sorted(own, key=lambda one: (not one.quantity.is_rate, one.scenario is not None, -one.strength))

    @property
    def loud(self) -> list[Drift]:
        """Drifts too large to be put down to the machine.

        None with `absolute`, where they count as changes, nor of guards that are known to be unchanged.
        """
        known = self.absolute or self.drift_from
        return [] if known else [drift for drift in self.drifts.values() if drift.loud]

    @property
    def one_trial(self) -> list[RunDirectory]:
        """The runs of which a cell that was compared has one trial: of it no latency has an interval."""
        places = {(one.guard, one.scenario) for one in self.differences}
        return [
            run
            for run in (self.before, self.after)
            if any(cell.trials < MIN_TRIALS for cell in run.summary.cells if cell.place in places)
        ]

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row a guard, scenario and quantity: see `results.compare.finding.frame`; figures `before`, `after`.

        `effect` is beyond the drift: where one was taken out, it is not `after / before`. The drift stands in `drift`.
        """
        made = frame(self.every, "before", "after")
        ratios = [self.drifts[one.quantity].ratio if one.quantity in self.drifts else 1.0 for one in self.every]
        made["drift"] = 1.0 if self.absolute else ratios
        return made

    @cached_property
    def by_place(self) -> dict[tuple[str, str | None, Quantity], Difference]:
        """Each difference by guard, scenario (None: over all) and quantity."""
        return {(one.guard, one.scenario, one.quantity): one for one in self.every}


def changes(
    before: RunDirectory,
    after: RunDirectory,
    *,
    guards: Collection[str] = (),
    scenarios: Collection[str] = (),
    tolerance: float = TOLERANCE,
    absolute: bool = False,
    drift_from: Collection[str] = (),
    samples: tuple[Samples, Samples] | None = None,
) -> RunChanges:
    """Compare two runs cell by cell; of `guards` and `scenarios` only, if there are any.

    With `absolute` a drift that all cells share is left in, and intervals rest on trials alone: right where the machine
    is known to be quiet, or where a change of everything is what is looked for. `drift_from` names guards that are
    known not to have changed. Of two runs that took turns nothing is taken out. Raises DefinitionError if they have too
    few cells in both runs.
    """
    olds, news = samples or (Samples(before), Samples(after))
    here = _places(after)
    there = set(_places(before))
    shared = [place for place in here if place in there]
    asked = [place for place in shared if _asked(place, guards, scenarios)]
    in_turns = took_turns(before.manifest, after.manifest)
    ratio_of = paired_ratio if in_turns else ratio
    measured = {quantity: _measure(olds, news, shared, quantity, ratio_of) for quantity in SPEED}
    there_of = [place for place in shared if place[0] in drift_from]
    if drift_from and len(there_of) < MIN_REFERENCE_CELLS:
        few = f"{count(len(there_of), 'cell')} in both runs, at least {MIN_REFERENCE_CELLS}"
        raise DefinitionError(f"--drift-from {', '.join(drift_from)}: {few} are needed")
    absolute = absolute or in_turns
    drifts = {} if absolute else dict(_drifts(measured, drift_from))
    judging = _Judging(measured, drifts, tolerance, known=bool(drift_from))
    every = [
        *_overall(asked, judging),
        *(one for place in asked for one in _cell(olds, news, place, judging)),
    ]
    found = judged(every)
    order = [line for line in (order_of_trials(before), order_of_trials(after)) if line]
    return RunChanges(
        before,
        after,
        tolerance,
        absolute,
        tuple(drift_from),
        tuple(one for one in found if one.scenario is not None),
        tuple(one for one in found if one.scenario is None),
        drifts,
        tuple(_verdicts(before, after, [place for place in here if _asked(place, guards, scenarios)])),
        tuple(place for place in _places(before) if place not in set(here) and _asked(place, guards, scenarios)),
        tuple(place for place in here if place not in there and _asked(place, guards, scenarios)),
        (*differing(before, after), *order, *olds.told(), *news.told()),
        in_turns,
    )


@dataclass(frozen=True, slots=True)
class _Measured:
    """One quantity of a cell in both runs: the log of its ratio, and that ratio with its error, if there is one."""

    log: float
    found: LogRatio | None


@dataclass(frozen=True, slots=True)
class _Judging:
    """What a ratio is judged with: all that were measured, their drifts, and whether these are known to be drifts."""

    measured: dict[Quantity, dict[Place, _Measured]]
    drifts: dict[Quantity, Drift]
    tolerance: float
    known: bool

    def ratio(
        self,
        place: tuple[str, str | None],
        quantity: Quantity,
        figures: tuple[float | None, float | None],
        found: LogRatio | None,
        scattered: int | None,
        note: str,
    ) -> Difference:
        left = None if found is None else beyond(found, self.drifts.get(quantity), scattered)
        seen = None if self.known else found
        tolerance = self.tolerance
        return by_ratio(place, quantity, figures, left, seen=seen, tolerance=tolerance, least=tolerance, note=note)


def _places(run: RunDirectory) -> list[Place]:
    return [cell.place for cell in run.summary.cells]


def _asked(place: Place, guards: Collection[str], scenarios: Collection[str]) -> bool:
    return (not guards or place[0] in guards) and (not scenarios or place[1] in scenarios)


def _measure(
    olds: Samples, news: Samples, places: list[Place], quantity: Quantity, ratio_of: RatioOf
) -> dict[Place, _Measured]:
    found = {}
    for place in places:
        old, new = olds.cell(*place), news.cell(*place)
        if too_few(old, new, quantity):
            continue
        was, now = old.figure(quantity), new.figure(quantity)
        if was and now:
            found[place] = _Measured(log(now / was), ratio_of(old, new, quantity))
    return found


def _drifts(
    measured: dict[Quantity, dict[Place, _Measured]], guards: Collection[str]
) -> Iterator[tuple[Quantity, Drift]]:
    estimate = reference_drift if guards else estimate_drift
    for quantity, cells in measured.items():
        own = [one for (guard, _), one in cells.items() if not guards or guard in guards]
        drift = estimate(quantity, [one.log for one in own], [one.found for one in own if one.found is not None])
        if drift is not None:
            yield quantity, drift


def _cell(olds: Samples, news: Samples, place: Place, judging: _Judging) -> Iterator[Difference]:
    old, new = olds.cell(*place), news.cell(*place)
    yield from (by_rate(old, new, quantity) for quantity in rates())
    for quantity in SPEED:
        if not (old.operations(quantity) or new.operations(quantity)):
            continue
        figures = old.figure(quantity), new.figure(quantity)
        note = too_few(old, new, quantity)
        if note:
            shown = figures if note == ONLY_DISTURBED else (None, None)
            yield by_ratio(place, quantity, shown, None, note=note)
            continue
        own = judging.measured[quantity].get(place)
        drifting = unknown(quantity, judging.drifts)
        found = None if own is None or drifting else own.found
        why = "" if found else "one trial" if min(old.trials, new.trials) < MIN_TRIALS else "nothing to compare"
        yield judging.ratio(place, quantity, figures, found, 1, TOO_FEW_CELLS if drifting else why)


def _overall(places: list[Place], judging: _Judging) -> Iterator[Difference]:
    for guard in dict.fromkeys(guard for guard, _ in places):
        for quantity, cells in judging.measured.items():
            own = [cells[place] for place in places if place[0] == guard and place in cells]
            pooled = pool([one.log for one in own], [one.found for one in own])
            if pooled is None or unknown(quantity, judging.drifts):
                continue
            note = f"over {count(pooled.scenarios, 'scenario')}, interval by {pooled.by}"
            scattered = pooled.scenarios if pooled.by == "trials" else None
            yield judging.ratio((guard, None), quantity, (None, None), pooled.found, scattered, note)


def _verdicts(before: RunDirectory, after: RunDirectory, places: list[Place]) -> Iterator[VerdictChange]:
    for place in places:
        old, new = before.cell(*place), after.cell(*place)
        assert new is not None
        was = None if old is None else old.verdict
        now = new.verdict
        was_expected = old is not None and old.as_expected
        surprise = not new.as_expected and (was is None or was_expected or now.rank < was.rank)
        if surprise or was not in (None, now):
            yield VerdictChange(*place, was, now, surprise)
