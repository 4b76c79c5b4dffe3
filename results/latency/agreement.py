"""Whether the latencies of a run agree with each other: journals, `latency.hlog`, and what its summary says.

A journal row says twice how long its operation took: by its two instants, and by `service_ns`, which was noted with
them. A process does one thing after the other. `latency.hlog` holds every sample in its bucket, and a summary's
percentiles are read off these buckets. So a figure can't be changed in one of them alone.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from leasebench.results.evidence.columns import pieces
from leasebench.results.evidence.events import Mask
from leasebench.results.evidence.trial import Trial
from leasebench.results.latency.histograms import PERCENTILES, Buckets, buckets, histogram, merge_buckets, rank, tag
from leasebench.results.latency.hlog import read_buckets
from leasebench.results.latency.phases import phase_samples
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.record.journal import RowKind
from leasebench.results.record.names import JOURNAL_FILE, LATENCY_FILE

PARTLY = (RowKind.DISCOVER,)
"""Operations that wait for news: their service time is that of the last look, a part of the whole."""
OF_LOCKS = (RowKind.ACQUIRE, RowKind.RENEW, RowKind.RELEASE, RowKind.VALIDATE)
"""A lock in another process says how long it took in itself, without the way there."""
BESIDE = (RowKind.PLAN, RowKind.LOST, RowKind.PAUSE, RowKind.DELAY, RowKind.KILL, RowKind.FAULT, RowKind.DRAIN)
"""Rows that are no operation of their process: a whole application, a loss that was told, what a fault did."""
Key = tuple[str, str]


@dataclass
class Agreement:
    """What was held against each other so far, and what does not agree, as sentences."""

    samples: int = 0
    rows: int = 0
    wrong: list[str] = field(default_factory=list)


def row_times(trials: Iterable[Trial], folder: Path, found: Agreement) -> None:
    """Hold each row's service time against its instants, and the rows of each process against each other."""
    for trial in trials:
        journal = trial.journal
        start, end, service = (journal[name].to_numpy() for name in ("start_ns", "end_ns", "service_ns"))
        ended, partly = end != 0, _partly(trial)
        found.rows += int(np.count_nonzero(ended))
        wrong = ended.copy()
        for part in pieces(len(journal)):
            own, lasted = service[part], end[part] - start[part]
            wrong[part] &= np.where(partly[part], (own > lasted) | (own < 0), own != lasted)
        found.wrong += _told(trial, folder, wrong, "lasted another time than its service_ns says")
        found.wrong += _told(trial, folder, _overlapping(trial, ended), "began before the one of its process ended")


def _partly(trial: Trial) -> Mask:
    journal = trial.journal
    kind = journal["kind"].to_numpy()
    partly: Mask = np.isin(kind, PARTLY)
    if trial.facts.lease is not None and not trial.facts.lease.audited:
        partly |= np.isin(kind, OF_LOCKS)
    return partly


def _overlapping(trial: Trial, ended: Mask) -> Mask:
    """Operations that began before the one that their process had begun before ended, in the order of the journal."""
    journal = trial.journal
    looked_at = ended & ~np.isin(journal["kind"].to_numpy(), BESIDE) & (journal["attempt"].to_numpy() > 0)
    process = journal["process"].cat.codes.to_numpy()
    overlapping = np.zeros(len(journal), dtype=bool)
    for one in range(len(trial.processes)):
        rows = np.flatnonzero(looked_at & (process == one))
        rows = rows[np.argsort(journal["attempt"].to_numpy()[rows], kind="stable")]
        start, end = journal["start_ns"].to_numpy()[rows], journal["end_ns"].to_numpy()[rows]
        overlapping[rows[1:]] = start[1:] < end[:-1]
    return overlapping


def _told(trial: Trial, folder: Path, wrong: Mask, what: str) -> Iterator[str]:
    """The first of these rows, and how many more there are."""
    places = np.flatnonzero(wrong)
    if len(places):
        row = trial.journal.iloc[int(places[0])]
        more = f" ({len(places) - 1} more)" if len(places) > 1 else ""
        name = f"{row['process']}'s {row.get('kind_name', 'operation')}, its call {row['attempt']}"
        yield f"{folder / JOURNAL_FILE}: {name}, {what}{more}"


def samples_of(trials: Iterable[Trial]) -> dict[Key, Buckets]:
    """The buckets of all cells of a trial, by phase and side, from its journals; empty ones are left out."""
    parts: dict[Key, list[Buckets]] = defaultdict(list)
    for trial in trials:
        for key, values in phase_samples(trial).items():
            if len(values):
                parts[key].append(buckets(histogram(values)))
    return {key: merge_buckets(held) for key, held in parts.items()}


def logged(folder: Path, guard: str, scenario: str) -> dict[Key, Buckets]:
    """The buckets of a trial's log, by phase and side. Raises BadRunDirectory naming file and line."""
    path = folder / LATENCY_FILE
    parts: dict[Key, list[Buckets]] = defaultdict(list)
    try:
        for name, held in read_buckets(path):
            if (name.guard, name.scenario) != (guard, scenario):
                raise BadRunDirectory(f"{path}: {tag(*name)} is of another guard or scenario")
            parts[name.phase, name.side].append(held)
    except FileNotFoundError as error:
        raise BadRunDirectory(f"{path}: is missing") from error
    except (OSError, ValueError) as error:
        raise BadRunDirectory(str(error) if str(path) in str(error) else f"{path}: {error}") from error
    return {key: merge_buckets(held) for key, held in parts.items()}


def log_against(journals: Mapping[Key, Buckets], log: Mapping[Key, Buckets], folder: Path, found: Agreement) -> None:
    """Hold a log against what the journals say, bucket by bucket."""
    for key in sorted({*journals, *log}):
        ours, theirs = journals.get(key), log.get(key)
        here, there = (0 if one is None else int(one.counts.sum()) for one in (ours, theirs))
        found.samples += here
        where = f"{folder / LATENCY_FILE}: {' '.join(key)} times"
        if here != there:
            found.wrong.append(f"{where}: {there:,} in the log, {here:,} in the journals")
        elif ours is not None and theirs is not None and not _alike(ours, theirs):
            found.wrong.append(f"{where}: {_moved(ours, theirs):,} of {here:,} are not those of the journals")


def _alike(ours: Buckets, theirs: Buckets) -> bool:
    return np.array_equal(ours.low_ns, theirs.low_ns) and np.array_equal(ours.counts, theirs.counts)


def _moved(ours: Buckets, theirs: Buckets) -> int:
    """How many samples of one have no like in the other."""
    both = merge_buckets([ours, theirs._replace(counts=-theirs.counts)])
    return int(np.maximum(both.counts, 0).sum())


def figures_of(held: Buckets) -> dict[str, float]:
    """The percentiles, the maximum and the number of some buckets, in microseconds, as a summary has them."""
    total = int(held.counts.sum())
    until = np.cumsum(held.counts)
    at = [int(np.searchsorted(until, rank(percentile, total))) for percentile in PERCENTILES.values()]
    values = [round(int(held.high_ns[place]) / 1000, 3) for place in (*at, -1)]
    return {**dict(zip((*PERCENTILES, "max"), values, strict=True)), "n": total}
