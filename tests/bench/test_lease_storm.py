"""An outage of the data store behind real workers: they notice it, do no work in it, and go on afterwards."""

import json

import pandas as pd
import pytest
from commands import leasebench

from leasebench import load
from leasebench.bench.suite import load_suite
from leasebench.results.reading.storms import storms
from leasebench.results.record.journal import RowOutcome

SUITE = """
guards = ["monotonic"]
scenarios = ["storm"]
duration_s = 3.0
settle_s = 0.1
[scenario.storm]
about = "a short outage"
expected = ["recovers", "slow", "metastable"]
load = { enactors = 0, endpoints = 1, timeout_ms = 100.0 }
[scenario.storm.programs.host_leases]
count = 2
endpoint = ""
hosts = 40
interval_ms = 500.0
timeout_ms = 400.0
work_ms = 2.0
ttl_ms = 1000
[[scenario.storm.faults]]
kind = "partition"
program = "host_leases"
enactors = [0, 1]
first_s = 1.0
every_s = 1000.0
ms = 600
[scenario.storm.vary]
"programs.host_leases.manager" = ["redis", "redis_py"]
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    place = tmp_path_factory.mktemp("storm")
    (place / "s.toml").write_text(SUITE)
    ended = leasebench("run", "s.toml", "--out", "r", "--seed", "3", cwd=place)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert leasebench("check", "r", cwd=place).returncode == 0
    return place / "r"


@pytest.fixture(params=["redis", "redis_py"])
def trial(run, request):
    (folder,) = (one for one in (run / "trials").iterdir() if one.name.endswith(f"storm-{request.param}"))
    (fault,) = json.loads((folder / "faults.json").read_text())
    return pd.read_parquet(folder / "journal.parquet"), fault


def test_each_worker_notices_within_a_bounded_time(trial):
    journal, fault = trial
    lost = journal[(journal["outcome"] == RowOutcome.UNKNOWN) & (journal["end_ns"] >= fault["start_ns"])]
    for worker in ("host_leases-0", "host_leases-1"):
        first = lost.loc[lost["process"] == worker, "end_ns"].min()
        # A check is due every 25 ms, and its request is given up after 100 ms; the rest is for a busy machine.
        assert first - fault["start_ns"] < 1.5e9, worker
    assert fault["hit"]


def test_no_work_is_done_in_the_outage_and_all_of_it_afterwards(trial):
    journal, fault = trial
    work = journal[(journal["kind_name"] == "host_work") & (journal["outcome"] == RowOutcome.DONE)]
    inside = (work["start_ns"] > fault["start_ns"]) & (work["end_ns"] < fault["end_ns"])
    assert not inside.any()
    assert set(work.loc[work["start_ns"] > fault["end_ns"], "version"]) == set(range(40))


def test_what_was_seen_is_a_storm_on_the_map(run):
    points = storms(load(run))
    assert [one.manager for one in points] == ["redis", "redis_py"]
    for one in points:
        assert one.storm.load == pytest.approx(0.08)
        assert one.asked_s == 0.6
        assert one.storm.outage_s > 0.4
        assert one.cell.as_expected


@pytest.mark.parametrize("name", ["lease_storm", "lease_storm_quick"])
def test_every_storm_of_the_suites_that_come_along_can_be_survived(name):
    for scenario in load_suite(name).scenarios:
        workers = scenario.programs_by_kind()["host_leases"]
        assert workers.hosts / (workers.interval_ms / 1000) < workers.capacity_per_s
        assert scenario.parsed_faults[0].ms < workers.interval_ms
