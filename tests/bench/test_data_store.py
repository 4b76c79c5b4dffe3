"""A program kind behind an endpoint works on a data store of its own: its leases, its procedures, its history."""

import pandas as pd
import pytest
from third_party import Package

KIND = '''
from dataclasses import dataclass
from typing import ClassVar

from leasebench.definitions import Definition
from leasebench.enactors.arrivals import Arrivals
from leasebench.enactors.downstream.operations import ReadClock, Reach
from leasebench.enactors.kind import Ends, NoObserver
from leasebench.enactors.operations import AwaitDue
from leasebench.enactors.procedure import StoredProcedure
from leasebench.leases.lease import Lease, Wait
from leasebench.leases.managers.redis_lease import PLUGIN as MANAGER
from leasebench.leases.outcome import Done, Refused


@dataclass(frozen=True, slots=True)
class Place(StoredProcedure):
    host: str
    token: str
    step: ClassVar[str] = "place"
    lua: ClassVar[str] = """
        if redis.call('GET', KEYS[1]) ~= ARGV[3] then
          append(KEYS[3], 'reject', '', '', '', ARGV[1], ARGV[2], ARGV[4], ARGV[3], '', '', 'not_owner', '')
          return 'not_owner:0'
        end
        local placed = redis.call('INCR', KEYS[2])
        append(KEYS[3], 'place', '', placed, '', ARGV[1], ARGV[2], ARGV[4], ARGV[3], '', '', '', '')
        return placed
    """

    def works_on(self):
        return f"lease:{self.host}", "placed"

    def arguments(self):
        return self.token, self.host


class Settings(Definition):
    count: int = 1
    endpoint: str = "e000"


class Holders:
    name = "holder"
    about = "takes the lease of a host, and places something there"
    settings = Settings
    single = False
    ends = Ends.WITH_THE_LOAD
    gauges = ()
    renews = False
    behind_endpoint = True

    def schedule(self, place):
        return Arrivals(arrivals="steady", rate_per_s=50.0)

    def lease_manager(self, place):
        return MANAGER

    def begin(self, place):
        def hold(number):
            if not (yield AwaitDue()):
                return number
            reached = yield Reach(place.settings.endpoint)
            if reached is not True:
                return number
            host = f"host-{number}"
            lease = yield from MANAGER.acquire(host, 5_000, Wait(timeout_ms=0.0))
            if isinstance(lease, Lease):
                assert (yield ReadClock()) > 0
                assert not isinstance((yield Place(host, lease.token)), Refused)
                assert not isinstance((yield Place(host, "another")), Done)
            return number + place.count
        return hold, place.number

    def after_load(self, place):
        return self.begin(place)[0]

    def observer(self, notebook):
        return NoObserver()

    def settled(self, gauge, published):
        return True

PLUGIN = Holders()
'''
SUITE = """
guards = ["monotonic_safe_clean"]
scenarios = ["behind"]
duration_s = 1.0
min_races = 1
settle_s = 0.5
[scenario.behind]
about = "a system behind the endpoint"
load = { enactors = ENACTORS, endpoints = 2, planner = { rate_per_s = 20.0 } }
programs.holder = { count = 2, endpoint = "ENDPOINT" }
MORE
"""


@pytest.fixture
def run(tmp_path):
    package = Package(tmp_path / "package")
    package.add("holders", KIND, enactors="PLUGIN")

    def run(*, enactors=2, endpoint="e000", more=""):
        text = SUITE.replace("ENACTORS", str(enactors)).replace("ENDPOINT", endpoint).replace("MORE", more)
        (tmp_path / "s.toml").write_text(text)
        ended = package.run("run", "s.toml", "--out", "r", "--seed", 1, cwd=tmp_path)
        assert ended.returncode in (0, 1, 4), ended.stdout + ended.stderr
        (folder,) = (tmp_path / "r" / "trials").iterdir()
        assert package.run("check", "r", cwd=tmp_path).returncode == 0
        return folder

    return run


def test_its_leases_and_procedures_stand_in_a_history_apart(run):
    folder = run()
    data = pd.read_parquet(folder / "data.parquet")
    assert list(data["seq"]) == list(range(len(data)))
    kinds = data["kind"].value_counts()
    assert kinds["grant"] == kinds["place"] == kinds["reject"] > 0
    assert set(data["enactor"]) == {"holder-0", "holder-1"}
    placed = data[data["kind"] == "place"]
    assert list(placed["version"]) == list(range(1, len(placed) + 1)), "one atomic step each"
    assert set(data.loc[data["kind"] == "reject", "reason"]) == {"not_owner"}
    history = pd.read_parquet(folder / "history.parquet")
    assert not set(history["enactor"]) & set(data["enactor"])
    journal = pd.read_parquet(folder / "journal.parquet")
    done = journal[(journal["kind_name"] == "place") & (journal["outcome"] == 1)]
    joined = done.assign(enactor=done["process"].astype(str)).merge(
        placed.assign(enactor=placed["enactor"].astype(str)), on=["enactor", "attempt"]
    )
    assert len(joined) == len(placed), "each placement is one that its client knows"


def test_without_a_record_there_is_no_connection(run):
    # No enactor: no plan is ever applied, so the endpoint leads nowhere.
    folder = run(enactors=0)
    assert len(pd.read_parquet(folder / "data.parquet")) == 0
    journal = pd.read_parquet(folder / "journal.parquet")
    reached = journal[journal["kind_name"] == "reach"]
    assert len(reached) > 0
    assert not reached["seen"].any()
    assert set(journal["process"]) <= {"holder-0", "holder-1", "harness"}


def test_without_dns_it_can_be_reached_directly(run):
    folder = run(enactors=0, endpoint="")
    assert (pd.read_parquet(folder / "data.parquet")["kind"] == "place").any()
    assert len(pd.read_parquet(folder / "history.parquet")) == 0


def test_a_lease_server_of_the_trials_own_records_the_data_store_too(run):
    fault = (
        '[[scenario.behind.faults]]\nkind = "restart"\nserver = "lease"\nfirst_s = 0.4\nevery_s = 5.0\ndown_ms = 5.0\n'
    )
    folder = run(more=fault)
    data = pd.read_parquet(folder / "data.parquet")
    assert {"grant", "place", "restart"} <= set(data["kind"])
