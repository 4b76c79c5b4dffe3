"""What a trial leaves on disk: its history, its journals, its latencies and what its faults did."""

import time
from pathlib import Path
from typing import Any

import pandas as pd

from bench.faults import Victim
from bench.trialplan import TrialPlan
from enactors.store.redis_store import RedisStore
from enactors.store.wire import ServerError
from results.history import HistoryWriter, read_events, read_journal, write_journal
from results.journal import HEADER_BYTES, Journal, Kind, Outcome
from results.latency import histogram, tag, write_hlog
from results.phases import phase_samples
from results.trial import Trial

DRAIN_ABOVE = 1_000_000
READ_BLOCK = 5_000
"""Events per request once the load is over and nobody is disturbed."""


class Drainer:
    """Keeps the history stream bounded: above DRAIN_ABOVE events it moves the oldest to the file, in small blocks.

    Each drain is marked in the harness's journal, since it is the one thing that we ask of the server meanwhile.
    """

    def __init__(self, store: RedisStore, history: HistoryWriter, journal: Path) -> None:
        self._store, self._history = store, history
        self._journal = Journal(journal)
        self._asked_at = 0

    def relieve(self, commits: int) -> None:
        """Drain if the stream may be too long; `commits` says when it is worth asking."""
        if commits - self._asked_at < DRAIN_ABOVE // 10:
            return
        self._asked_at = commits
        excess = self._store.events_waiting() - DRAIN_ABOVE
        if excess <= 0:
            return
        begin = time.perf_counter_ns()
        self._journal.begin(Kind.DRAIN, begin, 0, 0, 0, 0, 0)
        before = self._history.count
        for lines in self._store.drain(excess):
            self._history.append(lines)
        end = time.perf_counter_ns()
        self._journal.end(end, end - begin, self._history.count - before, 0, Outcome.DONE, 0)

    def close(self) -> None:
        """Close the harness's journal."""
        self._journal.close()


def finish_records(folder: Path, store: RedisStore, history: HistoryWriter, facts: dict[str, Any]) -> None:
    """Bring the journals and the history, as far as the server still has it, into their files; remove the keys."""
    begun: list[Path] = []
    try:
        raw = sorted(folder.glob("*.journal"))
        begun = [path for path in raw if path.stat().st_size >= HEADER_BYTES]  # not so on a full disk
        if begun:
            write_journal(folder / "journal.parquet", begun)
        for path in raw:
            path.unlink()
        lines: list[bytes] = []
        for line in store.history_lines(READ_BLOCK):
            lines.append(line)
            if len(lines) >= DRAIN_ABOVE:
                history.append(lines)
                lines = []
        history.append(lines)
        expected = store.events_ever()
    finally:
        store.remove_all()
        store.wire.close()
    if expected not in (-1, history.count):
        raise ServerError(f"{expected} events were appended to the history, {history.count} could be read")
    facts["history"] = bool(begun)


def write_latency(plan: TrialPlan, folder: Path, facts: dict[str, Any]) -> None:
    """Write `latency.hlog` from the journal and history that were just written."""
    if not facts["history"]:
        return
    events = read_events(folder / "history.parquet", facts["endpoints"], facts["enactors"])
    samples = phase_samples(Trial(facts, events, read_journal(folder / "journal.parquet")))
    names = (plan.guard.name, plan.scenario.name)
    histograms = {tag(*names, phase, side): histogram(values) for (phase, side), values in samples.items()}
    lasted = (facts["end_ns"] - facts["start_ns"]) / 1e9 if facts["end_ns"] else 0.0
    write_hlog(folder / "latency.hlog", histograms, facts["began"], facts["began"] + lasted)


def fault_log(plan: TrialPlan, folder: Path) -> list[dict[str, Any]]:
    """What the faults did, from the journal: when, for how long, and whether it hit."""
    path = folder / "journal.parquet"
    if not path.exists() or not plan.scenario.strikes:
        return []
    journal = read_journal(path)
    struck: pd.DataFrame = journal[journal["kind"].isin([int(Kind.PAUSE), int(Kind.DELAY)])]
    enactors = {name: number for number, name in enumerate(plan.enactors)}
    rows = []
    for row in struck.to_dict("records"):
        strike = plan.scenario.strikes[row["attempt"]]
        victim = Victim(row["process"], enactors[row["process"]], plan.guard.ttl_ms)
        seconds = max(0, row["end_ns"] - row["start_ns"]) / 1e9
        rows.append(
            {
                "fault": plan.scenario.faults[row["attempt"]]["kind"],
                "process": row["process"],
                "start_ns": row["start_ns"],
                "end_ns": row["end_ns"] or None,
                "asked_ms": row["seen"] / 1000,
                "lasted_ms": round(seconds * 1000, 3),
                "hit": bool(row["end_ns"]) and strike.hit(seconds, row["seen"] / 1000, victim),
            }
        )
    return rows
