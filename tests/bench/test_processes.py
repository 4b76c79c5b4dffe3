"""Processes that really run, really stop, and keep every event."""

import gc
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from commands import read, suite_text

from leasebench import registry
from leasebench.bench.engines.processes.spec import ProcessSpec, packed, unpacked
from leasebench.bench.hosts.forkserver import running_forkserver
from leasebench.bench.hosts.placement import place
from leasebench.bench.run import plan_trials
from leasebench.bench.scenario import Load
from leasebench.bench.servers.external import ExternalServer
from leasebench.bench.suite import Suite, load_suite
from leasebench.bench.trial import run_trial
from leasebench.enactors.enactor.kind import EnactorSettings
from leasebench.enactors.kind import Assignment
from leasebench.enactors.plan import Cell, endpoint_names
from leasebench.enactors.store.redis.redis_store import RedisStore
from leasebench.enactors.store.store import CellAddress
from leasebench.parent_death import HARNESS_VARIABLE
from leasebench.results.evidence.journal_table import read_journal
from leasebench.results.evidence.trial import read_trials
from leasebench.results.record.journal import RowKind, RowOutcome


def tiny(tmp_path: Path, **settings) -> Suite:
    path = tmp_path / "tiny.toml"
    path.write_text(suite_text("mine_monotonic", **settings))
    return load_suite(str(path))


@pytest.fixture
def run_one(server_url, tmp_path):
    """Run the first trial of a tiny suite; returns its facts and its folder."""

    def run(waiting_events=1_000_000, **settings):
        (plan,) = plan_trials(tiny(tmp_path, **settings), 1)
        load = plan.scenario.load.model_copy(update={"waiting_events": waiting_events})
        plan = replace(plan, scenario=plan.scenario.model_copy(update={"load": load}))
        folder = tmp_path / plan.folder_name
        facts = run_trial(plan, ExternalServer(server_url), "t", folder, lambda *_: None)
        assert facts.status == "ok", facts
        return facts, folder

    return run


def rows(folder: Path, kind: RowKind) -> pd.DataFrame:
    journal = read_journal(folder / "journal.parquet")
    return journal[journal["kind"] == int(kind)]


def test_a_pause_stops_the_whole_process_for_as_long_as_was_asked(run_one):
    _, folder = run_one(scenario="paused", duration_s=1.0)
    pauses = rows(folder, RowKind.PAUSE)
    assert set(pauses["process"]) == {"enactor-0", "enactor-1"}, "and nobody else"
    lasted_us = (pauses["end_ns"] - pauses["start_ns"]) / 1000
    assert (pauses["seen"] == 150_000).all(), "1.5 times the 100 ms of a lease"
    assert (lasted_us >= pauses["seen"]).all()
    faults = read(folder / "faults.json")
    assert len(faults) == len(pauses) >= 4
    for fault in faults:
        assert fault["fault"] == "pause"
        assert fault["hit"] is True
        assert fault["asked_ms"] == 150.0
        assert fault["lasted_ms"] >= 150.0


def test_nothing_of_a_process_happens_while_it_is_stopped(run_one):
    _, folder = run_one(scenario="paused", duration_s=0.6)
    journal = read_journal(folder / "journal.parquet")
    for pause in rows(folder, RowKind.PAUSE).itertuples():
        own = journal[(journal["process"] == pause.process) & (journal["kind"] == int(RowKind.COMMIT))]
        inside = own[(own["start_ns"] > pause.start_ns) & (own["end_ns"] < pause.end_ns)]
        assert inside.empty


def test_all_processes_begin_at_one_instant(run_one):
    facts, folder = run_one()
    journal = read_journal(folder / "journal.parquet")
    enactors = journal[journal["process"].isin(facts.enactors)]
    first = enactors.groupby("process", observed=True)["start_ns"].min()
    assert len(first) == 3
    assert first.min() >= facts.start_ns
    assert first.max() - first.min() < 50_000_000


def test_every_process_is_recorded_with_the_cores_that_it_had(run_one):
    facts, folder = run_one()
    processes = {each["name"]: each for each in read(folder / "trial.json")["processes"]}
    assert set(processes) == {"c0.planner", *(f"c0.{name}" for name in facts.enactors)}
    assert len({each["pid"] for each in processes.values()} - {os.getpid()}) == 4
    placement = place(3)
    assert processes["c0.planner"]["affinity"] == list(placement.planner)
    for number, cores in enumerate(placement.enactors):
        assert processes[f"c0.enactor-{number}"]["affinity"] == list(cores)


def test_a_history_that_is_drained_meanwhile_keeps_every_event_and_marks_each_drain(run_one, monkeypatch):
    counted = []
    ever = RedisStore.events_ever
    monkeypatch.setattr(RedisStore, "events_ever", lambda self: counted.append(ever(self)) or counted[-1])
    _, folder = run_one(duration_s=1.0, waiting_events=50)
    (read_back,) = read_trials(folder)
    assert len(read_back.events) == counted[-1] > 100
    drains = rows(folder, RowKind.DRAIN)
    assert len(drains) > 0
    assert set(drains["process"]) == {"harness"}
    assert (drains["outcome"] == int(RowOutcome.DONE)).all()
    assert (drains["seen"] > 0).all(), "how many events it took out"
    published = read_back.events.version[read_back.events.of("publish")]
    assert list(published) == list(range(1, len(published) + 1)), "in order, none twice, none lost"


def test_without_a_long_history_nothing_is_drained(run_one):
    _, folder = run_one()
    assert rows(folder, RowKind.DRAIN).empty


PICKS_INSIDE = """
guards = ["late"]
scenarios = ["steady"]
duration_s = 0.5
min_races = 1
settle_s = 0.3

[guard.late]
about = "picks and checks inside a lease over the cell"
decide = { pick = "inside", check = "inside" }
exclude = { manager = "redis", scope = "cell", renewal = "watchdog" }
commit = "fenced"
"""


def test_an_application_that_picks_inside_its_lease_is_timed_from_its_first_look(server_url, tmp_path):
    path = tmp_path / "late.toml"
    path.write_text(PICKS_INSIDE)
    (plan,) = plan_trials(load_suite(str(path)), 1)
    facts = run_trial(plan, ExternalServer(server_url), "t", tmp_path / "trial", lambda *_: None)
    assert facts.status == "ok", facts
    plans, acquired = (rows(tmp_path / "trial", kind) for kind in (RowKind.PLAN, RowKind.ACQUIRE))
    assert len(plans) > 3
    for application in plans.itertuples():
        own = acquired[acquired["process"] == application.process]
        inside = (own["start_ns"] >= application.start_ns) & (own["end_ns"] <= application.end_ns)
        assert inside.sum() == 1


def test_a_harness_that_was_started_by_another_harness_hears_ctrl_c_all_the_same():
    asked = "import signal, bench.engines.processes, bench.run; print(signal.getsignal(signal.SIGINT).__name__)"
    ended = subprocess.run(
        [sys.executable, "-c", asked],
        env={**os.environ, HARNESS_VARIABLE: str(os.getpid())},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout == "default_int_handler\n", ended.stderr


HALF_ASKED = f"""
import os, socket, multiprocess
from multiprocess import forkserver
os.environ["{HARNESS_VARIABLE}"] = str(os.getpid())
multiprocess.get_context("forkserver").set_forkserver_preload(["leasebench.bench.hosts.mortal"])
forkserver.ensure_running()
with socket.socket(socket.AF_UNIX) as asking:
    asking.connect(forkserver._forkserver._forkserver_address)
print(os.waitpid(forkserver._forkserver._forkserver_pid, 0)[1] != 0)
"""


def test_a_forkserver_whose_harness_ends_amid_a_request_says_nothing():
    """Killed between its call and what it was to send: nobody can be made to be killed just there."""
    ended = subprocess.run([sys.executable, "-c", HALF_ASKED], capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.stderr) == ("True\n", "")


def test_what_a_process_is_told_is_pickled_unless_it_stands_in_a_script(tmp_path):
    guard = next(plan for plan in plan_trials(tiny(tmp_path), 1)).guard
    place_of = Assignment(Cell("c0", endpoint_names(10_000)), guard, EnactorSettings(), 0, 1)
    address = CellAddress("r", "1", "c0")
    spec = ProcessSpec("enactor", place_of, "", "", address, 100, Load(), (), 1, tmp_path, ())
    assert isinstance(packed(spec), bytes)
    assert unpacked(packed(spec)) == spec
    of_script = replace(spec, url=type("Local", (), {"__module__": "__main__"})())
    assert packed(of_script) is of_script, "pickle would name it, and the child has no such name"
    assert unpacked(of_script) is of_script


def forked(told: Any) -> None:
    registry_looks = registry._found.cache_info()
    told.send((registry_looks.currsize, gc.get_freeze_count(), "leasebench.leases.managers.redis_lease" in sys.modules))
    told.close()


def test_a_process_is_forked_with_the_plug_ins_looked_through_and_what_it_shares_frozen():
    context = running_forkserver()
    ours, theirs = context.Pipe()
    process = context.Process(target=forked, args=(theirs,), daemon=True)
    process.start()
    assert ours.poll(20)
    looks, frozen, imported = ours.recv()
    process.join(20)
    assert looks >= 4
    assert frozen > 10_000
    assert imported
