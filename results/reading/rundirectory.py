"""A run directory in memory: what a comparison, a chart, an explanation and the report all begin with."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from leasebench.results.display.numbering import violations_of
from leasebench.results.evidence.history import read_history
from leasebench.results.evidence.journal_table import read_journal
from leasebench.results.evidence.moment import Moments
from leasebench.results.evidence.trial import Trial, read_trials
from leasebench.results.latency.histograms import Buckets, merge_buckets
from leasebench.results.latency.hlog import read_buckets
from leasebench.results.reading.explored import Contradiction, contradictions
from leasebench.results.record.explored import Explored, read_explored
from leasebench.results.record.file import BadRunDirectory, is_there, unreadable
from leasebench.results.record.manifest import Manifest
from leasebench.results.record.names import HISTORY_FILE, JOURNAL_FILE, LATENCY_FILE, SUMMARY_FILE
from leasebench.results.record.rounds import read_rounds
from leasebench.results.record.suite import SuiteRecord
from leasebench.results.record.summary import CellSummary, Spread, Summary, TrialRow
from leasebench.results.record.trial import TrialFacts, read_facts
from leasebench.results.summary.derivation import read_summary, summarise, trial_folders


class RunDirectory:
    """One run directory: it only reads. `results.run.load` makes one.

    `suite` is the resolved suite, `manifest` machine, versions and seed (None if it can't be read), `summary` what
    `summary.json` holds. `problems` has one line for each file that could not be read, naming it: what is damaged
    is left out, and the line added when it is come upon.
    """

    def __init__(self, path: Path, suite: SuiteRecord, manifest: Manifest | None, problems: list[str]) -> None:
        self.path, self.suite, self.manifest, self.problems = path, suite, manifest, problems

    @cached_property
    def summary(self) -> Summary:
        """`summary.json`; derived anew from the trials where it is missing, broken or of before a trial had a row."""
        if not is_there(self.path / SUMMARY_FILE):
            self.note_problem(
                f"{self.path}: no {SUMMARY_FILE}, the run did not end: only trials that ended are counted"
            )
        else:
            try:
                return read_summary(self.path)
            except BadRunDirectory as error:
                self.note_problem(str(error))
        found: list[str] = []
        derived = summarise(self.path, found)
        for problem in found:
            self.note_problem(problem)
        return derived

    @property
    def name(self) -> str:
        """The directory's name."""
        return self.path.resolve().name

    @cached_property
    def scenarios(self) -> list[str]:
        """The scenarios that were run, in the suite's order."""
        return list(dict.fromkeys(cell.scenario for cell in self.summary.cells))

    @cached_property
    def guards(self) -> list[str]:
        """The guards that were run, in the suite's order."""
        run = {cell.guard for cell in self.summary.cells}
        return [guard.name for guard in self.suite.guards if guard.name in run]

    def cell(self, guard: str, scenario: str) -> CellSummary | None:
        """One guard under one scenario as `summary.json` has it; None if it was not run."""
        return self._by_place.get((guard, scenario))

    @cached_property
    def _by_place(self) -> dict[tuple[str, str], CellSummary]:
        return {cell.place: cell for cell in self.summary.cells}

    def round_of(self, number: int) -> int:
        """The round in which a trial was run, from 0; a round holds each cell once at most."""
        if self._rounds is not None:
            return self._rounds.get(number, -number)  # one that no round has is in none with others
        return (number - 1) // max(len(self._trials_by_place), 1)

    @cached_property
    def _rounds(self) -> dict[int, int] | None:
        try:
            found = read_rounds(self.path)
        except BadRunDirectory as error:
            self.note_problem(str(error))
            return None
        if found is None:
            return None
        return {trial.number: at for at, one in enumerate(found.rounds) for trial in one.trials}

    def trials_of(self, guard: str, scenario: str) -> list[TrialRow]:
        """The rows of `summary.trials` of one cell, in the order in which they ran."""
        return list(self._trials_by_place.get((guard, scenario), ()))

    def timed_trials_of(self, guard: str, scenario: str) -> list[TrialRow]:
        """Those whose latencies count: without the disturbed ones, unless there are no others."""
        rows = self.trials_of(guard, scenario)
        return [row for row in rows if row.measured and not row.disturbances] or rows

    @cached_property
    def _trials_by_place(self) -> dict[tuple[str, str], list[TrialRow]]:
        found: dict[tuple[str, str], list[TrialRow]] = {}
        for row in self.summary.trials:
            found.setdefault(row.place, []).append(row)
        return found

    @cached_property
    def folders(self) -> dict[int, Path]:
        """The trials' folders, by number."""
        found = {}
        for folder in trial_folders(self.path):
            number = folder.name.partition("-")[0]
            if number.isdecimal():
                found[int(number)] = folder
        return found

    def facts(self, number: int) -> TrialFacts | None:
        """`trial.json` of one trial; None, and a problem told, if it can't be read."""
        try:
            return read_facts(self._folder(number))
        except BadRunDirectory as error:
            self.note_problem(str(error))
            return None

    def trial(self, number: int) -> list[Trial]:
        """Read a trial's history and journal, one Trial a cell; none, and a problem told, if that can't be done.

        Its columns are read as they are asked for; some 300 MB of them stay in memory as long as the result does.
        """
        try:
            folder = self._folder(number)
            return read_trials(folder) if read_facts(folder).history else []
        except BadRunDirectory as error:
            self.note_problem(str(error))
            return []

    @cached_property
    def explored(self) -> Explored | None:
        """What `explored.json` says of the guards; None where there is none, or none that can be read."""
        try:
            return read_explored(self.path)
        except BadRunDirectory as error:
            self.note_problem(str(error))
            return None

    def contradictions(self) -> list[Contradiction]:
        """Violations that were measured and that exploring excludes: one of the two is wrong."""
        return contradictions(self.summary, self.suite, self.explored)

    def moments(self, number: int) -> Moments | None:
        """Open a trial for a close look; None, and a problem told, if it can't be. The last one opened stays open."""
        if number not in self._open:
            self._open.clear()
            try:
                self._open[number] = Moments(self._folder(number))
            except BadRunDirectory as error:
                self.note_problem(str(error))
                return None
        return self._open[number]

    @cached_property
    def _open(self) -> dict[int, Moments]:
        return {}

    def latencies(self, number: int) -> dict[tuple[str, str], Buckets]:
        """One trial's histograms by (phase, side); none, and a problem told, if `latency.hlog` can't be read."""
        if number not in self._latencies:
            self._latencies[number] = self._read_latencies(number)
        return self._latencies[number]

    @cached_property
    def _latencies(self) -> dict[int, dict[tuple[str, str], Buckets]]:
        return {}

    def _read_latencies(self, number: int) -> dict[tuple[str, str], Buckets]:
        path = self.path
        try:
            path = self._folder(number) / LATENCY_FILE
            if not is_there(path):
                return {}
            found: dict[tuple[str, str], Buckets] = {}
            for tag, held in read_buckets(path):
                key = tag.phase, tag.side
                found[key] = merge_buckets([found[key], held]) if key in found else held
        except (ValueError, OSError) as error:
            self.note_problem(str(unreadable(path, error) if isinstance(error, OSError) else error))
            return {}
        return found

    @cached_property
    def cells(self) -> pd.DataFrame:
        """One row a guard and scenario: the figures of `summary.json`.

        A distribution becomes columns such as `overwrite_lag_ms_p50`, an interval `leak_rate_ci_low` and `_high`, a
        latency `commit_service_p99_us`.
        """
        return pd.DataFrame([dict(_flat(cell)) for cell in self.summary.cells])

    @cached_property
    def trials(self) -> pd.DataFrame:
        """One row a trial: `number`, `guard`, `scenario`, `status`, `load_s` (seconds), its counts, and so on."""
        return pd.DataFrame([row.as_json() for row in self.summary.trials])

    @cached_property
    def history(self) -> pd.DataFrame:
        """Every event of every trial in store order: the columns of `history.parquet`, with `trial` before them."""
        return self._every(HISTORY_FILE, read_history)

    @cached_property
    def journal(self) -> pd.DataFrame:
        """Every operation of every process: see `journal_table.read_journal`, with `trial` before its columns."""
        return self._every(JOURNAL_FILE, read_journal)

    @cached_property
    def latency(self) -> pd.DataFrame:
        """One row a trial and bucket that holds anything.

        `trial`, `guard`, `scenario`, `phase`, `side`, `low_us` and `high_us` (both inside), `count`.
        """
        columns = ["trial", "guard", "scenario", "phase", "side", "low_us", "high_us", "count"]
        parts = list(self.latency_pieces())
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)

    def latency_pieces(self) -> Iterator[pd.DataFrame]:
        """The rows of `latency`, a histogram at a time."""
        for row in self.summary.trials:
            for (phase, side), held in self.latencies(row.number).items():
                yield pd.DataFrame(
                    {
                        "trial": row.number,
                        "guard": row.guard,
                        "scenario": row.scenario,
                        "phase": phase,
                        "side": side,
                        "low_us": held.low_ns / 1000,
                        "high_us": held.high_ns / 1000,
                        "count": held.counts,
                    }
                )

    def _every(self, name: str, read: Any) -> pd.DataFrame:
        parts = []
        for number, folder in self.folders.items():
            if not is_there(folder / name):
                continue
            try:
                frame = read(folder / name)
            except BadRunDirectory as error:
                self.note_problem(str(error))
                continue
            frame.insert(0, "trial", number)
            parts.append(frame)
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    def _folder(self, number: int) -> Path:
        try:
            return self.folders[number]
        except KeyError:
            raise BadRunDirectory(f"{self.path}: has no trial {number}") from None

    def note_problem(self, problem: str) -> None:
        """Note what could not be read: one line a file, however often and in how many ways it is come upon."""
        file = problem.partition(": ")[0]
        if not any(known.partition(": ")[0] == file for known in self.problems):
            self.problems.append(problem)


def _flat(cell: CellSummary) -> Iterator[tuple[str, Any]]:
    for name, value in cell.as_json().items():
        if name == "latency_us":
            for phase, sides in value.items():
                for side, figures in sides.items():
                    for figure, number in (figures or {}).items():
                        unit = "" if figure == "n" else "_us"
                        yield f"{phase}_{side}_{figure}{unit}", number
        elif name.endswith("_ci"):
            low, high = value or (None, None)
            yield f"{name}_low", low
            yield f"{name}_high", high
        elif isinstance(cell.metrics.get(name), Spread):
            for figure, number in value.items():
                yield f"{name}_{figure}", number
        else:
            yield name, value


def representative_trial(run: RunDirectory, guard: str, scenario: str) -> int | None:
    """The number of the trial of the first violation, else of the first that ended well, else of the first."""
    rows = run.trials_of(guard, scenario)
    harmed = [row for row in rows if violations_of(row)]
    ended = [row for row in rows if row.status == "ok"]
    return next((row.number for row in (*harmed, *ended, *rows)), None)
