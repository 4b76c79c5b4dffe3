"""Host leases and launches in a run: real workers, a real server, and an endpoint that leads nowhere."""

import pandas as pd
import pytest
from commands import leasebench, read

from leasebench.bench.run import run_suite
from leasebench.bench.suite import load_suite
from leasebench.definitions import DefinitionError
from leasebench.results.evidence.host_leases import held_leases
from leasebench.results.evidence.trial import read_trials
from leasebench.results.record.journal import RowOutcome

SUITE = """
guards = ["monotonic_safe_clean"]
scenarios = ["hosts"]
duration_s = DURATION
min_races = 1
settle_s = 0.5
[scenario.hosts]
about = "leases of hosts"
load = { enactors = ENACTORS, endpoints = 2, planner = { rate_per_s = 20.0 } }
[scenario.hosts.programs.host_leases]
hosts = 40
interval_ms = 100.0
ttl_ms = TTL
timeout_ms = 5000.0
HOSTS
[scenario.hosts.programs.launches]
hosts = 40
rate_per_s = 100.0
MORE
"""


def suite_of(tmp_path, *, hosts='endpoint = ""', more="", enactors=0, duration_s=1.0, ttl_ms=1000):
    text = SUITE.replace("HOSTS", hosts).replace("MORE", more)
    text = text.replace("ENACTORS", str(enactors)).replace("DURATION", str(duration_s)).replace("TTL", str(ttl_ms))
    (tmp_path / "s.toml").write_text(text)


class Silent:
    """Listens to a run, and says nothing."""

    def begin(self, plan, of):
        pass

    def watch(self, elapsed_s, figures):
        pass

    def end(self, plan, facts):
        pass


@pytest.fixture
def run(tmp_path):
    def run(**given):
        suite_of(tmp_path, **given)
        run_suite(load_suite(str(tmp_path / "s.toml")), 1, "embedded", tmp_path / "r", Silent())
        (cell,) = read(tmp_path / "r/summary.json")["cells"]
        (folder,) = (tmp_path / "r" / "trials").iterdir()
        assert cell["failures"] == []
        return cell, folder

    return run


def test_every_host_has_its_lease_and_instances_are_launched_on_them(run):
    cell, folder = run()
    assert (cell["host_leases"], cell["host_leases_held"], cell["host_leases_held_pct"]) == (40, 40, 100.0)
    assert cell["work_completed"] > 40
    assert cell["launches"] > 5
    assert cell["launch_requests"] == cell["launches"] + cell["launches_refused"] + cell["launches_unreached"]
    data = pd.read_parquet(folder / "data.parquet")
    launched = data[data["kind"] == "launch"]
    assert list(launched["version"]) == list(range(1, len(launched) + 1))
    tokens = data[data["kind"] == "grant"].groupby("lease", observed=True)["token"].agg(list)
    assert all(row.token in tokens[row.lease] for row in launched.itertuples()), "of the lease that was live"
    journal = pd.read_parquet(folder / "journal.parquet")
    work = journal[journal["kind_name"] == "host_work"]
    assert set(work["version"]) == set(range(40))
    assert (work["start_ns"] >= work["due_ns"]).all()
    by = {int(name[-1]): set(rows["version"] % 2) for name, rows in work.groupby(work["process"].astype(str))}
    assert by == {0: {0}, 1: {1}}, "each host has one worker"
    (trial,) = read_trials(folder)
    t_s, held = held_leases(trial).over_time(50)
    assert held.max() == 40
    assert (t_s[0], held[0]) == (0.0, 0)


def test_a_batch_is_one_request_and_an_event_for_each_lease(run):
    cell, folder = run(hosts='endpoint = ""\nwork_ms = 0.0\npolicy = "batched"')
    assert cell["host_leases_held"] == 40
    data, journal = pd.read_parquet(folder / "data.parquet"), pd.read_parquet(folder / "journal.parquet")
    requests = ((journal["kind_name"] == "renew") & (journal["outcome"] == RowOutcome.DONE)).sum()
    assert 0 < requests < (data["kind"] == "renew").sum()


def test_without_a_record_nothing_is_held_and_nothing_is_launched(run):
    # No enactor: no plan is ever applied, so the endpoint leads nowhere.
    cell, folder = run(hosts='endpoint = "e000"')
    assert (cell["host_leases"], cell["host_leases_held"], cell["work_completed"]) == (40, 0, 0)
    assert cell["launches"] == 0
    assert cell["launches_refused"] == cell["launch_requests"] > 0
    assert cell["launch_success_rate"] == 0.0
    assert set(pd.read_parquet(folder / "data.parquet")["reason"]) == {"no_lease"}


def test_what_a_library_holds_is_known_by_what_its_workers_believe(run):
    cell, folder = run(hosts='endpoint = ""\nmanager = "redis_py"')
    assert cell["host_leases_held"] == 40
    assert "grant" not in set(pd.read_parquet(folder / "data.parquet")["kind"])


CRASH = """
[[scenario.hosts.faults]]
kind = "crash"
program = "host_leases"
enactors = [0]
after = "renew"
every = 40
"""


def test_the_successor_of_a_killed_worker_takes_its_hosts_over_when_their_leases_have_run_out(run):
    hosts = 'endpoint = ""\nwork_ms = 0.5'
    cell, folder = run(hosts=hosts, more=CRASH + "restart_ms = 20.0\n", duration_s=3.0, ttl_ms=300)
    assert cell["faults"]["crash"]["hit"] > 0
    data, journal = pd.read_parquet(folder / "data.parquet"), pd.read_parquet(folder / "journal.parquet")
    killed = journal[journal["kind_name"] == "kill"]
    assert set(killed["process"].astype(str).str.split("+").str[0]) == {"host_leases-0"}
    grants = data[(data["kind"] == "grant") & (data["enactor"] == "host_leases-0")]
    lives = grants["attempt"] // (1 << 32)
    again = grants[lives > 0]
    assert len(again)
    for one in again.itertuples():
        before = data[(data["lease"] == one.lease) & (data.index < one.Index) & data["kind"].isin(["grant", "renew"])]
        assert one.t_us >= before["expires_us"].max() - 2_000, "not before the old lease had run out"


def test_a_worker_that_is_killed_for_good_leaves_its_leases_to_lapse(run):
    cell, _ = run(hosts='endpoint = ""\nwork_ms = 0.5', more=CRASH, duration_s=2.5)
    assert cell["faults"]["crash"]["hit"] == 1
    assert cell["leases_lapsed"] == 20
    assert cell["host_leases_held"] == 20


@pytest.mark.parametrize(
    ("hosts", "told"),
    [
        ("hosts = 100001", "100000"),
        ("count = 17", "16"),
        ('policy = "fixed_intervall"', "did you mean fixed_interval"),
        ("policy = { order = 'oldest' }", "'fifo' or 'newest_first'"),
        ("policy = { batches = 3 }", "did you mean batch"),
        ('manager = "reddis"', "did you mean redis"),
        ('manager = "expiry_record"', "cannot renew a lease: use one of "),
        ("interval_ms = 900.0\nttl_ms = 900", "ttl_ms 900 is over before the next check"),
    ],
)
def test_bad_settings_are_one_line_with_place_and_way_out(tmp_path, monkeypatch, hosts, told):
    lines = [line for line in SUITE.splitlines() if line.split(" ")[0] not in hosts.replace("\n", " ").split(" ")]
    text = "\n".join(lines).replace("HOSTS", hosts).replace("MORE", "")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.toml").write_text(text.replace("ENACTORS", "0").replace("DURATION", "1.0").replace("TTL", "1000"))
    with pytest.raises(DefinitionError) as error:
        load_suite("s.toml")
    (line,) = str(error.value).splitlines()
    assert told in line
    assert line.startswith("s.toml:")
    assert "host_leases" in line


def test_a_bad_setting_ends_the_command_with_2(tmp_path):
    suite_of(tmp_path, hosts='manager = "expiry_record"')
    ended = leasebench("run", "s.toml", "--out", "r", cwd=tmp_path)
    assert ended.returncode == 2
    assert len(ended.stderr.strip().splitlines()) == 1


def test_the_scenario_of_its_name_has_both_kinds():
    (scenario,) = load_suite("host_leases").scenarios
    assert {"host_leases", "launches"} <= set(scenario.programs_by_kind())
    leases, launches = (scenario.programs_by_kind()[kind] for kind in ("host_leases", "launches"))
    assert leases.hosts == launches.hosts
    assert leases.capacity_per_s > leases.hosts * 1000 / leases.interval_ms
