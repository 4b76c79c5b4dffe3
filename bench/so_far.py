"""What a run that goes on knows of its cells: taken in trial by trial, by the same code that derives the summary."""

from collections.abc import Iterator, Sequence
from math import exp, hypot, inf, log
from pathlib import Path
from statistics import fmean

from leasebench.bench.spending import CellState, Place
from leasebench.results.checks.verdict import RACED_APPLICATIONS
from leasebench.results.compare.finding import TOLERANCE
from leasebench.results.compare.quantities import SERVICE, main_rate
from leasebench.results.latency.histograms import figures, merge
from leasebench.results.record.suite import read_suite
from leasebench.results.record.summary import CellSummary
from leasebench.results.record.trial import TrialFacts, read_facts
from leasebench.results.statistics.intervals import MIN_TRIALS, reach_of_mean, standard_error, student_quantile
from leasebench.results.summary.derivation import CellData, cells_of, take_in, trial_folders
from leasebench.results.tables.pricing import COST_PHASES
from leasebench.verdict import SAFE, Verdict


class CellsSoFar:
    """The cells of a run, as its trials up to now show them."""

    def __init__(self, run: Path) -> None:
        self._cells = cells_of(read_suite(run))
        self._summaries: dict[Place, CellSummary] = {}
        self._costs: dict[Place, list[float]] = {place: [] for place in self._cells}

    def add(self, folder: Path) -> None:
        """Take in a trial that has ended. Raises BadRunDirectory."""
        row = take_in(folder, self._cells)
        if row is None:
            return
        cell = self._cells[row.place]
        cost = _log_cost(cell)
        if cost is not None:
            self._costs[row.place].append(cost)
        self._summaries[row.place] = cell.summarise()
        for timed in (cell.timed, cell.timed_disturbed):  # of one trial: nothing else is asked of latencies here
            timed.latency.clear()

    def states(self, trial_s: dict[Place, float]) -> list[CellState]:
        """Every cell in the suite's order; `trial_s` is how long a trial of each takes."""
        ties = self._ties()
        return [self._state(place, trial_s[place], ties.get(place, inf)) for place in self._cells]

    def _state(self, place: Place, trial_s: float, tie: float) -> CellState:
        summary = self._summaries.get(place)
        if summary is None:
            return CellState(place, 0, 0, 0, False, False, trial_s, 0.0, 0.0, inf)
        low, high = summary.rate(main_rate().name).interval or (0.0, 0.0)
        return CellState(
            place=place,
            trials=summary.trials,
            raced=summary.total(RACED_APPLICATIONS),
            missing=summary.races_missing,
            unproven=summary.verdict is Verdict.UNPROVEN,
            failed=summary.verdict is Verdict.FAILED,
            trial_s=trial_s,
            leak_width=high - low,
            cost_width=_relative_width(self._costs[place]),
            tie=tie,
        )

    def _ties(self) -> dict[Place, float]:
        """The distance of each cell of a guard that held to the nearest other that its cost can't be told from."""
        found: dict[Place, float] = {}
        safe = [place for place, summary in self._summaries.items() if summary.verdict in SAFE]
        for place in safe:
            others = [other for other in safe if other[1] == place[1] and other != place]
            distances = [tied_by(self._costs[place], self._costs[other]) for other in others]
            found[place] = min(distances, default=inf)
        return found


def ended_well(run: Path) -> Iterator[tuple[Path, TrialFacts]]:
    """The trials of a run that ended well, with their folders."""
    found = ((folder, read_facts(folder)) for folder in trial_folders(run))
    return ((folder, facts) for folder, facts in found if facts.status == "ok")


def tied_by(logs: Sequence[float], others: Sequence[float]) -> float:
    """How far apart the costs of two cells are, as a logarithm; infinite where they are told apart or known as equal.

    Also where one has too few trials for an interval: that is a wide one, no tie.
    """
    if min(len(logs), len(others)) < MIN_TRIALS:
        return inf
    apart = fmean(logs) - fmean(others)
    error = hypot(standard_error(logs), standard_error(others))
    reach = student_quantile(min(len(logs), len(others)) - 1) * error
    different = abs(apart) > reach
    equal = abs(apart) + reach <= log(TOLERANCE)
    return inf if different or equal else abs(apart)


def _relative_width(logs: Sequence[float]) -> float:
    """The width of the interval of a cost, as a share of it; infinite of one trial, 0 without any."""
    if len(logs) < MIN_TRIALS:
        return inf if logs else 0.0
    reach = reach_of_mean(logs)
    return exp(reach) - exp(-reach) if reach < 700 else inf


def _log_cost(cell: CellData) -> float | None:
    """The cost of the one trial whose latencies a cell holds: medians added up, as `results.tables.pricing` does."""
    medians = [_median_us(cell, phase) for phase in COST_PHASES]
    total = sum(median or 0.0 for median in medians)
    return log(total) if medians[COST_PHASES.index("commit")] and total else None


def _median_us(cell: CellData, phase: str) -> float | None:
    # Where the budget is spent is no claim: a disturbed trial tells enough for that.
    latency = cell.timed.latency or cell.timed_disturbed.latency
    median = figures(merge(latency.get((phase, SERVICE), [])))["p50"]
    return None if median is None else float(median)
