"""One trial from start to end: a fresh prefix, a crew, a history that is read out, and files that stay readable."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd

from bench.engines.executor import ProcessSpec
from bench.engines.placement import place
from bench.engines.processes import Crew, Figures, ProcessFailed, Report, Timing
from bench.faults import Victim
from bench.rundir import write_json
from bench.servers import Server, ServerUnusable
from bench.suite import MAX_STRETCH, Scenario, Suite
from enactors.plan import Cell, endpoint_names
from enactors.store.keys import Keys
from enactors.store.redis_store import RedisStore
from enactors.store.wire import ReplyUnknown, ServerDown, ServerError, Wire
from leases.guard import Guard
from results.history import HistoryWriter, read_journal, write_journal
from results.journal import Journal, Kind, Outcome
from results.latency import histogram, tag, write_hlog
from results.phases import phase_samples
from results.trial import read_trial

CELL = "c0"
NODE = "n0"
TIMEOUT_S = 1.0
DRAIN_ABOVE = 1_000_000
DRAIN_BLOCKS = 20
READ_BLOCK = 5_000
"""Events per request once the load is over and nobody is disturbed."""

Watch = Callable[[float, Figures], None]


@dataclass(frozen=True, slots=True)
class TrialPlan:
    """Which guard, under which scenario, with which seed; `number` counts from 1 in the order of the run."""

    number: int
    guard: Guard
    scenario: Scenario
    seed: int
    suite: Suite

    @property
    def folder_name(self) -> str:
        return f"{self.number:04d}-{self.guard.name}-{self.scenario.name}"

    @property
    def timing(self) -> Timing:
        suite = self.suite
        return Timing(suite.duration_s, MAX_STRETCH * suite.duration_s, suite.min_races, suite.settle_s)

    @property
    def enactors(self) -> list[str]:
        return [f"enactor-{number}" for number in range(self.scenario.load.enactors)]

    @property
    def cell(self) -> Cell:
        load = self.scenario.load
        return Cell(CELL, endpoint_names(load.endpoints), load.clean_age, load.purge_age, load.rollback)


def run_trial(plan: TrialPlan, server: Server, run: str, folder: Path, watch: Watch) -> dict[str, Any]:
    """Run a trial into `folder` and return its facts, which also stand in `trial.json`.

    A process that dies, a server that goes away or a full disk makes the trial `failed`, with the reason; what was
    recorded is kept. Raises KeyboardInterrupt only.
    """
    keys = Keys(run, str(plan.number), CELL)
    facts = _facts_before(plan)
    report = Report()
    try:
        folder.mkdir(parents=True)
        write_json(folder / "trial.json", facts)
        server.revive()
        store = RedisStore(Wire(server.url, TIMEOUT_S), keys, plan.cell, "harness")
        with HistoryWriter(folder / "history.parquet", CELL, NODE) as history:
            try:
                _race(plan, server, keys, store, folder, report, watch, history)
            finally:
                _finish_records(folder, store, history, facts)
    except (ProcessFailed, ServerUnusable, ServerDown, ReplyUnknown, ServerError, OSError) as error:
        facts |= {"status": "failed", "reason": _reason(error)}
    else:
        facts["status"] = "ok"
    facts |= {
        "load_s": (report.load_end_ns - report.start_ns) / 1e9 if report.load_end_ns else None,
        "start_ns": report.start_ns,
        "load_end_ns": report.load_end_ns,
        "end_ns": report.end_ns,
        "processes": report.processes,
    }
    try:
        _write_latency(plan, folder, facts)
        write_json(folder / "faults.json", _faults(plan, folder))
        write_json(folder / "trial.json", facts)
    except OSError as error:
        facts |= {"status": "failed", "reason": facts.get("reason") or _reason(error)}
    return facts


def _race(
    plan: TrialPlan,
    server: Server,
    keys: Keys,
    store: RedisStore,
    folder: Path,
    report: Report,
    watch: Watch,
    history: HistoryWriter,
) -> None:
    crew = Crew(_specs(plan, server, keys, folder))
    crew.report = report
    drainer = Drainer(store, history, folder / "harness.journal")
    try:
        with crew:

            def attend(elapsed_s: float, figures: Figures) -> None:
                drainer.relieve(figures.commits)
                watch(elapsed_s, figures)

            crew.run(plan.timing, attend)
    finally:
        drainer.close()


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


def _specs(plan: TrialPlan, server: Server, keys: Keys, folder: Path) -> list[ProcessSpec]:
    scenario, rng = plan.scenario, Random(plan.seed)
    placement = place(scenario.load.enactors)

    def spec(name: str, cpus: tuple[int, ...], enactor: int | None) -> ProcessSpec:
        return ProcessSpec(
            name=name,
            url=server.url,
            keys=keys,
            cell=plan.cell,
            guard=plan.guard,
            load=scenario.load,
            strikes=scenario.strikes,
            seed=rng.getrandbits(48),
            journal=folder / f"{name}.journal",
            cpus=cpus,
            timeout_s=TIMEOUT_S,
            enactor=enactor,
        )

    planner = spec("planner", placement.planner, None)
    return [planner, *(spec(name, placement.enactors[n], n) for n, name in enumerate(plan.enactors))]


def _facts_before(plan: TrialPlan) -> dict[str, Any]:
    exclude = plan.guard.exclude
    return {
        "number": plan.number,
        "guard": plan.guard.name,
        "scenario": plan.scenario.name,
        "seed": plan.seed,
        "status": "running",
        "history": False,
        "began": time.time(),
        "endpoints": list(plan.cell.endpoints),
        "enactors": plan.enactors,
        "min_races": plan.suite.min_races,
        "settle_s": plan.suite.settle_s,
        "expected": [verdict.value for verdict in plan.guard.expected(plan.scenario.name)],
        "lease": {"ttl_ms": exclude.ttl_ms, "audited": plan.guard.manager.audited} if exclude else None,
    }


def _finish_records(folder: Path, store: RedisStore, history: HistoryWriter, facts: dict[str, Any]) -> None:
    """Bring the journals and the history, as far as the server still has it, into their files; remove the keys."""
    raw = sorted(folder.glob("*.journal"))
    if raw:
        write_journal(folder / "journal.parquet", raw)
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
    store.remove_all()
    store.wire.close()
    if expected not in (-1, history.count):
        raise ServerError(f"{expected} events were appended to the history, {history.count} could be read")
    facts["history"] = True


def _write_latency(plan: TrialPlan, folder: Path, facts: dict[str, Any]) -> None:
    if not facts["history"]:
        return
    samples = phase_samples(read_trial_of(folder, facts))
    names = (plan.guard.name, plan.scenario.name)
    histograms = {tag(*names, phase, side): histogram(values) for (phase, side), values in samples.items()}
    lasted = (facts["end_ns"] - facts["start_ns"]) / 1e9 if facts["end_ns"] else 0.0
    write_hlog(folder / "latency.hlog", histograms, facts["began"], facts["began"] + lasted)


def read_trial_of(folder: Path, facts: dict[str, Any]) -> Any:
    """Read back the trial that was just written; its facts are on disk only at the end."""
    write_json(folder / "trial.json", facts)
    return read_trial(folder)


def _faults(plan: TrialPlan, folder: Path) -> list[dict[str, Any]]:
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


def _reason(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0]
