"""Faults that hit real processes: what they do stands in the journal, and the trial goes on."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import read

from leasebench.bench.run import plan_trials
from leasebench.bench.servers.external import ExternalServer
from leasebench.bench.suite import load_suite
from leasebench.bench.trial import run_trial
from leasebench.definitions import DefinitionError
from leasebench.results.charts.buckets import quantile_us
from leasebench.results.checks.resuming import resuming
from leasebench.results.evidence.journal_table import read_journal
from leasebench.results.evidence.trial import read_trials
from leasebench.results.latency.hlog import read_buckets
from leasebench.results.record.journal import RowKind, RowOutcome

HEAD = """
guards = ["{guard}"]
scenarios = ["s"]
duration_s = {duration_s}
min_races = 1
settle_s = 3.0

[guard.watched]
about = "a lease with a watchdog, checked inside, never fenced"
decide = {{ check = "inside" }}
exclude = {{ manager = "redis", renewal = "watchdog" }}
commit = "unconditional"

[scenario.s]
about = "a fault"

[scenario.s.load]
cells = {cells}
enactors = {enactors}
endpoints = 4
planner.rate_per_s = 40.0
work.median_ms = {work_ms}
resume = "{resume}"

"""
USUAL = {
    "guard": "redis_lock",
    "duration_s": 1.0,
    "cells": 1,
    "enactors": 3,
    "work_ms": 2.0,
    "resume": "start_over",
}


@pytest.fixture
def run(server_url, tmp_path):
    """Run one trial with the faults that a TOML text gives; returns its facts and its folder."""

    def run_one(faults: str, *, seed=1, **changed):
        path = tmp_path / "tiny.toml"
        path.write_text(HEAD.format(**(USUAL | changed)) + faults)
        (plan,) = plan_trials(load_suite(str(path)), seed)
        folder = tmp_path / plan.folder_name
        facts = run_trial(plan, ExternalServer(server_url), "t", folder, lambda *_: None)
        assert facts.status == "ok", facts
        return facts, folder

    return run_one


def rows(folder: Path, kind: RowKind) -> pd.DataFrame:
    journal = read_journal(folder / "journal.parquet")
    return journal[journal["kind"] == int(kind)]


def fault(**settings) -> str:
    lines = [
        f"{name} = {str(value).lower() if isinstance(value, bool) else repr(value)}" for name, value in settings.items()
    ]
    return "\n".join(["[[scenario.s.faults]]", *lines, ""])


def test_a_killed_enactor_is_replaced_and_the_next_one_resumes_where_the_store_stands(run):
    facts, folder = run(fault(kind="crash", after="commit", enactors=[0], every=2, restart_ms=20.0), duration_s=1.5)
    kills = rows(folder, RowKind.KILL)
    assert len(kills) >= 2
    assert {name.partition("+")[0] for name in kills["process"]} == {"enactor-0"}
    lives = {each.life for each in facts.processes if each.name == "c0.enactor-0"}
    assert lives == set(range(len(kills) + 1)), "one life more than deaths"
    (trial,) = read_trials(folder)
    commits = trial.events.of("commit")
    attempts = pd.Series(list(zip(trial.events.enactor[commits], trial.events.attempt[commits], strict=True)))
    assert attempts.is_unique, "the attempts of two lives never share a number"
    last = trial.events.version[trial.events.published[-1]]
    for at in trial.events.commits_by_endpoint:
        assert trial.events.version[at[-1]] == last, "and every endpoint reached the last plan"
    for row in read(folder / "faults.json"):
        assert row["fault"] == "crash"
        assert row["hit"] is True


def test_nothing_of_a_process_stands_after_its_death(run):
    _, folder = run(fault(kind="crash", after="acquire", enactors=[0, 1], every=2, restart_ms=10.0))
    journal = read_journal(folder / "journal.parquet")
    assert len(rows(folder, RowKind.KILL)) >= 1
    for kill in rows(folder, RowKind.KILL).itertuples():
        own = journal[journal["process"] == kill.process]
        assert own["start_ns"].max() == kill.start_ns
        before = own[own["start_ns"] < kill.start_ns].iloc[-1]
        assert before["kind"] == int(RowKind.ACQUIRE), "it was killed right after it was granted its lease"
        assert before["outcome"] == int(RowOutcome.DONE)


def test_a_killed_enactor_without_a_successor_is_gone_and_the_others_go_on(run):
    facts, folder = run(fault(kind="crash", before="commit", enactors=[0]))
    (kill,) = rows(folder, RowKind.KILL).itertuples()
    assert {each.life for each in facts.processes} == {0}
    commits = rows(folder, RowKind.COMMIT)
    assert set(commits[commits["start_ns"] > kill.start_ns]["process"]) == {"enactor-1", "enactor-2"}


def test_a_watchdog_alone_stands_still_while_its_worker_goes_on(run):
    held = fault(kind="pause", who="renewer", before="renew", enactors=[0, 1, 2], times_ttl=3.0)
    _, folder = run(held, guard="watched", work_ms=160.0, duration_s=2.0)
    delays = rows(folder, RowKind.DELAY)
    assert len(delays) > 0
    assert all(name.endswith("-renewer") for name in delays["process"])
    (trial,) = read_trials(folder)
    written = 0
    for held_up in delays.itertuples():
        worker = rows(folder, RowKind.COMMIT)
        own = worker[worker["process"] == held_up.process.removesuffix("-renewer")]
        written += int(np.count_nonzero((own["start_ns"] > held_up.start_ns) & (own["end_ns"] < held_up.end_ns)))
    assert written > 0, "a worker wrote while its watchdog was held up"
    lost = trial.events.of("reject") & (trial.events.reason == trial.events.reasons.index("lease_lost"))
    assert np.any(lost), "and the lease server said later that the lease was lost"


@pytest.mark.parametrize(
    ("guard", "settings", "kind"),
    [
        ("monotonic", {"kind": "pause", "before": "commit", "ms": 5.0}, RowKind.PAUSE),
        ("watched", {"kind": "pause", "who": "renewer", "before": "renew", "ms": 5.0}, RowKind.DELAY),
    ],
)
def test_no_fault_acts_once_the_load_is_over_though_an_application_goes_on(run, guard, settings, kind):
    """An application takes two seconds here: the last ones go on for long after the load."""
    held = fault(**settings, enactors=[0, 1, 2])
    facts, folder = run(held, guard=guard, work_ms=500.0, duration_s=3.0)
    after_s = (rows(folder, RowKind.COMMIT)["end_ns"] - facts.load_end_ns) / 1e9
    assert after_s.max() > 0.5, "work went on"
    acted_s = (rows(folder, kind)["start_ns"] - facts.load_end_ns) / 1e9
    assert acted_s.min() < 0
    assert acted_s.max() < 0.2


def test_processes_are_stopped_together_at_random_times(run):
    _, folder = run(fault(kind="pause", per_s=10.0, enactors=[0, 1], ms=200.0), duration_s=2.0, guard="monotonic")
    stops = rows(folder, RowKind.FAULT)
    assert len(stops) >= 3
    assert set(stops["process"]) == {"harness"}
    journal = read_journal(folder / "journal.parquet")
    last_is_cut = stops.iloc[:-1]
    for stop in last_is_cut.itertuples():
        assert stop.end_ns - stop.start_ns >= 195e6
        middle_ns = (stop.start_ns + stop.end_ns) // 2
        begun = (journal["start_ns"] > middle_ns - 10e6) & (journal["start_ns"] < middle_ns + 10e6)
        assert set(journal[begun]["process"]) <= {"planner", "enactor-2"}
    assert all(row["hit"] for row in read(folder / "faults.json")[:-1])


def test_the_response_time_of_discovery_shows_that_all_enactors_stood_still(run):
    """The plan that is picked afterwards is the newest, found within milliseconds: only those that it replaced tell."""
    stop = fault(kind="pause", per_s=2.0, enactors=[0, 1, 2], ms=1000.0)
    _, folder = run(stop, duration_s=2.5, guard="monotonic")
    longest_us = max(each.end_ns - each.start_ns for each in rows(folder, RowKind.FAULT).itertuples()) / 1e3
    assert longest_us > 900_000
    held = dict(read_buckets(folder / "latency.hlog"))["monotonic", "s", "discover", "response"]
    plans_apart_us = 1e6 / 40
    for longest_found_us in (held.high_ns[-1] / 1000, quantile_us(held, 99.9)):
        assert longest_found_us > longest_us - 2 * plans_apart_us
    assert held.counts.sum() > 2 * len(rows(folder, RowKind.PUBLISH)), "three enactors, each of nearly every plan"


def test_a_fault_hits_every_cell_and_each_cell_has_its_own_history(run):
    facts, folder = run(fault(kind="pause", before="commit", enactors=[0], ms=20.0), cells=2, guard="monotonic")
    assert facts.cells == ("c0", "c1")
    assert {row["process"] for row in read(folder / "faults.json")} == {"c0.enactor-0", "c1.enactor-0"}
    first, second = read_trials(folder)
    for trial in (first, second):
        published = trial.events.version[trial.events.published]
        assert list(published) == list(range(1, len(published) + 1)), "versions are counted in each cell"
        assert len(trial.journal) > 0
    assert len(first.events) != len(second.events) or not np.array_equal(first.events.t_us, second.events.t_us)


def test_whether_a_fault_takes_part_is_drawn_from_the_seed(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(
        HEAD.format(**USUAL)
        + fault(kind="pause", before="commit", enactors=[0], ms=5.0, chance=0.5)
        + fault(kind="slow", enactors=[0], median_ms=5.0)
    )
    suite = load_suite(str(path))
    drawn = [plan_trials(suite, seed)[0].faults[0] is not None for seed in range(200)]
    assert 60 < sum(drawn) < 140
    assert drawn == [plan_trials(suite, seed)[0].faults[0] is not None for seed in range(200)]
    assert all(plan_trials(suite, seed)[0].faults[1] is not None for seed in range(20))


def test_a_killed_enactor_with_checkpoints_is_followed_by_one_that_goes_on_behind_them(run):
    crash = fault(kind="crash", after="commit", enactors=[0], restart_ms=20.0)
    _, folder = run(crash, guard="last_writer_wins", enactors=1, resume="checkpoint")
    kills = rows(folder, RowKind.KILL)
    resumed = rows(folder, RowKind.RESUME)
    assert len(kills) >= 1
    assert len(resumed) >= 1
    for one in resumed.itertuples():
        own = rows(folder, RowKind.COMMIT)
        before = own[(own["start_ns"] < one.start_ns) & (own["version"] == one.version)]
        assert len(before) >= one.seen >= 1, "what was walked was written"
    (trial,) = read_trials(folder)
    assert resuming(trial).counts["writes_repeated"] == 0


def test_a_fault_of_one_cell_leaves_the_processes_of_the_others_alone(run):
    stop = fault(kind="pause", before="commit", enactors=[0], cells=[1], ms=20.0)
    _, folder = run(stop, cells=3, enactors=2, guard="monotonic")
    pauses = rows(folder, RowKind.PAUSE)
    assert len(pauses) >= 1
    assert set(pauses["cell"]) == {"c1"}
    assert {target for one in read(folder / "faults.json") for target in one["targets"]} == {"c1.enactor-0"}


def test_a_fault_outside_of_every_cell_is_refused_with_its_place(run):
    with pytest.raises(DefinitionError, match=r"cells.*only the cells 0 to 1"):
        run(fault(kind="pause", before="commit", enactors=[0], cells=[2], ms=20.0), cells=2)
