"""`leasebench check --deep`: a run's latencies and faults derived anew and held against each other, trial by trial."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from leasebench.results.evidence.columns import JournalRows
from leasebench.results.evidence.trial import read_trial_journal, read_trials
from leasebench.results.latency.agreement import Agreement, Key, figures_of, log_against, logged, row_times, samples_of
from leasebench.results.latency.histograms import SIDES, Buckets, merge_buckets
from leasebench.results.record.faults import read_faults
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.record.journal import RowKind
from leasebench.results.record.names import FAULTS_FILE, SUMMARY_FILE
from leasebench.results.record.summary import Summary
from leasebench.results.record.trial import read_facts
from leasebench.results.summary.derivation import read_summary, trial_folders

Cells = dict[tuple[str, str], dict[Key, list[Buckets]]]
"""The logs of the trials of each cell, by guard and scenario."""
OF_FAULTS = (RowKind.PAUSE, RowKind.DELAY, RowKind.KILL, RowKind.FAULT)


def agreement(run: Path) -> Agreement:
    """Hold journals, logs, `faults.json` and the summary of a run against each other, one trial in memory at a time."""
    found = Agreement()
    quiet: Cells = defaultdict(lambda: defaultdict(list))
    disturbed: Cells = defaultdict(lambda: defaultdict(list))
    for folder in trial_folders(run):
        facts = read_facts(folder)
        if facts.status == "running" or not facts.history:
            continue
        try:
            journal = read_trial_journal(folder)
            trials = read_trials(folder, journal)
            row_times(trials, folder, found)
            log = logged(folder, facts.guard, facts.scenario)
            log_against(samples_of(trials), log, folder, found)
            if facts.schedule is None:  # what a schedule does to a process is no fault's
                found.wrong += _faults(folder, journal.rows)
        except BadRunDirectory as error:
            found.wrong.append(str(error))
            continue
        cells = disturbed if trials[0].disturbances else quiet
        for key, held in log.items():
            cells[facts.guard, facts.scenario][key].append(held)
    if (run / SUMMARY_FILE).exists():
        # A summary's latencies are of its disturbed trials only where it has no others.
        found.wrong += _figures(run, read_summary(run), {**disturbed, **quiet})
    return found


def _figures(run: Path, summary: Summary, cells: Cells) -> Iterator[str]:
    """Each latency of the summary that is not what the logs of its trials say."""
    for cell in summary.cells:
        of_cell = cells.get(cell.place, {})
        for phase in sorted({*cell.latency_us, *(phase for phase, _ in of_cell)}):
            for side in SIDES:
                held = merge_buckets(of_cell.get((phase, side), []))
                written = cell.latency(phase, side).model_dump(by_alias=True)
                logs = figures_of(held) if len(held.counts) else dict.fromkeys(written) | {"n": 0}
                differs = [name for name in written if written[name] != logs[name]]
                if differs:
                    first = differs[0]
                    yield (
                        f"{run / SUMMARY_FILE}: {cell}: {phase} {side} {first} is {written[first]}, "
                        f"by the logs of its trials {logs[first]}"
                    )


def _faults(folder: Path, journal: JournalRows) -> Iterator[str]:
    """Whether `faults.json` has what the journals say that faults did: when each began and ended."""
    rows = journal[journal["kind"].isin([int(kind) for kind in OF_FAULTS])]
    by_journal = sorted(zip(rows["start_ns"].tolist(), rows["end_ns"].tolist(), strict=True))
    written = sorted((one.start_ns or 0, one.end_ns or 0) for one in read_faults(folder))
    if by_journal != written:
        number = len(set(by_journal) ^ set(written))
        yield f"{folder / FAULTS_FILE}: what faults did, and when, is not what the journals say: {number} differ"
