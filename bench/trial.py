"""One trial from start to end: a fresh prefix, a crew, a history that is read out, and files that stay readable."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from bench.engines.executor import ProcessSpec
from bench.engines.placement import place
from bench.engines.processes import Crew, Figures, ProcessFailed, Report
from bench.records import Drainer, fault_log, finish_records, write_latency
from bench.rundir import write_json
from bench.servers import Server, ServerUnusable, without_password
from bench.trialplan import CELL, TrialPlan
from enactors.store.keys import Keys
from enactors.store.redis_store import RedisStore
from enactors.store.wire import ReplyUnknown, ServerDown, ServerError, Wire
from results.history import BadRunDirectory, HistoryWriter

NODE = "n0"
TIMEOUT_S = 1.0

Watch = Callable[[float, Figures], None]


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
        _keep_to_core(server)
        store = RedisStore(Wire(server.url, TIMEOUT_S), keys, plan.cell, "harness")
        store.load_scripts()
        with HistoryWriter(folder / "history.parquet", CELL, NODE) as history:
            try:
                _race(plan, server, keys, store, folder, report, watch, history)
            finally:
                finish_records(folder, store, history, facts)
    except (ProcessFailed, ServerUnusable, ServerDown, ReplyUnknown, ServerError, BadRunDirectory, OSError) as error:
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
        write_latency(plan, folder, facts)
        write_json(folder / "faults.json", fault_log(plan, folder))
        write_json(folder / "trial.json", facts)
    except (BadRunDirectory, OSError) as error:
        facts |= {"status": "failed", "history": False, "reason": facts.get("reason") or _reason(error)}
        with suppress(OSError):
            write_json(folder / "trial.json", facts)
    return facts


def _keep_to_core(server: Server) -> None:
    """Pin a server of ours to its core; one that was revived has to be pinned again."""
    cores = place(1).server
    if server.pid is not None and cores:
        os.sched_setaffinity(server.pid, cores)


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
    crew = Crew(_specs(plan, server, keys, folder), report)
    drainer = Drainer(store, history, folder / "harness.journal")
    try:
        with crew:

            def attend(elapsed_s: float, figures: Figures) -> None:
                drainer.relieve(figures.commits)
                watch(elapsed_s, figures)

            crew.run(plan.timing, attend)
    finally:
        drainer.close()


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


def _reason(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return without_password(text.splitlines()[0])
