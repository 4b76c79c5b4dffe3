"""What has changed between two runs: verdicts, rates of harm, latencies, throughput."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from math import log

import pandas as pd

from leasebench.results.compare.circumstances import differing, order_of_trials
from leasebench.results.compare.drift import Drift, beyond, estimate_drift, unknown
from leasebench.results.compare.finding import Difference, Finding, by_rate, by_ratio, frame, judged, too_few
from leasebench.results.compare.pooling import pool
from leasebench.results.compare.quantities import HARM, SPEED, Quantity
from leasebench.results.compare.resampling import LogRatio, ratio
from leasebench.results.compare.samples import Samples
from leasebench.results.run import Run
from leasebench.verdict import SAFE, Verdict

TOLERANCE = 1.05
"""A smaller change of a latency or of throughput is of no interest: a claim is that the ratio lies beyond."""
TOO_FEW_CELLS = "in too few cells to know its drift"
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class VerdictChange:
    """A cell whose verdict is not what it was; `surprise`: it was as expected (or new) and no longer is."""

    guard: str
    scenario: str
    before: Verdict
    after: Verdict
    surprise: bool

    @property
    def worse(self) -> bool:
        return self.after.rank < self.before.rank and self.after not in SAFE


@dataclass(frozen=True)
class Changes:
    """What changed from the run `before` to the run `after`, in the cells that both have.

    `differences` are the figures of each cell, `overall` those of each guard over its scenarios; all are corrected
    together. Ratios are what is left beyond `drifts` (by quantity; none with `absolute`, nor of few cells).
    """

    before: Run
    after: Run
    tolerance: float
    absolute: bool
    differences: tuple[Difference, ...]
    overall: tuple[Difference, ...]
    drifts: dict[Quantity, Drift]
    verdicts: tuple[VerdictChange, ...]
    only_before: tuple[Place, ...]
    only_after: tuple[Place, ...]
    warnings: tuple[str, ...]

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
        return sorted(own, key=lambda one: (one.quantity not in HARM, one.scenario is not None, -one.strength))

    @property
    def loud(self) -> list[Drift]:
        """Drifts too large to be put down to the machine; none with `absolute`, where they count as changes."""
        return [] if self.absolute else [drift for drift in self.drifts.values() if drift.loud]

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
    before: Run,
    after: Run,
    *,
    guards: Collection[str] = (),
    scenarios: Collection[str] = (),
    tolerance: float = TOLERANCE,
    absolute: bool = False,
    samples: tuple[Samples, Samples] | None = None,
) -> Changes:
    """Compare two runs cell by cell; of `guards` and `scenarios` only, if there are any.

    With `absolute` a drift that all cells share is left in, and intervals rest on trials alone: right where the machine
    is known to be quiet, or where a change of everything is what is looked for.
    """
    olds, news = samples or (Samples(before), Samples(after))
    here = _places(after)
    there = set(_places(before))
    shared = [place for place in here if place in there]
    asked = [place for place in shared if _asked(place, guards, scenarios)]
    measured = {quantity: _measure(olds, news, shared, quantity) for quantity in SPEED}
    drifts = {} if absolute else dict(_drifts(measured))
    every = [
        *_overall(asked, measured, drifts, tolerance),
        *(one for place in asked for one in _cell(olds, news, place, measured, drifts, tolerance)),
    ]
    found = judged(every)
    order = [line for line in (order_of_trials(before), order_of_trials(after)) if line]
    return Changes(
        before,
        after,
        tolerance,
        absolute,
        tuple(one for one in found if one.scenario is not None),
        tuple(one for one in found if one.scenario is None),
        drifts,
        tuple(_verdicts(before, after, asked)),
        tuple(place for place in _places(before) if place not in set(here) and _asked(place, guards, scenarios)),
        tuple(place for place in here if place not in there and _asked(place, guards, scenarios)),
        (*differing(before, after), *order),
    )


@dataclass(frozen=True, slots=True)
class _Measured:
    """One quantity of a cell in both runs: the log of its ratio, and that ratio with its error, if there is one."""

    log: float
    found: LogRatio | None


def _places(run: Run) -> list[Place]:
    return [(cell["guard"], cell["scenario"]) for cell in run.summary["cells"]]


def _asked(place: Place, guards: Collection[str], scenarios: Collection[str]) -> bool:
    return (not guards or place[0] in guards) and (not scenarios or place[1] in scenarios)


def _measure(olds: Samples, news: Samples, places: list[Place], quantity: Quantity) -> dict[Place, _Measured]:
    found = {}
    for place in places:
        old, new = olds.cell(*place), news.cell(*place)
        if too_few(old, new, quantity):
            continue
        was, now = old.figure(quantity), new.figure(quantity)
        if was and now:
            found[place] = _Measured(log(now / was), ratio(old, new, quantity))
    return found


def _drifts(measured: dict[Quantity, dict[Place, _Measured]]) -> Iterator[tuple[Quantity, Drift]]:
    for quantity, cells in measured.items():
        logs = [one.log for one in cells.values()]
        drift = estimate_drift(quantity, logs, [one.found for one in cells.values() if one.found is not None])
        if drift is not None:
            yield quantity, drift


def _cell(
    olds: Samples,
    news: Samples,
    place: Place,
    measured: dict[Quantity, dict[Place, _Measured]],
    drifts: dict[Quantity, Drift],
    tolerance: float,
) -> Iterator[Difference]:
    old, new = olds.cell(*place), news.cell(*place)
    yield from (by_rate(old, new, quantity) for quantity in HARM)
    for quantity in SPEED:
        if not (old.operations(quantity) or new.operations(quantity)):
            continue
        figures = old.figure(quantity), new.figure(quantity)
        note = too_few(old, new, quantity)
        if note:
            yield by_ratio(place, quantity, (None, None), None, note=note)
            continue
        own = measured[quantity].get(place)
        drifting = unknown(quantity, drifts)
        found = None if own is None or own.found is None or drifting else beyond(own.found, drifts.get(quantity))
        why = "" if found else "one trial" if min(old.trials, new.trials) < 2 else "nothing to compare"
        why = TOO_FEW_CELLS if drifting else why
        yield by_ratio(place, quantity, figures, found, tolerance=tolerance, note=why)


def _overall(
    places: list[Place],
    measured: dict[Quantity, dict[Place, _Measured]],
    drifts: dict[Quantity, Drift],
    tolerance: float,
) -> Iterator[Difference]:
    for guard in dict.fromkeys(guard for guard, _ in places):
        for quantity, cells in measured.items():
            own = [cells[place] for place in places if place[0] == guard and place in cells]
            pooled = pool([one.log for one in own], [one.found for one in own])
            if pooled is None or unknown(quantity, drifts):
                continue
            note = f"over {pooled.scenarios} scenarios, interval by {pooled.by}"
            left = beyond(pooled.found, drifts.get(quantity))
            yield by_ratio((guard, None), quantity, (None, None), left, tolerance=tolerance, note=note)


def _verdicts(before: Run, after: Run, places: list[Place]) -> Iterator[VerdictChange]:
    for place in places:
        old, new = before.cell(*place), after.cell(*place)
        assert old is not None
        assert new is not None
        was, now = Verdict(old["verdict"]), Verdict(new["verdict"])
        surprise = not new["as_expected"] and old["as_expected"]
        if was is not now or surprise:
            yield VerdictChange(*place, was, now, surprise)
