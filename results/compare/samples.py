"""The trials of one cell as a comparison needs them: a trial is what is drawn again, whole."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from leasebench.results.compare.quantities import COST, Quantity, latency, rates
from leasebench.results.display.phrases import count
from leasebench.results.latency.histograms import PERCENTILES, Buckets
from leasebench.results.reading.rundirectory import RunDirectory
from leasebench.results.record.summary import TrialRow
from leasebench.results.statistics.clustered import Clusters, added, from_json
from leasebench.results.tables.pricing import COST_PHASES

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Histograms:
    """One latency of several trials on shared buckets.

    `high_us` is the upper end of each bucket, `reached` (buckets x trials) how many operations of a trial lie at it or
    below.
    """

    high_us: Floats
    reached: Floats

    @property
    def operations(self) -> int:
        return int(self.reached[-1].sum())

    def quantiles(self, percentile: float, weights: Floats) -> Floats:
        """The value at a percentile of the trials merged with `weights` (resamples x trials), one a resample.

        By halving: the merged histogram of a resample is looked at in a dozen places only. NaN where it is empty.
        """
        totals = weights @ self.reached[-1]
        targets = np.maximum(np.ceil(np.nextafter(percentile, 0) * totals / 100), 1)
        if len(weights) == 1:
            at = np.searchsorted(self.reached @ weights[0], targets) if totals[0] else np.zeros(1, np.intp)
            return np.where(totals > 0, self.high_us[at], np.nan)
        low = np.zeros(len(weights), np.intp)
        high = np.full(len(weights), len(self.high_us) - 1)
        while (low < high).any():
            middle = (low + high) // 2
            enough = np.einsum("bn,bn->b", weights, self.reached[middle]) >= targets
            high = np.where(enough, middle, high)
            low = np.where(enough, low, middle + 1)
        return np.where(totals > 0, self.high_us[np.minimum(low, len(self.high_us) - 1)], np.nan)


@dataclass(frozen=True)
class Sample:
    """One guard under one scenario in one run: its trials that left a history, in the order in which they ran.

    `rounds` says in which round of the run each stood, `counts` has an array of each of `counted()`, one value a trial.
    `clusters` has the tables by which the events of rates hang together, one a trial; what a row lacks is missing.
    """

    guard: str
    scenario: str
    rounds: tuple[int, ...]
    counts: dict[str, Floats]
    histograms: dict[tuple[str, str], Histograms]
    clusters: dict[str, tuple[Clusters, ...]] = field(default_factory=dict)
    disturbed: tuple[bool, ...] = ()
    """Of which trials the clocks are not to be believed; of none, if it is empty. Rates of harm take all trials."""

    @property
    def all_disturbed(self) -> bool:
        """Whether no trial is left to compare by what clocks measured."""
        return bool(self.disturbed) and all(self.disturbed)

    @cached_property
    def timed(self) -> Floats:
        """Per trial 1 if its latencies and throughput are taken, else 0; where all are disturbed they are shown."""
        if not any(self.disturbed) or self.all_disturbed:
            return np.ones(self.trials)
        return 1.0 - np.array(self.disturbed, np.float64)

    @property
    def trials(self) -> int:
        return len(self.rounds)

    def operations(self, quantity: Quantity) -> int:
        """How many operations a quantity rests on, all trials together."""
        if quantity.kind == "latency":
            held = self.histograms.get((quantity.phase, quantity.side))
            return int(held.reached[-1] @ self.timed) if held else 0
        return int(self.counts["commits"].sum() if quantity.is_rate else self.counts["commits"] @ self.timed)

    def beyond(self, quantity: Quantity, value: float) -> Floats | None:
        """How many operations of each trial lie at a latency's `value` or beyond; None of another quantity."""
        if quantity.kind != "latency":
            return None
        held = self.histograms[quantity.phase, quantity.side]
        at = int(np.searchsorted(held.high_us, value))
        below = held.reached[at - 1] if at else 0.0
        return np.asarray((held.reached[-1] - below) * self.timed)

    def figures(self, quantity: Quantity, weights: Floats) -> Floats:
        """The figure of the trials taken with `weights` (resamples x trials), one a resample; NaN for none."""
        if quantity == COST:
            medians = [self.figures(latency(phase, "p50"), weights) for phase in COST_PHASES]
            cost: Floats = np.nansum(medians, axis=0)
            return np.where(np.isnan(medians[COST_PHASES.index("commit")]), np.nan, cost)
        if quantity.kind == "latency":
            held = self.histograms.get((quantity.phase, quantity.side))
            if held is None:
                return np.full(len(weights), np.nan)
            return held.quantiles(PERCENTILES[quantity.figure], weights * self.timed)
        part, whole, scale = quantity.fraction
        weights = weights if quantity.is_rate else weights * self.timed
        below = weights @ self.counts[whole]
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(below > 0, scale * (weights @ self.counts[part]) / below, np.nan)

    def figure(self, quantity: Quantity) -> float | None:
        """The figure of all trials together; None where there is none."""
        value = float(self.figures(quantity, np.ones((1, self.trials)))[0]) if self.trials else np.nan
        return None if np.isnan(value) else value

    def clusters_of(self, quantity: Quantity) -> Clusters | None:
        """How the events of a rate of harm are spread over applications, all trials together; None where not known."""
        tables = self.clusters.get(quantity.ratio.clusters, ())
        return added(tables) if tables else None

    def having(self, quantity: Quantity) -> "Sample":
        """The trials that have operations of a latency's phase: one without any has no quantile to draw.

        Of what clocks measured, without the trials that were disturbed.
        """
        if not quantity.is_rate and not self.timed.all():
            return self.only(np.flatnonzero(self.timed).tolist()).having(quantity)
        held = self.histograms.get((quantity.phase, quantity.side))
        if held is None or held.reached[-1].all():
            return self
        return self.only(np.flatnonzero(held.reached[-1]).tolist())

    def only(self, kept: Sequence[int]) -> "Sample":
        """The same cell with some of its trials, by their place."""
        places = list(kept)
        return Sample(
            self.guard,
            self.scenario,
            tuple(self.rounds[at] for at in places),
            {name: values[places] for name, values in self.counts.items()},
            {key: Histograms(held.high_us, held.reached[:, places]) for key, held in self.histograms.items()},
            {name: tuple(tables[at] for at in places) for name, tables in self.clusters.items()},
            tuple(self.disturbed[at] for at in places) if self.disturbed else (),
        )


@cache
def counted() -> tuple[str, ...]:
    """The figures of a trial that a sample has: what throughput and the rates of harm are made of."""
    names = ["commits", "load_s"]
    for quantity in rates():
        ratio = quantity.ratio
        names += [name for name in (ratio.part, ratio.whole, ratio.affected, ratio.units) if name]
    return tuple(dict.fromkeys(names))


class Samples:
    """The samples of a run, each read when it is first asked for.

    `with_disturbed` believes the clocks of disturbed trials, too.
    """

    def __init__(self, run: RunDirectory, *, with_disturbed: bool = False) -> None:
        self.run, self._with_disturbed = run, with_disturbed
        self._read: dict[tuple[str, str], Sample] = {}

    def cell(self, guard: str, scenario: str) -> Sample:
        """One cell; without trials where it was not run, or where nothing of it can be read."""
        if (guard, scenario) not in self._read:
            self._read[guard, scenario] = self._sample(guard, scenario)
        return self._read[guard, scenario]

    def told(self) -> Iterator[str]:
        """How many trials are left out of what clocks measured."""
        rows = [row for row in self.run.summary.trials if row.measured]
        left = sum(bool(row.disturbances) for row in rows)
        if left and not self._with_disturbed:
            yield (
                f"{self.run.path}: {left} of {count(len(rows), 'trial')} disturbed: their latencies and throughput are "
                "compared with nobody's (--with-disturbed compares them)"
            )

    @cached_property
    def _rows(self) -> dict[tuple[str, str], list[TrialRow]]:
        found: dict[tuple[str, str], list[TrialRow]] = {}
        for row in sorted(self.run.summary.trials, key=lambda row: row.number):
            found.setdefault(row.place, []).append(row)
        return found

    def _sample(self, guard: str, scenario: str) -> Sample:
        rows = [row for row in self._rows.get((guard, scenario), ()) if row.measured]
        parts = [self.run.latencies(row.number) for row in rows]
        if any(parts):
            # One whose histograms can't be read counts whole or not at all.
            rows, parts = [row for row, part in zip(rows, parts, strict=True) if part], [part for part in parts if part]
        keys = dict.fromkeys(key for part in parts for key in part)
        return Sample(
            guard,
            scenario,
            tuple(self.run.round_of(row.number) for row in rows),
            {name: np.array([_counted(row, name) for row in rows], np.float64) for name in counted()},
            {key: histograms([part.get(key) for part in parts]) for key in keys},
            dict(_clusters(rows)),
            () if self._with_disturbed else tuple(bool(row.disturbances) for row in rows),
        )


def _counted(row: TrialRow, name: str) -> float:
    return row.load_s or 0.0 if name == "load_s" else row.total(name)


def _clusters(rows: Sequence[TrialRow]) -> Iterator[tuple[str, tuple[Clusters, ...]]]:
    """The tables that all rows have: a run of an earlier version has none."""
    for name in {quantity.ratio.clusters for quantity in rates()}:
        tables = [table for row in rows if (table := row.clusters(name)) is not None]
        if rows and len(tables) == len(rows):
            yield name, tuple(map(from_json, tables))


def histograms(parts: Sequence[Buckets | None]) -> Histograms:
    """Put the histograms of trials on shared buckets; None is a trial without operations."""
    held = [part for part in parts if part is not None]
    high_ns, place = np.unique(np.concatenate([part.high_ns for part in held]), return_inverse=True)
    counts = np.zeros((len(high_ns), len(parts)))
    trial = np.repeat(
        [number for number, part in enumerate(parts) if part is not None], [len(part.counts) for part in held]
    )
    counts[place, trial] = np.concatenate([part.counts for part in held])
    return Histograms(high_ns / 1000, np.cumsum(counts, axis=0))
