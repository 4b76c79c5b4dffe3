"""Which guard of one run is better: what held and what it costs, each beside a reference guard."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import log, nan
from typing import Any

import pandas as pd

from leasebench.definitions import DefinitionError, must_be_known
from leasebench.results.compare.circumstances import order_of_trials
from leasebench.results.compare.finding import ONLY_DISTURBED, Difference, by_rate, by_ratio, frame, judged, too_few
from leasebench.results.compare.quantities import PRICES, Quantity, main_rate, rates
from leasebench.results.compare.resampling import Pooled, paired_ratio, pool
from leasebench.results.compare.safety import rate
from leasebench.results.compare.samples import Samples
from leasebench.results.display.phrases import count
from leasebench.results.reading.rundirectory import RunDirectory
from leasebench.results.record.summary import CellSummary
from leasebench.results.statistics.intervals import Interval, exact_interval
from leasebench.results.tables.advice import advise
from leasebench.results.tables.pricing import baseline_scenario, guard_cost_us
from leasebench.verdict import SAFE, Verdict


@dataclass(frozen=True, slots=True)
class RankedGuard:
    """One guard over all of its scenarios.

    `verdict` is its worst, `surprises` the number of scenarios in which it was not among those expected.
    `leaky_share` is that of applications (`leaky` of `raced`, all scenarios together) with its exact interval, None
    without races: no leak rate, which is of races.
    `cost_us` is the cost at one endpoint in the scenario in which guards are priced.
    """

    guard: str
    verdict: Verdict
    surprises: int
    scenarios: int
    clean: int
    unproven: int
    leaky: int
    raced: int
    leaky_share: float | None
    interval: Interval | None
    cost_us: float | None

    @property
    def held(self) -> bool:
        """Never harmed, and clean in one scenario at least."""
        return self.verdict in SAFE and self.clean > 0


@dataclass(frozen=True)
class Ranking:
    """The guards of a run, best first.

    `differences` are the figures of each guard in each scenario beside the reference guard's there, `overall` those
    over all scenarios; all are corrected together. `priced_in` is the scenario of the costs.
    """

    run: RunDirectory
    reference: str
    why: str
    priced_in: str | None
    ranked: tuple[RankedGuard, ...]
    differences: tuple[Difference, ...]
    overall: tuple[Difference, ...]
    notes: tuple[str, ...]

    @property
    def tests(self) -> int:
        """How many tests were corrected for."""
        return sum(one.p is not None for one in (*self.differences, *self.overall))

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row a guard, scenario and quantity (see `results.compare.finding.frame`): `reference`, `figure`."""
        return frame((*self.differences, *self.overall), "reference", "figure")

    @cached_property
    def rates(self) -> pd.DataFrame:
        """One row a guard, scenario and rate of harm: `value` and its two intervals.

        `low`, `high` by application, `by_trial_low`, `by_trial_high` by drawing trials again (NaN of one trial, or
        where nothing was seen). `leak_rate` is a share, `stale_per_1000` is of commits.
        """
        samples = Samples(self.run)
        rows = []
        for cell in self.run.summary.cells:
            for quantity in rates():
                found = rate(samples.cell(*cell.place), quantity)
                if found is not None:
                    ends = (*found.by_application, *(found.by_trial or (nan, nan)))
                    rows.append((*cell.place, quantity.name, found.value, *ends))
        columns = ["guard", "scenario", "quantity", "value", "low", "high", "by_trial_low", "by_trial_high"]
        return pd.DataFrame(rows, columns=columns)

    @cached_property
    def by_place(self) -> dict[tuple[str, str | None, Quantity], Difference]:
        """Each difference by guard, scenario (None: over all) and quantity."""
        every = (*self.differences, *self.overall)
        return {(one.guard, one.scenario, one.quantity): one for one in every}


def rank(run: RunDirectory, reference: str | None = None, samples: Samples | None = None) -> Ranking:
    """Rank the guards of a run; without a reference, beside the cheapest that held, else the first.

    Raises DefinitionError for a reference that the run does not have.
    """
    if reference is not None:
        must_be_known("guard", [reference], run.guards, f"{run.path}: ")
    chosen, why = _reference(run, reference)
    held = samples or Samples(run)
    every = [*_cells(run, chosen, held), *_overall(run, chosen, held)]
    found = judged(every)
    order = order_of_trials(run)
    return Ranking(
        run,
        chosen,
        why,
        baseline_scenario(run.summary.cells),
        tuple(sorted(ranked_guards(run), key=_best_first)),
        tuple(one for one in found if one.scenario is not None),
        tuple(one for one in found if one.scenario is None),
        (*([order] if order else []), *held.told()),
    )


def ranked_guards(run: RunDirectory) -> Iterator[RankedGuard]:
    """How each guard of a run stands, in the suite's order."""
    baseline, ratio = baseline_scenario(run.summary.cells), main_rate().ratio
    for guard in run.guards:
        own = [cell for cell in run.summary.cells if cell.guard == guard]
        verdicts = [cell.verdict for cell in own]
        leaky = sum(cell.total(ratio.affected) for cell in own)
        raced = sum(cell.total(ratio.units) for cell in own)
        yield RankedGuard(
            guard,
            min(verdicts, key=lambda one: one.rank),
            sum(not cell.as_expected for cell in own),
            len(own),
            verdicts.count(Verdict.CLEAN),
            verdicts.count(Verdict.UNPROVEN),
            leaky,
            raced,
            leaky / raced if raced else None,
            exact_interval(leaky, raced),
            guard_cost_us(_priced(own, baseline)),
        )


def _reference(run: RunDirectory, asked: str | None) -> tuple[str, str]:
    if asked is not None:
        return asked, "as asked"
    best = advise(run.summary).best
    if best is not None:
        return best, "of those that held, the lowest cost seen"
    if not run.guards:
        raise DefinitionError(f"{run.path}: no trial of it has ended: there is nothing to compare")
    return run.guards[0], "the first, as none held"


def _priced(own: list[CellSummary], baseline: str | None) -> CellSummary:
    return next((cell for cell in own if cell.scenario == baseline), own[0])


def _best_first(one: RankedGuard) -> tuple[Any, ...]:
    cost = one.cost_us if one.cost_us is not None else float("inf")
    return (not one.held, -one.verdict.rank, cost) if not one.held else (False, 0, cost)


def _cells(run: RunDirectory, reference: str, samples: Samples) -> Iterator[Difference]:
    for cell in run.summary.cells:
        guard, scenario = cell.place
        own, other = samples.cell(guard, scenario), samples.cell(reference, scenario)
        for quantity in PRICES:
            if not own.operations(quantity):
                continue
            figures = other.figure(quantity), own.figure(quantity)
            note = "the reference" if guard == reference else too_few(other, own, quantity)
            found = None if note else paired_ratio(other, own, quantity)
            if own.operations(quantity) < quantity.operations_needed:
                figures = figures[0], None
            elif note == ONLY_DISTURBED:
                pass  # both are shown, and nothing is said of their ratio
            elif note and guard != reference:
                figures, note = (None, figures[1]), f"{reference} has {note}"
            yield by_ratio((guard, scenario), quantity, figures, found, note=note)
        yield from (by_rate(other, own, quantity) for quantity in rates() if guard != reference)


def _overall(run: RunDirectory, reference: str, samples: Samples) -> Iterator[Difference]:
    for guard in run.guards:
        for quantity in PRICES if guard != reference else ():
            pooled = over_scenarios(samples, guard, reference, quantity)
            if pooled is not None:
                note = f"over {count(pooled.scenarios, 'scenario')}, interval by {pooled.by}"
                yield by_ratio((guard, None), quantity, (None, None), pooled.found, note=note)


def over_scenarios(samples: Samples, guard: str, reference: str, quantity: Quantity) -> Pooled | None:
    """A guard's figure beside the reference guard's, over the scenarios that both have; None without an interval."""
    logs, ratios = [], []
    for scenario in samples.run.scenarios:
        own, other = samples.cell(guard, scenario), samples.cell(reference, scenario)
        if too_few(other, own, quantity):
            continue
        was, now = other.figure(quantity), own.figure(quantity)
        if was and now:
            logs.append(log(now / was))
            ratios.append(paired_ratio(other, own, quantity))
    return pool(logs, ratios)
