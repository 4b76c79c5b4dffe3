"""`summary.json`: every figure of a run, derived from its run directory and from nothing else.

A `summary.json` that was written before is held against what the history says (`differences`).
"""

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hdrh.histogram import HdrHistogram
from pydantic import TypeAdapter

from leasebench.results.checks.tally import Tally, applications_of, tally
from leasebench.results.checks.verdict import judge, races_missing
from leasebench.results.evidence.disturbance import Disturbance
from leasebench.results.evidence.journal_table import read_raw_journal
from leasebench.results.evidence.trial import Trial, read_trials
from leasebench.results.latency.histograms import PHASES, SIDES, figures, histogram, merge
from leasebench.results.latency.phases import phase_samples
from leasebench.results.record.faults import FaultRow, read_faults
from leasebench.results.record.file import BadRunDirectory, as_value, is_there, json_of_schema, unreadable
from leasebench.results.record.names import ASIDE, JOURNAL_FILE, SUMMARY_FILE, TRIAL_FILE
from leasebench.results.record.rounds import read_rounds
from leasebench.results.record.suite import GuardTable, ScenarioTable, SuiteRecord, read_suite
from leasebench.results.record.summary import (
    SCHEMA_VERSION,
    CellSummary,
    FaultCount,
    Percentiles,
    Phase,
    ReplacedTrial,
    StoryLine,
    Summary,
    TrialRow,
    first_in_trial,
)
from leasebench.results.record.trial import TrialFacts, read_facts
from leasebench.results.record.witness import WitnessRow
from leasebench.results.statistics.clustered import as_json
from leasebench.results.store_rules import Promised
from leasebench.results.store_rules.assumptions import broken_assumptions
from leasebench.results.summary.controls import judge_controls
from leasebench.results.summary.story import story
from leasebench.results.witness.testimony import together, witnessed
from leasebench.verdict import Verdict

CUT_OFF = "cut off"
MOST_TOLD = 60
"""Characters of a value that is told."""


@dataclass
class Timed:
    """What clocks measured in some trials of a cell: latencies, and the commits of so many seconds of load."""

    latency: dict[tuple[str, str], list[HdrHistogram]] = field(default_factory=lambda: defaultdict(list))
    commits: int = 0
    load_s: float = 0.0

    def phase(self, phase: str) -> Phase:
        """One phase, all of these trials together."""
        service, response = (
            Percentiles.model_validate(figures(merge(self.latency.get((phase, side), [])))) for side in SIDES
        )
        return Phase(service=service, response=response if response.n else None)


class CellData:
    """What the trials of one cell add up to."""

    def __init__(self, guard: GuardTable, scenario: ScenarioTable) -> None:
        self._guard, self._scenario = guard, scenario
        self.guard, self.scenario = guard.name, scenario.name
        self.trouble = scenario.trouble
        self.trials = 0
        self.min_races = 1
        self.expected: list[str] = [Verdict.CLEAN]
        self.failures: list[str] = []
        self.tally = Tally()
        self.disturbances: list[str] = []
        self.timed, self.timed_disturbed = Timed(), Timed()
        self.injected: Counter[str] = Counter()
        self.hit: Counter[str] = Counter()
        self.story: tuple[StoryLine, ...] = ()

    def expect_faults(self, kinds: Iterable[str]) -> None:
        """The faults that take part in every trial and can hit: each is reported, even if it was never injected."""
        self.injected.update(dict.fromkeys(kinds, 0))

    def add_faults(self, rows: Iterable[FaultRow]) -> None:
        """Take in what a trial's `faults.json` says."""
        for row in rows:
            self.injected[row.fault] += 1
            self.hit[row.fault] += row.hit

    def add_facts(self, facts: TrialFacts) -> None:
        """Take in what `trial.json` says."""
        self.trials += 1
        self.min_races = facts.min_races
        self.expected = list(facts.expected)
        if facts.status != "ok":
            self.failures.append(f"trial {facts.number}: {facts.reason or facts.status}")

    def broken(self, trial: Trial) -> list[str]:
        """What a trial's history breaks, unless the trial failed anyhow: what it lacks then is no wonder."""
        if trial.facts.status != "ok":
            return []
        return broken_assumptions(trial, Promised.by(self._guard, self._scenario, trial.facts))

    def add_disturbances(self, facts: TrialFacts, found: Sequence[Disturbance]) -> None:
        """Take in what disturbed a trial, once for all of its cells. One of them may fail it."""
        self.disturbances += [f"trial {facts.number}: {one}" for one in found]
        if facts.status == "ok":
            self.failures += [f"trial {facts.number}: {one}" for one in found if one.fails][:1]

    def testimony(self, trial: Trial) -> WitnessRow:
        """What its clients saw, held against its history; of a trial that failed anyhow nothing is."""
        if trial.facts.status != "ok":
            return WitnessRow(covered=0)
        promised = Promised.by(self._guard, self._scenario, trial.facts)
        repeats = self._scenario.load.client_retries > 0
        return witnessed(trial, repeats=repeats, own_clock=promised.own_clock)

    def add(self, trial: Trial, found: Tally, broken: list[str]) -> None:
        """Take in a trial's history and journal, what the checks found in them, and what they break."""
        if broken:
            self.failures.append(f"trial {trial.facts.number}: {broken[0]}")
        self.tally.add(found)
        timed = self.timed_disturbed if trial.disturbances else self.timed
        timed.commits += found.counts.get("commits") or 0
        if trial.cell == trial.facts.cells[0]:  # once a trial, however many cells it had: they shared these seconds
            timed.load_s += trial.facts.load_s or 0.0
        for key, values_ns in phase_samples(trial).items():
            timed.latency[key].append(histogram(values_ns))
        if not self.story:
            self.story = tuple(StoryLine(**asdict(chapter)) for chapter in story(trial))

    def summarise(self) -> CellSummary:
        """What all of its trials come to."""
        counts = self.tally.counts
        verdict = judge(counts, failed=bool(self.failures), min_races=self.min_races)
        all_disturbed = not self.timed.latency and bool(self.timed_disturbed.latency)
        timed = self.timed_disturbed if all_disturbed else self.timed
        return CellSummary(
            guard=self.guard,
            scenario=self.scenario,
            trouble=self.trouble,
            trials=self.trials,
            failures=tuple(self.failures),
            disturbances=tuple(self.disturbances),
            latencies_disturbed=all_disturbed,
            faults={
                kind: FaultCount(injected=injected, hit=self.hit[kind]) for kind, injected in self.injected.items()
            },
            verdict=verdict,
            expected=tuple(Verdict(one) for one in self.expected),
            as_expected=verdict in self.expected,
            races_missing=races_missing(counts, self.min_races),
            latency_us={phase: timed.phase(phase) for phase in PHASES},
            throughput=round(timed.commits / timed.load_s, 1) if timed.load_s else None,
            story=self.story,
            **self.tally.figures(),
        )


def cells_of(suite: SuiteRecord) -> dict[tuple[str, str], CellData]:
    """Every cell of a suite, without any trial yet, by guard and scenario."""
    cells: dict[tuple[str, str], CellData] = {}
    for scenario in suite.scenarios:
        sure = [fault.kind for fault in scenario.faults if fault.chance == 1]
        for guard in scenario.guards:
            cell = CellData(suite.guard(guard), scenario)
            never = [one.fault for one in suite.inapplicable if (one.guard, one.scenario) == (guard, scenario.name)]
            cell.expect_faults(kind for kind in sure if sure.count(kind) > never.count(kind))
            cells[guard, scenario.name] = cell
    return cells


def summarise(run: Path, problems: list[str] | None = None) -> Summary:
    """Derive the summary of a run directory from its trials. Raises BadRunDirectory naming the file.

    With `problems`, a trial that can't be read is left out, and what is wrong with it appended there.
    """
    suite = read_suite(run)
    cells = cells_of(suite)
    rows = []
    for folder in trial_folders(run):
        try:
            row = take_in(folder, cells)
        except BadRunDirectory as error:
            if problems is None:
                raise
            problems.append(str(error))
            continue
        if row is not None:
            rows.append(row)
    summaries = [cell.summarise() for cell in cells.values() if cell.trials]
    return Summary(
        suite=suite.name,
        asked_for=suite.asked_for or (),
        complete=_is_complete(run, suite, {row.number for row in rows}, len(summaries) == len(cells)),
        cells=tuple(summaries),
        trials=tuple(rows),
        controls=tuple(judge_controls(suite.guards, summaries)),
        skipped=suite.skipped,
        inapplicable=suite.inapplicable,
        replaced=tuple(_replaced(run)),
    )


def _is_complete(run: Path, suite: SuiteRecord, numbers: set[int], every_cell: bool) -> bool:
    """Whether all trials ended that were planned; of a run with a budget: whether it ended, with each cell once."""
    rounds = read_rounds(run)
    if rounds is None:
        return len(numbers) == suite.trials * sum(len(scenario.guards) for scenario in suite.scenarios)
    return rounds.ended is not None and every_cell and numbers == {trial.number for trial in rounds.trials}


def _replaced(run: Path) -> Iterator[ReplacedTrial]:
    """The trials that were run again, but for those that were cut off before anything was written."""
    for folder in _with_facts(run / ASIDE):
        facts = read_facts(folder)
        yield ReplacedTrial(
            number=facts.number,
            guard=facts.guard,
            scenario=facts.scenario,
            reason=CUT_OFF if facts.status == "running" else f"failed: {facts.reason}",
            kept=f"{ASIDE}/{folder.name}",
        )


def take_in(folder: Path, cells: dict[tuple[str, str], CellData]) -> TrialRow | None:
    """Add a trial to its cell and return its row; None for one that was cut off. Raises BadRunDirectory.

    All is read before anything is added: a trial counts whole or not at all.
    """
    facts = read_facts(folder)
    if facts.status == "running":
        return None
    key = (facts.guard, facts.scenario)
    if key not in cells:
        raise BadRunDirectory(f"{folder / TRIAL_FILE}: {key[0]} under {key[1]} is not in the run's suite")
    faults = read_faults(folder)
    parts = [(trial, tally(trial)) for trial in read_trials(folder)] if facts.history else []
    seen = [cells[key].testimony(trial) for trial, _ in parts]
    broken = [
        [*cells[key].broken(trial), *(one.sentence for one in own.discrepancies)]
        for (trial, _), own in zip(parts, seen, strict=True)
    ]
    cells[key].add_facts(facts)
    cells[key].add_faults(faults)
    cells[key].add_disturbances(facts, parts[0][0].disturbances if parts else ())
    for (trial, found), own in zip(parts, broken, strict=True):
        cells[key].add(trial, found, own)
    sentences = [sentence for part in broken for sentence in part]
    return _row(facts, parts, sentences, together(seen))


def _row(facts: TrialFacts, parts: list[tuple[Trial, Tally]], broken: list[str], witness: WitnessRow) -> TrialRow:
    """One trial: its facts and its counts, over all of its cells."""
    total = Tally()
    applications: dict[str, int] = {}
    for trial, found in parts:
        total.add(found)
        prefix = f"{trial.cell}." if len(parts) > 1 else ""
        applications |= {f"{prefix}{name}": count for name, count in applications_of(trial).items()}
    load_s = facts.load_s
    commits = total.counts.get("commits")
    return TrialRow(
        number=facts.number,
        guard=facts.guard,
        scenario=facts.scenario,
        seed=facts.seed,
        status=facts.status,
        began=facts.began,
        load_s=load_s,
        throughput=round(commits / load_s, 1) if commits is not None and load_s else None,
        applications_by_enactor=applications,
        broken_assumptions=tuple(broken),
        disturbances=tuple(one.told for one in parts[0][0].disturbances) if parts else (),
        witness=witness if parts else None,
        **{one.name: total.first(one.name) for one in first_in_trial()},
        **total.counts,
        **{name: as_json(table) for name, table in total.clusters.items()},
    )


def trial_folders(run: Path) -> Iterable[Path]:
    """The trials of a run, in the order in which they ran. Raises BadRunDirectory where that can't be told."""
    return _with_facts(run / "trials")


def _with_facts(place: Path) -> list[Path]:
    """The folders there that have facts of a trial. `glob` would leave out in silence what it may not enter."""
    if not is_there(place):
        return []
    try:
        return sorted(folder for folder in place.iterdir() if folder.is_dir() and _has_facts(folder))
    except OSError as error:
        raise unreadable(Path(error.filename or place), error) from error


def _has_facts(folder: Path) -> bool:
    """Whether a folder has facts of a trial. Raises OSError where it may not be entered."""
    with os.scandir(folder) as held:
        return any(one.name == TRIAL_FILE for one in held)


def read_summary(run: Path) -> Summary:
    """Read `summary.json`. Raises BadRunDirectory, also for a newer schema."""
    return as_value(run / SUMMARY_FILE, TypeAdapter(Summary), as_written(run))


def as_written(run: Path) -> Any:
    """What `summary.json` holds, also what is no figure of ours. Raises BadRunDirectory, also for a newer schema."""
    return json_of_schema(run / SUMMARY_FILE, SCHEMA_VERSION)


def unlike(written: Any, derived: Summary) -> list[str]:
    """Every figure of a `summary.json` that is not what the run's files say, as `key: written != derived`.

    What an earlier version did not look for, and so did not write, is no difference.
    """
    found = derived.as_json()
    rows = written.get("trials") if isinstance(written, dict) else None
    for row, own in zip(rows if isinstance(rows, list) else (), found["trials"], strict=False):
        if isinstance(row, dict) and "witness" not in row:
            own.pop("witness", None)
    return differences(written, found)


def differences(written: Any, derived: Any, at: str = "") -> list[str]:
    """Every place at which two summaries differ, as JSON values, as `key: written != derived`."""
    if isinstance(written, dict) and isinstance(derived, dict):
        keys = sorted({*written, *derived})
        return [
            found
            for key in keys
            for found in differences(
                written.get(key, "missing"), derived.get(key, "missing"), f"{at}.{key}" if at else key
            )
        ]
    if isinstance(written, list) and isinstance(derived, list) and len(written) == len(derived):
        return [
            found
            for index, pair in enumerate(zip(written, derived, strict=True))
            for found in differences(*pair, f"{at}[{index}]")
        ]
    return [] if written == derived else [f"{at}: {_brief(written)} != {_brief(derived)}"]


def _brief(value: Any) -> str:
    """A value as a part of a line."""
    if isinstance(value, (list, dict)) and value:
        return f"{len(value)} entries"
    told = repr(value)
    return told if len(told) <= MOST_TOLD else f"{told[:MOST_TOLD]}..."


def unfinished(run: Path) -> Iterator[str]:
    """One line for each trial that was cut off: what its processes had journalled until then."""
    for folder in trial_folders(run):
        if read_facts(folder).status != "running":
            continue
        recorded = 0
        for path in sorted(folder.glob("*.journal")):
            try:
                recorded += len(read_raw_journal(path))
            except BadRunDirectory:
                continue
        if is_there(folder / JOURNAL_FILE):
            yield f"{folder.name}: {CUT_OFF}; its history and journal were kept, its figures are not counted"
        else:
            yield f"{folder.name}: {CUT_OFF}; its journals hold {recorded} operations, its history died with the server"
