"""One trial from start to end: a fresh prefix, a crew, a history that is read out, and files that stay readable."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from leasebench.bench.conductor import Conductor
from leasebench.bench.engines.placement import place
from leasebench.bench.engines.processes import Crew, Figures, ProcessFailed, Report
from leasebench.bench.engines.spec import ProcessSpec, Role
from leasebench.bench.reaper import reaper
from leasebench.bench.records import CellRecords, Drainer, fault_log, finish_records, write_latency
from leasebench.bench.rundir import write_json
from leasebench.bench.servers import Server, ServerUnusable, without_password
from leasebench.bench.stage import Stage
from leasebench.bench.trialplan import TrialPlan
from leasebench.enactors.plan import Cell
from leasebench.enactors.store.keys import Keys
from leasebench.enactors.store.redis_store import RedisStore
from leasebench.enactors.store.wire import ReplyUnknown, ServerDown, ServerError, Wire
from leasebench.results.history import BadRunDirectory, HistoryWriter
from leasebench.results.journal import Journal

Watch = Callable[[float, Figures], None]


@dataclass(frozen=True, slots=True)
class Scene:
    """What is there between the start of a trial's servers and the reading of its history."""

    plan: TrialPlan
    stage: Stage
    cells: list[CellRecords]
    folder: Path
    report: Report
    watch: Watch
    history: HistoryWriter


Perform = Callable[[Scene], None]
"""What happens in a scene. Raises ProcessFailed and what servers raise."""


def run_trial(
    plan: TrialPlan, server: Server, run: str, folder: Path, watch: Watch, perform: Perform | None = None
) -> dict[str, Any]:
    """Run a trial into `folder` and return its facts, which also stand in `trial.json`.

    It is a race, unless something else is to be performed.

    A process that dies, a server that goes away or a full disk makes the trial `failed`, with the reason; what was
    recorded is kept. Raises KeyboardInterrupt only.
    """
    facts = _facts_before(plan)
    report = Report()
    notes: list[str] = []
    try:
        folder.mkdir(parents=True)
        write_json(folder / "trial.json", facts)
        server.revive()
        with _arranged(plan, server, run, folder) as stage:
            facts["stepped_clocks"] = stage.stepped_clocks
            _keep_to_core(stage)
            cells = [_open(stage, cell, keys) for cell, keys in zip(plan.cells, stage.keys, strict=True)]
            with HistoryWriter(folder / "history.parquet") as history:
                try:
                    (perform or _race)(Scene(plan, stage, cells, folder, report, watch, history))
                finally:
                    notes += stage.notes()
                    finish_records(folder, cells, history, facts)
    except (ProcessFailed, ServerUnusable, ServerDown, ReplyUnknown, ServerError, BadRunDirectory, OSError) as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise error.__context__ from None  # what failed is the clearing up after it
        facts |= {"status": "failed", "reason": _reason(error)}
    else:
        facts["status"] = "ok"
    notes += reaper().notes()
    if notes:
        facts["notes"] = notes
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


def _arranged(plan: TrialPlan, server: Server, run: str, folder: Path) -> Stage:
    """Let every fault ask for the servers and ways that it needs."""
    keys = [Keys(run, str(plan.number), cell.name) for cell in plan.cells]
    stage = Stage(server, folder, keys, plan.ttl_ms)
    for number, strike in enumerate(plan.strikes):
        if strike is not None:
            strike.arrange(stage, number, Random(f"{plan.seed} arrange {number}"))
    return stage


def _keep_to_core(stage: Stage) -> None:
    """Pin the servers that are ours to their core; one that was revived has to be pinned again."""
    cores = place(1).server
    if cores:
        for pid in stage.pids:
            os.sched_setaffinity(pid, cores)


def _open(stage: Stage, cell: Cell, keys: Keys) -> CellRecords:
    """Meet the store of one cell. Its scripts are loaded, so that none is sent within a measured operation.

    A lease server of the trial's own has loaded them itself.
    """
    store = RedisStore(Wire(stage.store_url), keys, cell, "harness")
    store.load_scripts()
    return CellRecords(cell.name, store, stage.nodes.get("store"), stage.nodes.get("lease"))


class Onlooker:
    """What the harness does while the load goes on."""

    def __init__(self, conductor: Conductor, stage: Stage, drainer: Drainer, watch: Watch) -> None:
        self._conductor, self._stage, self._drainer, self._watch = conductor, stage, drainer, watch

    def look(self, elapsed_s: float, figures: Figures) -> None:
        """Lead the faults, keep the history short, tell the user."""
        self._conductor.attend(elapsed_s)
        self._drainer.relieve(figures.commits)
        self._watch(elapsed_s, figures)

    def load_is_over(self) -> None:
        """The faults are over with the load: what has to settle does so in peace."""
        self._conductor.heal_all()
        self._stage.calm()


def _race(scene: Scene) -> None:
    plan, stage, folder = scene.plan, scene.stage, scene.folder
    journal = Journal(folder / "harness.journal")
    conductor = Conductor(plan.strikes, stage, plan.seed, journal)
    onlooker = Onlooker(conductor, stage, Drainer(scene.cells, scene.history, journal), scene.watch)
    crew = Crew(specs(plan, stage, folder), scene.report)
    stage.crowd = crew
    try:
        with crew:
            try:
                crew.run(plan.timing, onlooker)
            finally:
                conductor.heal_all()
    finally:
        journal.close()
        stage.end_traffic()


def specs(plan: TrialPlan, stage: Stage, folder: Path) -> list[ProcessSpec]:
    """What the processes of a trial are told: planners, enactors and operators, cell by cell."""
    load, rng = plan.scenario.load, Random(plan.seed)
    placement = place(load.enactors * load.cells)
    guard = plan.guard.with_ttl(plan.ttl_ms)
    strikes = plan.strikes
    outages = any(strike.outage() for strike in strikes if strike is not None)

    def spec(cell: Cell, keys: Keys, role: Role, name: str, cpus: tuple[int, ...], enactor: int = 0) -> ProcessSpec:
        way = stage.way(f"{cell.name}.{name}")
        return ProcessSpec(
            role=role,
            name=name,
            url=way.store,
            lease_url=way.lease,
            keys=keys,
            cell=cell,
            guard=guard,
            ttl_ms=plan.ttl_ms,
            load=load,
            strikes=strikes,
            seed=rng.getrandbits(48),
            folder=folder,
            cpus=cpus,
            outages=outages,
            enactor=enactor,
        )

    crew = []
    for place_, (cell, keys) in enumerate(zip(plan.cells, stage.keys, strict=True)):
        crew.append(spec(cell, keys, Role.PLANNER, "planner", placement.planner))
        for number, name in enumerate(plan.enactors):
            cpus = placement.enactors[place_ * load.enactors + number]
            crew.append(spec(cell, keys, Role.ENACTOR, name, cpus, number))
        if load.operator is not None:
            crew.append(spec(cell, keys, Role.OPERATOR, "operator", placement.planner))
    return crew


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
        "cells": [cell.name for cell in plan.cells],
        "endpoints": list(plan.cells[0].endpoints),
        "enactors": plan.enactors,
        "min_races": plan.suite.min_races,
        "settle_s": plan.suite.settle_s,
        "expected": [verdict.value for verdict in plan.guard.expected(plan.scenario.name, plan.scenario.trouble)],
        "lease": {"ttl_ms": plan.ttl_ms, "audited": plan.guard.manager.audited} if exclude else None,
    }


def _reason(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return without_password(text.splitlines()[0])
